package metric

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/analysis"
)

// Tracker makes observations of readings: the increments of all counters in
// between. It is not safe for concurrent use.
//
// It never makes up a request. A counter that decreased restarted, and with it all
// counters of the metric in the same target; a series that appears on a known
// target started from 0; what a target counted before it was known, or while it was
// away, is not counted.
type Tracker struct {
	metrics []Metric
	begin   time.Time
	known   map[string]*target
	away    map[string]string // epochs of targets that were known
	read    bool              // at least one reading
	since   time.Time
	sums    map[string]*sums
	bounds  map[string][]float64 // by latency
}

// A source may have nothing new of a target for as long as three of its last scrapes
// were apart until that is a hold, within these bounds. Prometheus scrapes once a
// minute by default.
const (
	LeastPatience = 10 * time.Second
	Patience      = 150 * time.Second
)

// NewTracker prepares to count metrics of a release that begins at a time.
func NewTracker(metrics []Metric, begin time.Time) *Tracker {
	return &Tracker{metrics: slices.Clone(metrics), begin: begin, known: map[string]*target{}, away: map[string]string{}, sums: map[string]*sums{}, bounds: map[string][]float64{}}
}

// target is what is known of a Target.
type target struct {
	epoch    string
	based    bool // there is something to count from
	scraped  bool // since the last observation
	fresh    bool // and something was counted
	last     time.Time
	apart    []time.Duration // the last scrapes
	arms     map[Arm]bool
	counters map[group]map[Value]float64 // keys have no Count
	failed   error
}

// group is a metric of one version: all its counters in a target restart together.
type group struct {
	metric string
	arm    Arm
}

// Weight is the canary's weight at the time of a reading.
type Weight struct {
	Percent float64
	Since   time.Time // when it was last changed
}

// Outcome is what a reading has come to.
type Outcome struct {
	// Ready says that the observation may be judged. Otherwise the source has not
	// counted everything since the last observation, or since the weight was changed,
	// and has to be read again; nothing is lost meanwhile.
	Ready       bool
	Observation analysis.Observation
	// Troubles say, for people, what was not measured and why.
	Troubles []string
}

// Failed is the outcome of a source that could not be read: a gap.
func (t *Tracker) Failed(at time.Time, w Weight, err error) Outcome {
	return Outcome{Ready: true, Observation: t.observation(at, w), Troubles: []string{err.Error()}}
}

func (t *Tracker) observation(at time.Time, w Weight) analysis.Observation {
	return analysis.Observation{Time: at.Sub(t.begin).Seconds(), Weight: w.Percent}
}

// Observe takes a reading in, and gives the observation of everything since the
// last one that was ready. The first reading is only what the others are compared
// with.
func (t *Tracker) Observe(r Reading, w Weight) Outcome {
	out := Outcome{Observation: t.observation(r.At, w)}
	first := !t.read
	if first {
		t.since = r.At
	}
	t.read = true
	for _, m := range r.Metrics {
		if !slices.Contains(t.metrics, m) {
			t.metrics = append(t.metrics, m)
		}
	}
	out.Troubles = append(slices.Clone(r.Troubles), t.take(r, first)...)
	t.gauges(r, &out)
	late, patience := t.late(r.At, w)
	switch {
	case first:
	case late == "":
		out.Troubles = append(out.Troubles, t.emit(&out.Observation)...)
	case r.At.Sub(t.since) < patience:
		return Outcome{Observation: out.Observation}
	default:
		out.Ready = true
		out.Troubles = append(out.Troubles, late)
		return out
	}
	out.Ready = true
	t.since = r.At
	for _, k := range t.known {
		k.scraped, k.fresh = false, false
	}
	return out
}

// take compares a reading with what is known.
func (t *Tracker) take(r Reading, first bool) (troubles []string) {
	known := make(map[string]*target, len(r.Targets))
	for _, now := range r.Targets {
		k := t.known[now.Name]
		switch {
		case k == nil:
			epoch, back := t.away[now.Name]
			begun := r.Complete && !first && !(back && epoch == now.Epoch)
			k = &target{epoch: now.Epoch, based: begun, arms: map[Arm]bool{}, counters: map[group]map[Value]float64{}}
		case now.Epoch != k.epoch && now.Err == nil:
			k.epoch, k.based = now.Epoch, true
			clear(k.counters)
		}
		known[now.Name] = k
		for _, arm := range now.Arms {
			k.arms[arm] = true
		}
		k.failed = nil
		if now.Err != nil && !now.Optional {
			k.failed = fmt.Errorf("%s: %w", now.Name, now.Err)
			troubles = append(troubles, k.failed.Error())
		}
		for _, s := range t.unread(now.Scrapes, k.last) {
			troubles = append(troubles, t.count(now.Name, k, s)...)
		}
	}
	t.leave(known)
	slices.Sort(troubles)
	return troubles
}

// leave remembers which targets are no longer among those that are known now, so
// that one that comes back is not taken for one that has begun.
func (t *Tracker) leave(known map[string]*target) {
	if len(t.away) > MaxTargets {
		clear(t.away)
	}
	for name, k := range t.known {
		if known[name] == nil {
			t.away[name] = k.epoch
		}
	}
	t.known = known
}

