package analysis

import (
	"cmp"
	"slices"
)

// Judge decides about one release. It is not safe for concurrent use.
type Judge struct {
	config   Config
	s        state
	all      []*ratio // all ratios of s, those of latencies included
	arms     [2]Arm   // workspace for histograms
	evidence map[string]Evidence
	standing Decision
	text     []byte // workspace for strayed
	strayed  string // the last sentence about a share that has strayed
}

// state is everything that a judge stores.
type state struct {
	Clock     clock      `json:"clock"`
	Traffic   traffic    `json:"traffic"`
	Ramp      ramp       `json:"ramp"`
	Ratios    []*ratio   `json:"ratios"` // by name
	Gauges    []*gauge   `json:"gauges,omitempty"`
	Latencies []*latency `json:"latencies,omitempty"`
	Events    []*events  `json:"events,omitempty"`
	Crashing  crashing   `json:"crashing"`
	Limits    []limit    `json:"limits,omitempty"`
	BadPod    string     `json:"badPod,omitempty"`
	Watched   float64    `json:"watched"` // seconds for which the canary was counted
	Baked     float64    `json:"baked"`   // seconds of the bake that are over
	Over      bool       `json:"over"`    // the decision is final
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

// First returns the initial weight of a release, percent.
func (r Ramp) First() float64 {
	if len(r.Steps) > 0 {
		return r.Steps[0].Weight
	}
	return weights[0]
}

// Standing returns the current decision: that of the last observation, or
// before the first one the initial weight.
func (j *Judge) Standing() Decision { return j.standing }

// Observe counts one observation and returns the decision. It ignores an
// observation that is impossible or does not come after the last one, and
// returns the current decision with Error. A single metric that is impossible
// counts as not measured; Error names it. After Reject, Promote or the
// deadline, the decision is final.
func (j *Judge) Observe(o Observation) Decision {
	if j.s.Over {
		return j.standing
	}
	problem := ""
	if err := o.check(); err != nil {
		problem = err.Error() + "; the line is ignored"
	} else if late := j.s.Clock.late(o); late != "" {
		problem = late + "; the line is ignored"
	}
	if problem != "" {
		d := j.standing
		d.Error = problem
		return d
	}
	possible, wrong := o.possible()
	d := j.observe(possible)
	d.Next = j.next()
	j.standing.Next = d.Next
	if wrong != nil {
		d.Error = wrong.Error()
	}
	return d
}

// observe counts one observation.
func (j *Judge) observe(o Observation) Decision {
	j.addMetrics(o)
	seconds := j.s.Clock.advance(o, j.config.Interval)
	if !j.s.Clock.Released {
		j.remember(o, seconds)
		j.standing.Reason = reasonHistory
		return j.standing
	}
	if seconds == 0 { // the release begins
		j.s.Traffic.begin(o.Weight)
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
		r.observe(o.Metrics[r.Name], j.warmed(in, j.config.warmup(r.Name, measuresTime(r.Name))), j.config)
	}
	for _, l := range j.s.Latencies {
		l.observe(o.Latency[l.Name], j.warmed(in, j.config.warmup(l.Name, true)), j.config, &j.arms)
		l.learn(o.Latency[l.Name].Stable)
		if l.choose(j.config.margin(l.Name), j.config.role(l.Name) == Guard) {
			j.gather()
		}
	}
	j.s.Crashing.observe(o.Restarts, in, j.config)
	f := o.flow()
	for _, e := range j.s.Events {
		counts, measured := o.Events[e.Name]
		e.observe(counts, measured && f.measured, f, j.warmed(in, j.config.warmup(e.Name, false)), j.config)
	}
	for _, g := range j.s.Gauges {
		g.observe(o.Gauges[g.Name], j.config.gauge(g.Name).Margin, seconds, j.cold(g.Name, in))
	}
	if !in.blind {
		j.s.Watched += seconds
	}
	for i, rule := range j.config.Limits {
		if !j.warmed(in, j.config.warmup(rule.Metric, measuresTime(rule.Metric))).blind {
			j.s.Limits[i].add(rule, o.Metrics[rule.Metric].Canary)
		}
	}
	return in
}

// cold reports whether a gauge is not warm. Only if the configuration names it, it has a
// warm-up: values such as memory begin low.
func (j *Judge) cold(name string, in interval) bool {
	warmup, named := j.config.Warmups[name]
	return named && j.warmed(in, warmup).blind
}

// bake counts the seconds since both versions were last measured if the canary had
// requests, or had some a short time ago. A time in which nobody watched, between two
// processes for example, counts as a short one.
func (j *Judge) bake(seconds float64) {
	if t := &j.s.Traffic; t.Seen && t.Now > 0 && t.Waited < stale {
		j.s.Baked += min(seconds, max(stale, 2*j.config.Interval))
	}
}

// remember learns from history, which only stable has.
func (j *Judge) remember(o Observation, seconds float64) {
	j.s.Traffic.rate(o.flow().both, seconds)
	for _, r := range j.s.Ratios {
		if stable := o.Metrics[r.Name].Stable; stable != nil {
			counts, _ := stable.sum() // check found no error
			r.learn(counts, stable.Pods, seconds, false)
		}
	}
	for _, l := range j.s.Latencies {
		l.learn(o.Latency[l.Name].Stable)
	}
}

// addMetrics adds metrics that were not seen before. Their evidence starts with at
// most the current wealth, because a new bet must not add wealth.
func (j *Judge) addMetrics(o Observation) {
	known := len(j.s.Ratios) + len(j.s.Latencies) + len(j.s.Gauges) + len(j.s.Events)
	stake := min(1, j.harm())
	for name := range considered(j.config, o.Metrics) {
		j.s.Ratios = insert(j.s.Ratios, name, func(r *ratio) string { return r.Name }, func() *ratio {
			r := &ratio{Name: name, Margin: j.config.margin(name), Weight: 1, Stake: stake}
			if j.config.role(name) == Guard {
				r.Guard, r.Weight = true, guardWeight
			}
			return r
		})
	}
	for name := range considered(j.config, o.Latency) {
		j.s.Latencies = insert(j.s.Latencies, name, func(l *latency) string { return l.Name }, func() *latency { return &latency{Name: name} })
	}
	for name := range considered(j.config, o.Gauges) {
		j.s.Gauges = insert(j.s.Gauges, name, func(g *gauge) string { return g.Name }, func() *gauge { return newGauge(name) })
	}
	for name := range considered(j.config, o.Events) {
		j.s.Events = insert(j.s.Events, name, func(e *events) string { return e.Name }, func() *events {
			return &events{Name: name, Stake: stake, Guard: j.config.eventsRole(name) == Guard}
		})
	}
	if len(j.s.Ratios)+len(j.s.Latencies)+len(j.s.Gauges)+len(j.s.Events) > known {
		j.gather()
	}
}

// guardWeight is the weight of a guard's harm in the mean over all metrics. A decider has a
// weight of 1. With many guards it stays the metric that is mostly bet on.
const guardWeight = .1

// insert adds an element to a list sorted by name if the list does not have it.
func insert[T any](list []T, name string, nameOf func(T) string, make func() T) []T {
	at, found := slices.BinarySearchFunc(list, name, func(t T, n string) int { return cmp.Compare(nameOf(t), n) })
	if found || len(list) >= maxSeries {
		return list
	}
	return slices.Insert(list, at, make())
}

// gather collects all ratios.
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

// harm returns the evidence against the release: the mean over all metrics. The
// mean is valid evidence however the metrics depend on each other (Vovk and
// Wang, arXiv 1912.06116; Wang, arXiv 2409.19888).
func (j *Judge) harm() float64 {
	sum, weight := 0.0, 0.0
	for _, r := range j.all {
		sum += r.Weight * r.Stake * r.Harm.value()
		weight += r.Weight
	}
	for _, e := range j.s.Events {
		if !e.Guard {
			sum += e.Stake * e.Fewer.value()
			weight++
		}
	}
	if weight == 0 {
		return 1
	}
	return sum / weight
}
