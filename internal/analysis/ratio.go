package analysis

import "math"

// ratio holds the evidence and statistics of one metric that is a ratio of bad
// requests.
type ratio struct {
	Name   string  `json:"name"`
	Margin float64 `json:"margin"`          // from 0 to 1
	Weight float64 `json:"weight"`          // of its harm in the mean over all metrics
	Stake  float64 `json:"stake"`           // initial wealth of its harm
	Guard  bool    `json:"guard,omitempty"` // it need not prove health

	Harm     harm          `json:"harm"`
	Safe     safe          `json:"safe"`
	Top      safe          `json:"top"` // as Safe, at the largest weight of an automatic ramp only
	Brake    brake         `json:"brake"`
	Spread   dispersion    `json:"spread"`
	Own      dispersion    `json:"own"`
	Steady   steady        `json:"steady"`
	PerPod   float64       `json:"perPod"` // recent requests per second of one canary pod
	Pods     canaryPods    `json:"pods"`
	Estimate ratioEstimate `json:"estimate"`
	Belief   belief        `json:"belief"`

	Usual   Total   `json:"usual"`   // of stable; older requests count less
	Held    Total   `json:"held"`    // of the canary during holds: bad requests, and as many as stable would have had
	Pending pending `json:"pending"` // requests that wait for the other arm's
	Canary  Total   `json:"canary"`  // all requests so far
	Stable  Total   `json:"stable"`
	Missing bool    `json:"missing"` // not in the last observation
	Share   float64 `json:"share"`   // of the canary, in the last counted interval
	Φ       float64 `json:"dispersion"`
}

// pending holds requests that are not yet counted because one of the arms had
// none or was not measured, and what happened meanwhile.
type pending struct {
	Canary Total   `json:"canary"`
	Stable Total   `json:"stable"`
	Blind  bool    `json:"blind,omitempty"`
	Mixed  bool    `json:"mixed,omitempty"`
	Most   float64 `json:"most,omitempty"`
	// Seconds is the time of these requests.
	Seconds float64 `json:"seconds,omitempty"`
}

// guardPods is the largest number of pods of a version that a guard tracks one by one. There may
// be forty guards, and the whole state has to fit into a ConfigMap.
const guardPods = 16

// memory is the half-life of stable's past, s.
const memory = 600

// interval holds what is the same for all metrics in an interval.
type interval struct {
	seconds float64
	since   float64 // since the canary's first request; negative: it had none
	blind   bool    // only a catastrophe counts
	mixed   bool    // the weight changed
	most    float64 // if mixed, the largest possible share of the canary
	begun   float64 // fraction of the bets, from 0 to 1
	block   float64 // s; the least length of a block of evidence of harm
	part    float64 // of a usual interval, from 0 to 1
	top     float64 // fraction of the bets at the largest weight; 0 at another weight
	braked  float64 // fraction of the brake's bets
	held    bool    // the judge held the release
}

// usual returns stable's ratio of bad requests in the past. It is slightly too
// high while there are few requests.
func (r *ratio) usual() float64 {
	return min(.5, (r.Usual.Bad+1)/(r.Usual.All+2))
}

// outage limits the factor by which an interval may change the usual ratio, so
// that an outage does not become usual.
const outage = 4

// learn records stable's requests.
func (r *ratio) learn(stable Counts, pods map[string]Counts, seconds float64, mixed bool) {
	if !mixed || r.Usual.All == 0 {
		kept, bad := math.Exp2(-seconds/memory), float64(stable.Bad)
		if r.Usual.All > 0 {
			bad = min(bad, outage*r.usual()*float64(stable.Total)+1)
		}
		r.Usual.Bad = r.Usual.Bad*kept + bad
		r.Usual.All = r.Usual.All*kept + float64(stable.Total)
	}
	switch {
	case len(pods) > 1:
		r.Spread.add(pods, seconds)
	case mixed:
		r.Steady.disturb()
	default:
		r.Steady.add(stable, seconds)
	}
}

