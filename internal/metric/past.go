package metric

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/analysis"
)

// Past holds what every pod of stable counted in the past, step by step.
type Past struct {
	Begin     time.Time
	Step      time.Duration // at least a scrape interval, and a multiple of the judge's interval
	Steps     int
	Ratios    []string  // names, in the order of PastStep.Ratios
	Latencies []Buckets // in the order of PastStep.Below
	Pods      []PastPod // by name
	Troubles  []string  // what was wrong with the samples
}

// Buckets names a latency and its boundaries in seconds. The last one is +Inf.
type Buckets struct {
	Name   string
	Bounds []float64
}

// PastPod is a pod of the past.
type PastPod struct {
	Name string
	// First is the step of its first scrape. What it counted before is unknown.
	First int
	Steps []PastStep // one for each step of the past
}

// PastStep holds the increments of a pod in a step.
type PastStep struct {
	// Measured means that the pod was scraped in this step. If it was not, its
	// requests come in a later step.
	Measured bool
	Ratios   []analysis.Counts
	Below    [][]int64 // by latency: the requests within each boundary
}

// Length returns the time that the past covers.
func (p *Past) Length() time.Duration { return time.Duration(p.Steps) * p.Step }

// recording builds a Past from readings. It counts as a Tracker does, but pod by
// pod, because a Tracker does not know the pods of a histogram.
type recording struct {
	metrics    []Metric
	begin, end time.Time
	step       time.Duration
	pods       map[string]*recordedPod
	troubles   []string
}

type recordedPod struct {
	tracker *Tracker
	targets map[string]*Target // with their last scrapes
	first   int
	seen    []recordedStep
}

// recordedStep holds the increments of a step, with all boundaries that the pod has.
type recordedStep struct {
	measured  bool
	ratios    []analysis.Counts
	latencies []*analysis.Histogram // nil if there are none
}

// add counts the scrapes of a reading in the steps from..to-1.
func (r *recording) add(reading Reading, from, to int) error {
	byPod := reading.byPod()
	for name := range byPod {
		switch {
		case name == "":
			return ErrNamelessPods
		case (len(r.pods)+1)*r.steps() > maxPast:
			return fmt.Errorf("more than %d pods in %d intervals are too many; choose a shorter time", len(r.pods), r.steps())
		case r.pods[name] == nil:
			r.pods[name] = &recordedPod{tracker: NewTracker(r.metrics, r.begin), targets: map[string]*Target{}, first: -1, seen: make([]recordedStep, r.steps())}
		}
	}
	for _, t := range reading.Troubles {
		if !slices.Contains(r.troubles, t) {
			r.troubles = append(r.troubles, t)
		}
	}
	for name, p := range r.pods {
		for step := from; step < to; step++ {
			r.observe(p, byPod[name], step)
		}
	}
	return nil
}

func (r *recording) steps() int { return int(r.end.Sub(r.begin) / r.step) }

func (r *recording) at(step int) time.Time { return r.begin.Add(time.Duration(step) * r.step) }

// byPod divides a reading by the pods whose requests its targets count.
func (r Reading) byPod() map[string][]Target {
	all := map[string][]Target{}
	for _, t := range r.Targets {
		own := map[string]*Target{}
		for _, s := range t.Scrapes {
			values := map[string][]Value{}
			for _, v := range s.Values {
				values[v.Pod] = append(values[v.Pod], v)
			}
			for pod, of := range values {
				if own[pod] == nil {
					own[pod] = &Target{Name: t.Name, Arms: t.Arms}
				}
				own[pod].Scrapes = append(own[pod].Scrapes, Scrape{Time: s.Time, Values: of})
			}
		}
		for pod, target := range own {
			all[pod] = append(all[pod], *target)
		}
	}
	return all
}

