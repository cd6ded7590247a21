package metric

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/analysis"
)

// Tracker turns readings into observations: the increments of all counters
// between them. It is not safe for concurrent use.
//
// It never invents a request. If a counter decreases, it and all counters of
// the metric in the same target have restarted. A new series on a known target
// started from 0. Tracker ignores what a target counted before it was known or
// while it was away.
type Tracker struct {
	metrics []Metric
	begin   time.Time
	known   map[string]*target
	away    map[string]string // epochs of targets that have disappeared
	read    bool              // there was a reading
	since   time.Time
	sums    map[string]*sums
	bounds  map[string][]float64 // by latency
	finest  map[string][]float64 // by native histogram: the most bounds that it had
	parts   *parts
}

// The time without new data of a target after which the release is held is
// three of its last scrape intervals, within these limits. Prometheus scrapes
// once a minute by default.
const (
	LeastPatience = 10 * time.Second
	Patience      = 150 * time.Second
)

// NewTracker returns a tracker for a release that begins at a time.
func NewTracker(metrics []Metric, begin time.Time) *Tracker {
	return &Tracker{metrics: slices.Clone(metrics), begin: begin, known: map[string]*target{}, away: map[string]string{}, sums: map[string]*sums{}, bounds: map[string][]float64{}, finest: map[string][]float64{}, parts: newParts()}
}

// target holds the state of a Target.
type target struct {
	epoch    string
	based    bool // there are counts to compare with
	scraped  bool // since the last observation
	fresh    bool // scraped, and increments were counted
	last     time.Time
	apart    []time.Duration // times between the last scrapes
	arms     map[Arm]bool
	counters map[group]map[Value]float64 // keys have no Count
	natives  map[group]histograms
	failed   error
}

// group is a metric of one version. All its counters in a target restart
// together.
type group struct {
	metric string
	arm    Arm
}

// Weight is the canary's weight at the time of a reading.
type Weight struct {
	Percent float64
	Since   time.Time // when it was last changed
}

// Outcome is the result of a reading.
type Outcome struct {
	// Ready means that the observation may be judged. If it is false, the
	// source has not yet counted everything since the last observation or the
	// last change of the weight. Then read again; no counts are lost.
	Ready       bool
	Observation analysis.Observation
	// Troubles tell the user what was not measured and why.
	Troubles []string
}

// Failed returns the outcome for a source that could not be read: a gap.
func (t *Tracker) Failed(at time.Time, w Weight, err error) Outcome {
	return Outcome{Ready: true, Observation: t.observation(at, w), Troubles: []string{err.Error()}}
}

func (t *Tracker) observation(at time.Time, w Weight) analysis.Observation {
	return analysis.Observation{Time: at.Sub(t.begin).Seconds(), Weight: w.Percent}
}

// Observe adds a reading and returns the observation of everything since the
// last ready observation. The first reading only sets the counts to compare
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
	t.parts.discover(t.metrics, r)
	out.Troubles = append(slices.Clone(r.Troubles), t.add(r, first)...)
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

// add counts the increments between a reading and the known state.
func (t *Tracker) add(r Reading, first bool) (troubles []string) {
	known := make(map[string]*target, len(r.Targets))
	for _, now := range r.Targets {
		k := t.known[now.Name]
		switch {
		case k == nil:
			epoch, back := t.away[now.Name]
			begun := r.Complete && !first && !(back && epoch == now.Epoch)
			k = &target{epoch: now.Epoch, based: begun, arms: map[Arm]bool{}, counters: map[group]map[Value]float64{}, natives: map[group]histograms{}}
		case now.Epoch != k.epoch && now.Err == nil:
			k.epoch, k.based = now.Epoch, true
			clear(k.counters)
			clear(k.natives)
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

// leave records the targets that have disappeared, so that a target that comes
// back is not mistaken for a new one.
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

// unread returns the scrapes after the last counted one. For a new target, the
// last scrape before the last observation is included, to count from.
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

// count adds the increments since the target's last scrape.
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
			k.failed = fmt.Errorf("%s: %s of %s: the counter is %v; a counter must be from 0 to 2^53", name, g.metric, g.arm, v)
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
				if part := t.parts.names[partKey{g.metric, v.By}]; part != "" {
					t.sum(part).add(v, count-before[v])
				}
			}
			before[v] = count
		}
		k.counters[g] = before
		t.limit(g.metric, values)
	}
	t.countNatives(k, s.Natives)
	k.scraped, k.fresh = true, k.based
	if k.based && !k.last.IsZero() {
		k.apart = append(k.apart[max(0, len(k.apart)-4):], s.Time.Sub(k.last))
	}
	k.based, k.last = true, s.Time
	return nil
}

// patience returns how long to wait for a target with this scrape interval.
func patience(apart time.Duration) time.Duration {
	if apart == 0 {
		return Patience
	}
	return min(max(3*apart, LeastPatience), Patience)
}

// scrapeInterval returns the longest recent time between scrapes of a target,
// or of all targets, or 0 if it is not known.
func (k *target) scrapeInterval() (apart time.Duration) {
	for _, a := range k.apart {
		apart = max(apart, a)
	}
	return apart
}

func (t *Tracker) scrapeInterval() (apart time.Duration) {
	for _, k := range t.known {
		apart = max(apart, k.scrapeInterval())
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

// late returns a message about a target that has not been counted since the
// last observation or the last change of the weight, and how long to wait for
// it. A target that failed is not late. Neither is a target that was scraped only
// once, if that is longer ago than the wait for the other targets: its pod may
// have existed only for a moment.
func (t *Tracker) late(at time.Time, w Weight) (text string, wait time.Duration) {
	first, others := "", patience(t.scrapeInterval())
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
	return fmt.Sprintf("%s: no new data since %s", first, k.last.UTC().Format(time.TimeOnly)), patience(k.scrapeInterval())
}

// others reports whether another target of the same version was scraped.
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

// measured returns the versions for which everything was counted.
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

// gauges adds the measured gauges to the outcome.
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