// observe counts one interval.
func (r *ratio) observe(p Pair, in interval, c Config) {
	r.Missing = p.Canary == nil || p.Stable == nil
	var canary, stable Counts
	var canaryPods, stablePods map[string]Counts
	if p.Canary != nil {
		canary, _ = p.Canary.sum() // checked before
		canaryPods = p.Canary.Pods
	}
	if p.Stable != nil {
		stable, _ = p.Stable.sum()
		stablePods = p.Stable.Pods
	}
	if r.Guard && max(len(canaryPods), len(stablePods)) > guardPods {
		canaryPods, stablePods = nil, nil
	}
	in = r.Pending.add(canary, stable, in)
	if !in.blind {
		r.Pods.add(canaryPods, float64(stable.Bad), float64(stable.Total), in.seconds)
	}
	latest := in.seconds
	if !r.Missing && r.Pending.Canary.All > 0 && r.Pending.Stable.All > 0 {
		t := r.Pending.table()
		in.seconds = r.Pending.Seconds
		r.Pending = pending{}
		perPod := t.n / in.seconds / float64(max(len(canaryPods), 1))
		r.PerPod += (perPod - r.PerPod) * min(in.seconds/c.Interval, 1)
		was := r.noise(r.usual() * r.PerPod)
		r.Own.add(canaryPods, in.seconds)
		r.Brake.add(t, in.braked, was.fast)
		r.Canary.Bad, r.Canary.All = r.Canary.Bad+t.bad, r.Canary.All+t.n
		r.Stable.Bad, r.Stable.All = r.Stable.Bad+t.allBad-t.bad, r.Stable.All+t.N-t.n
		if !in.blind {
			r.count(t, in, was, r.noise(r.usual()*r.PerPod), c)
		}
	}
	if p.Stable != nil {
		r.learn(stable, stablePods, latest, in.mixed)
	}
}

// clustered is the noise of stable's requests from which bad requests come in clusters. Then
// short intervals are joined as evidence of harm: a few clusters must not reject.
const clustered = 1.3

// noise is the factor by which the evidence of an interval varies more than by
// chance. The logarithms of the lanes' gains are divided by it.
type noise struct {
	fast, vote float64
	stable     float64 // fast, of stable's requests alone
}

// noise returns the canary's noise if one of its pods is expected to have so
// many bad requests in a second. The vote lane only considers the canary's own
// dispersion, and that of intervals.
func (r *ratio) noise(expected float64) noise {
	own, steady := r.Own.own(), r.Steady.factor()
	stable := max(r.Spread.factor(expected, false), steady)
	return noise{
		fast:   max(stable, own),
		vote:   max(own, (1+steady)/2),
		stable: stable,
	}
}

// add merges the pending requests and the latest interval into one interval.
func (p *pending) add(canary, stable Counts, in interval) interval {
	p.Seconds += in.seconds
	p.Blind, p.Mixed, p.Most = p.Blind || in.blind, p.Mixed || in.mixed, max(p.Most, in.most)
	in.blind, in.mixed, in.most = p.Blind, p.Mixed, p.Most
	p.Canary.Bad += float64(canary.Bad)
	p.Canary.All += float64(canary.Total)
	p.Stable.Bad += float64(stable.Bad)
	p.Stable.All += float64(stable.Total)
	return in
}

func (p *pending) table() table {
	return table{bad: p.Canary.Bad, n: p.Canary.All, allBad: p.Canary.Bad + p.Stable.Bad, N: p.Canary.All + p.Stable.All}
}

// worseEvidence is the log-likelihood ratio, in nats, from which a metric looks worse to a
// person. It decides nothing.
const worseEvidence = 3

// looksWorse reports whether the canary has had so many more bad requests than stable that
// nobody would call it "no sign of harm", since its warm-up if that is over.
func (r *ratio) looksWorse() bool {
	if r.Harm.Begun == 0 {
		return r.lookedWorse()
	}
	return r.worse(r.Estimate.R, max(r.Estimate.S, .1))
}

// lookedWorse reports the same with the warm-up.
func (r *ratio) lookedWorse() bool {
	return r.worse(r.Canary.Bad, r.Canary.All*max(r.usual(), r.Stable.Bad/max(r.Stable.All, 1)))
}

// hasMore reports whether a larger part of the canary's requests has been bad than of
// stable's.
func (r *ratio) hasMore() bool { return r.Canary.Bad*r.Stable.All > r.Stable.Bad*r.Canary.All }

func (r *ratio) worse(bad, expected float64) bool {
	return bad > expected && surprise(bad, expected)/max(r.Φ, 1) >= worseEvidence
}

// costly reports whether holds have cost as many bad requests as the budget allows, and
// chance is not to blame.
func (r *ratio) costly(budget float64) bool {
	return r.Held.Bad-r.Held.All >= budget && surprise(r.Held.Bad, r.Held.All)/max(r.Φ, 1) >= costlyEvidence
}

// costlyEvidence is the log-likelihood ratio, in nats, from which the bad requests of holds
// are no chance.
const costlyEvidence = 8

