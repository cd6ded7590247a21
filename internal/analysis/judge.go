package analysis

import (
	"cmp"
	"slices"
)

// Judge decides about one release. It is not safe for concurrent use.
type Judge struct {
	config   Config
	s        state
	all      []*ratio // those of s, of metrics and of latencies
	arms     [2]Arm   // workspace for histograms
	evidence map[string]Evidence
	standing Decision
}

// state is all that a judge remembers.
type state struct {
	Clock     clock      `json:"clock"`
	Traffic   traffic    `json:"traffic"`
	Ramp      ramp       `json:"ramp"`
	Ratios    []*ratio   `json:"ratios"` // by name
	Gauges    []*gauge   `json:"gauges,omitempty"`
	Latencies []*latency `json:"latencies,omitempty"`
	Limits    []limit    `json:"limits,omitempty"`
	BadPod    string     `json:"badPod,omitempty"`
	Watched   float64    `json:"watched"` // seconds in which the canary was counted
	Over      bool       `json:"over"`    // the decision stands for ever
	Answer    answer     `json:"answer"`
}

// New makes a judge for a release that has not begun.
func New(c Config) (*Judge, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	j := &Judge{config: c, evidence: map[string]Evidence{}}
	j.s.Limits = make([]limit, len(c.Limits))
	j.standing = Decision{Verdict: Continue, Weight: c.Ramp.First(), Reason: reasonBefore, Evidence: j.evidence}
	j.s.Ramp.Weight = j.standing.Weight
	return j, nil
}

// First is the weight that a release begins with, percent.
func (r Ramp) First() float64 {
	if len(r.Steps) > 0 {
		return r.Steps[0].Weight
	}
	return weights[0]
}

// Standing is the decision that stands: that of the last observation, or before
// the first one the weight to begin with.
func (j *Judge) Standing() Decision { return j.standing }

// Observe answers one observation. One that is impossible, or not after the last
// one, is not counted: the decision stands, with Error. After a verdict of Reject
// or Promote, and after the deadline, the decision stands for ever.
func (j *Judge) Observe(o Observation) Decision {
	if j.s.Over {
		return j.standing
	}
	problem := ""
	if err := o.check(); err != nil {
		problem = err.Error() + "; the line is not counted"
	} else if late := j.s.Clock.late(o); late != "" {
		problem = late + "; the line is not counted"
	}
	if problem != "" {
		d := j.standing
		d.Error = problem
		return d
	}
	j.meet(o)
	seconds := j.s.Clock.advance(o, j.config.Interval)
	if !j.s.Clock.Released {
		j.remember(o, seconds)
		j.standing.Reason = reasonHistory
		return j.standing
	}
	if seconds == 0 { // the release begins
		j.s.Traffic.Weight = o.Weight
		j.standing.Reason = reasonBefore
		return j.standing
	}
	j.standing = j.decide(j.count(o, seconds))
	return j.standing
}

// count counts one interval as evidence.
func (j *Judge) count(o Observation, seconds float64) interval {
	in := j.interval(o, seconds)
	for _, r := range j.s.Ratios {
		r.observe(o.Metrics[r.Name], in, j.config)
	}
	for _, l := range j.s.Latencies {
		l.observe(o.Latency[l.Name], in, j.config, &j.arms)
		l.learn(o.Latency[l.Name].Stable)
		if l.choose(j.config.margin(l.Name)) {
			j.gather()
		}
	}
	for _, g := range j.s.Gauges {
		g.observe(o.Gauges[g.Name], j.config.gauge(g.Name).Margin, seconds)
	}
	if !in.blind {
		j.s.Watched += seconds
		for i, rule := range j.config.Limits {
			j.s.Limits[i].add(rule, o.Metrics[rule.Metric].Canary)
		}
	}
	return in
}

// remember learns from history, which only stable has.
func (j *Judge) remember(o Observation, seconds float64) {
	j.s.Traffic.rate(o.flow().both, seconds)
	for _, r := range j.s.Ratios {
		if stable := o.Metrics[r.Name].Stable; stable != nil {
			counts, _ := stable.sum() // checked before
			r.learn(counts, stable.Pods, seconds, false)
		}
	}
	for _, l := range j.s.Latencies {
		l.learn(o.Latency[l.Name].Stable)
	}
}

// meet makes room for metrics that were not seen before. Their evidence begins
// with at most the wealth that there is, since a new bet must not make a present.
func (j *Judge) meet(o Observation) {
	known := len(j.s.Ratios) + len(j.s.Latencies) + len(j.s.Gauges)
	stake := min(1, j.harm())
	for name := range o.Metrics {
		j.s.Ratios = insert(j.s.Ratios, name, func(r *ratio) string { return r.Name }, func() *ratio {
			return &ratio{Name: name, Margin: j.config.margin(name), Weight: 1, Stake: stake}
		})
	}
	for name := range o.Latency {
		j.s.Latencies = insert(j.s.Latencies, name, func(l *latency) string { return l.Name }, func() *latency { return &latency{Name: name} })
	}
	for name := range o.Gauges {
		j.s.Gauges = insert(j.s.Gauges, name, func(g *gauge) string { return g.Name }, func() *gauge { return newGauge(name) })
	}
	if len(j.s.Ratios)+len(j.s.Latencies)+len(j.s.Gauges) > known {
		j.gather()
	}
}

// insert adds what is not in a list by name yet.
func insert[T any](list []T, name string, nameOf func(T) string, make func() T) []T {
	at, found := slices.BinarySearchFunc(list, name, func(t T, n string) int { return cmp.Compare(nameOf(t), n) })
	if found || len(list) >= maxSeries {
		return list
	}
	return slices.Insert(list, at, make())
}

// gather lists all ratios.
func (j *Judge) gather() {
	stake := min(1, j.harm())
	j.all = append(j.all[:0], j.s.Ratios...)
	for _, l := range j.s.Latencies {
		for _, r := range l.Ratios {
			if r.Stake == 0 {
				r.Stake = stake
			}
			j.all = append(j.all, r)
		}
	}
	j.report()
}

// harm is the evidence against the release: the mean over all metrics, which is
// evidence whatever their dependence is (Vovk and Wang, arXiv 1912.06116; Wang, arXiv 2409.19888).
func (j *Judge) harm() float64 {
	sum, weight := 0.0, 0.0
	for _, r := range j.all {
		sum += r.Weight * r.Stake * r.Harm.value()
		weight += r.Weight
	}
	if weight == 0 {
		return 1
	}
	return sum / weight
}