// unread are the scrapes after the last one that was counted. Of a target that was
// not known, those before the last observation are only what to count from.
func (t *Tracker) unread(scrapes []Scrape, last time.Time) []Scrape {
	from := 0
	for i, s := range scrapes {
		switch {
		case !last.IsZero() && !s.Time.After(last):
			from = i + 1
		case last.IsZero() && !s.Time.After(t.since):
			from = i
		}
	}
	return scrapes[from:]
}

// count counts what a target counted between two scrapes.
func (t *Tracker) count(name string, k *target, s Scrape) (troubles []string) {
	now := map[group]map[Value]float64{}
	for _, v := range s.Values {
		g, count := group{v.Metric, v.Arm}, v.Count
		k.arms[v.Arm] = true
		if v.Count = 0; now[g] == nil {
			now[g] = map[Value]float64{}
		}
		now[g][v] += count
	}
	for g, values := range now {
		if v, found := impossible(values); found {
			k.failed = fmt.Errorf("%s: %s of %s: %v is not what a counter can be", name, g.metric, g.arm, v)
			return []string{k.failed.Error()}
		}
	}
	for g, values := range now {
		before := k.counters[g]
		if before == nil || restarted(before, values) {
			before = map[Value]float64{}
		}
		for v, count := range values {
			if k.based {
				t.sum(g.metric).add(v, count-before[v])
			}
			before[v] = count
		}
		k.counters[g] = before
		t.limit(g.metric, values)
	}
	k.scraped, k.fresh = true, k.based
	if k.based && !k.last.IsZero() {
		k.apart = append(k.apart[max(0, len(k.apart)-4):], s.Time.Sub(k.last))
	}
	k.based, k.last = true, s.Time
	return nil
}

// patience is how long a target is waited for that is scraped so often.
func patience(apart time.Duration) time.Duration {
	if apart == 0 {
		return Patience
	}
	return min(max(3*apart, LeastPatience), Patience)
}

// often is by how much the scrapes of a target, or of all, were apart lately at most; 0
// where that is not known.
func (k *target) often() (apart time.Duration) {
	for _, a := range k.apart {
		apart = max(apart, a)
	}
	return apart
}

func (t *Tracker) often() (apart time.Duration) {
	for _, k := range t.known {
		apart = max(apart, k.often())
	}
	return apart
}

func impossible(values map[Value]float64) (float64, bool) {
	for _, v := range values {
		if !(v >= 0 && v <= 1<<53) {
			return v, true
		}
	}
	return 0, false
}

func restarted(before, now map[Value]float64) bool {
	for v, count := range now {
		if count < before[v] {
			return true
		}
	}
	return false
}

// late says which target has not been counted since the last observation, or since
// the weight was changed, and how long it is waited for. One that failed is not, nor one
// that was scraped once, longer ago than the others of its version are waited for: it may
// be a pod that was there for a moment.
func (t *Tracker) late(at time.Time, w Weight) (text string, wait time.Duration) {
	first, others := "", patience(t.often())
	for name, k := range t.known {
		once := len(k.apart) == 0 && at.Sub(k.last) >= others && t.others(k)
		if k.failed == nil && !once && k.based && (!k.scraped || k.last.Before(w.Since)) && !k.last.IsZero() && (first == "" || name < first) {
			first = name
		}
	}
	if first == "" {
		return "", 0
	}
	k := t.known[first]
	return fmt.Sprintf("%s: nothing was counted since %s", first, k.last.UTC().Format(time.TimeOnly)), patience(k.often())
}

// others says whether another target of the same version was scraped.
func (t *Tracker) others(of *target) bool {
	for arm := range of.arms {
		found := false
		for _, k := range t.known {
			found = found || k != of && k.scraped && k.arms[arm]
		}
		if !found {
			return false
		}
	}
	return true
}

// measured says for which versions everything was counted.
func (t *Tracker) measured() map[Arm]bool {
	measured, failed := map[Arm]bool{}, map[Arm]bool{}
	for _, k := range t.known {
		for arm := range k.arms {
			measured[arm] = measured[arm] || k.fresh
			failed[arm] = failed[arm] || k.failed != nil
		}
	}
	for arm := range failed {
		measured[arm] = measured[arm] && !failed[arm]
	}
	return measured
}

// gauges takes over what was measured.
func (t *Tracker) gauges(r Reading, out *Outcome) {
	for _, m := range t.metrics {
		pair, found := r.Gauges[m.Name]
		if m.Kind != KindGauge {
			continue
		}
		if !found || math.IsNaN(pair.Canary) || math.IsNaN(pair.Stable) {
			out.Troubles = append(out.Troubles, fmt.Sprintf("%s: no value", m.Name))
		}
		if !found {
			continue
		}
		if out.Observation.Gauges == nil {
			out.Observation.Gauges = map[string]analysis.Gauge{}
		}
		out.Observation.Gauges[m.Name] = analysis.Gauge(pair)
	}
}