// count counts one interval as evidence. was is the noise known before the
// interval, now the noise known with it.
func (r *ratio) count(t table, in interval, was, now noise, c Config) {
	usual := r.usual()
	// In an outage use the margin of the outage.
	level := max(usual, t.allBad/t.N)
	var odds, means [len(grid) + 1]float64
	copy(odds[:], grid[:])
	odds[len(grid)] = marginRatio(level, r.Margin)
	q := t.share()
	if in.mixed {
		q = max(q, in.most)
		t.sharedAtMost(q, odds[:], means[:])
	} else {
		t.logMeans(odds[:], means[:])
	}
	block := max(r.Spread.burst(), in.block)
	if now.stable > clustered {
		block = max(block, c.Interval)
	}
	r.Harm.add(t, q, r.Harm.begin(in.begun), was, now, c, in.seconds, block, means[:len(grid)])
	if in.held {
		stable := max(usual, (t.allBad-t.bad)/max(t.N-t.n, 1))
		r.Held.Bad, r.Held.All = r.Held.Bad+t.bad, r.Held.All+t.n*stable
	}
	r.Estimate.add(t)
	r.Belief.add(t, q, usual, now.fast, in.part)
	// The bursts of a harmful canary have more bad requests than those of a
	// healthy one. Assume a ratio halfway to the margin.
	r.Φ = max(now.fast, r.Spread.factor((usual+r.Margin/2)*r.PerPod, true))
	r.Share = q
	r.Safe.add(t, max(0, in.begun-r.Safe.Begun), r.Φ, c.Beta, in.seconds, c.Interval, !in.mixed, odds[len(grid)], means[len(grid)], usual, r.Margin)
	if in.top > 0 && !in.mixed {
		r.Top.add(t, max(0, in.top-r.Top.Begun), r.Φ, c.Beta, in.seconds, c.Interval, true, odds[len(grid)], means[len(grid)], usual, r.Margin)
	}
}

// most returns the logarithm of the largest gain of the fast lane in an interval or block of
// some seconds. It makes a rejection take at least three usual intervals, or more shorter ones.
func (c Config) most(seconds float64) float64 {
	return math.Log(1/(fastShare*c.Alpha)) / 3 * math.Sqrt(min(seconds/c.Interval, 1))
}

// deciding returns the evidence of health that a promotion needs. Some harm appears only
// when the canary has a large share. An automatic ramp therefore counts only the evidence
// from its largest weight; steps count all of it.
func (r *ratio) deciding(c Config) *safe {
	if len(c.Ramp.Steps) > 0 {
		return &r.Safe
	}
	return &r.Top
}

// passes reports whether the canary is shown to be better than the margin. A guard only
// must not doubt it.
func (r *ratio) passes(c Config) bool {
	if r.Guard {
		return r.Harm.value() < suspicion
	}
	return !r.Missing && r.deciding(c).value() >= 1/c.Beta
}

// needed returns how many canary requests a healthy canary is still expected to
// need until the evidence of health is enough, at a share of the requests.
func (r *ratio) needed(s *safe, c Config, share float64) float64 {
	if r.Guard {
		return 0
	}
	usual := r.usual()
	return s.needed(max(r.Φ, 1), c.Beta, marginRatio(usual, r.Margin), usual, r.Margin, share)
}

// neededAtBest returns the same for a canary without evidence and without noise.
func (r *ratio) neededAtBest(c Config, share float64) float64 {
	if r.Guard {
		return 0
	}
	usual := r.usual()
	return (&safe{}).needed(1, c.Beta, marginRatio(usual, r.Margin), usual, r.Margin, share)
}

// evidence returns the evidence for the report.
func (r *ratio) evidence(c Config) Evidence {
	e := Evidence{
		Harm: r.Harm.value(), Safe: r.deciding(c).value(),
		Canary: r.Canary.plus(r.Pending.Canary).counts(), Stable: r.Stable.plus(r.Pending.Stable).counts(),
		Needed: math.Inf(1),
	}
	e.Ratio, e.Low, e.High = r.Estimate.interval(c.Alpha, max(r.Φ, 1))
	if r.Share > 0 {
		e.Needed = r.needed(r.deciding(c), c, r.Share)
	}
	return e
}

func (t Total) plus(u Total) Total { return Total{Bad: t.Bad + u.Bad, All: t.All + u.All} }

func (t Total) counts() Counts {
	return Counts{Bad: int64(min(t.Bad, maxCount)), Total: int64(min(t.All, maxCount))}
}

// among returns how many metrics share the probability of a false catastrophe: the guards
// share that of one decider, however many they are.
func (r *ratio) among(guards int) int {
	if r.Guard {
		return guards
	}
	return 1
}