// observe counts the scrapes of a pod's targets in a step. A target that was not
// scraped for Patience is gone, as for a source that is read now: what it counted
// meanwhile is not used.
func (r *recording) observe(p *recordedPod, targets []Target, step int) {
	end := r.at(step + 1)
	for _, t := range targets {
		if scrapes := t.between(r.at(step), end); len(scrapes) > 0 {
			p.targets[t.Name] = &Target{Name: t.Name, Arms: t.Arms, Scrapes: scrapes}
		}
	}
	reading := Reading{At: end}
	for name, t := range p.targets {
		if end.Sub(t.Scrapes[len(t.Scrapes)-1].Time) > max(Patience, 2*r.step) {
			delete(p.targets, name)
			continue
		}
		reading.Targets = append(reading.Targets, *t)
	}
	if len(reading.Targets) > 0 && p.first < 0 {
		p.first = step
		p.tracker.Observe(Reading{At: r.at(step)}, Weight{}) // count from the first scrape on, not from the last one of the step
	}
	if p.first < 0 {
		return
	}
	if out := p.tracker.Observe(reading, Weight{}); out.Ready {
		p.seen[step] = r.stepOf(ofStable(out.Observation))
	}
}

// between returns the scrapes after begin, up to end.
func (t Target) between(begin, end time.Time) []Scrape {
	from := slices.IndexFunc(t.Scrapes, func(s Scrape) bool { return s.Time.After(begin) })
	if from < 0 {
		return nil
	}
	all := t.Scrapes[from:]
	if later := slices.IndexFunc(all, func(s Scrape) bool { return s.Time.After(end) }); later >= 0 {
		all = all[:later]
	}
	return all
}

// past returns what was counted.
func (r *recording) past() Past {
	past := Past{Begin: r.begin, Step: r.step, Steps: r.steps(), Troubles: r.troubles}
	for _, m := range r.metrics {
		switch m.Kind {
		case KindRatio:
			past.Ratios = append(past.Ratios, m.Name)
		case KindLatency:
			if b := r.shared(m.Name); len(b.Bounds) > 1 {
				past.Latencies = append(past.Latencies, b)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.pods)) {
		p := r.pods[name]
		pod := PastPod{Name: name, First: p.first, Steps: make([]PastStep, past.Steps)}
		for i, s := range p.seen {
			pod.Steps[i] = past.stepOf(s, r.latencies())
		}
		if slices.ContainsFunc(pod.Steps, func(s PastStep) bool { return s.Measured }) {
			past.Pods = append(past.Pods, pod)
		}
	}
	return past
}

// shared returns the boundaries of a latency that all pods have.
func (r *recording) shared(latency string) Buckets {
	b := Buckets{Name: latency}
	first := true
	for _, p := range r.pods {
		own := p.tracker.bounds[latency]
		switch {
		case own == nil: // no series
		case first:
			b.Bounds, first = slices.Clone(own), false
		default:
			b.Bounds = slices.DeleteFunc(b.Bounds, func(x float64) bool { return !slices.Contains(own, x) })
		}
	}
	if n := len(b.Bounds); n == 0 || !math.IsInf(b.Bounds[n-1], 1) {
		b.Bounds = nil
	}
	return b
}

// stepOf keeps what an observation of stable has.
func (r *recording) stepOf(o analysis.Observation) recordedStep {
	s := recordedStep{measured: len(o.Metrics)+len(o.Latency) > 0}
	if !s.measured {
		return s
	}
	for _, m := range r.metrics {
		switch m.Kind {
		case KindRatio:
			counts := analysis.Counts{}
			if arm := o.Metrics[m.Name].Stable; arm != nil {
				counts = arm.Counts
			}
			s.ratios = append(s.ratios, counts)
		case KindLatency:
			s.latencies = append(s.latencies, o.Latency[m.Name].Stable)
		}
	}
	return s
}

// latencies returns the names of the latencies, in the order of recordedStep.
func (r *recording) latencies() (names []string) {
	for _, m := range r.metrics {
		if m.Kind == KindLatency {
			names = append(names, m.Name)
		}
	}
	return names
}

// stepOf reduces histograms to the boundaries that all pods have.
func (p *Past) stepOf(s recordedStep, latencies []string) PastStep {
	step := PastStep{Measured: s.measured, Ratios: s.ratios}
	for _, b := range p.Latencies {
		if !s.measured {
			break
		}
		below := make([]int64, len(b.Bounds))
		if h := s.latencies[slices.Index(latencies, b.Name)]; h != nil {
			for i, bound := range b.Bounds {
				below[i] = h.Total
				if at, found := slices.BinarySearch(h.Bounds, bound); found {
					below[i] = h.Below[at]
				}
			}
		}
		step.Below = append(step.Below, below)
	}
	return step
}
