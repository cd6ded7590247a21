package analysis

import (
	"fmt"
	"math"
	"slices"
)

// Sentences for the user. Most are constant, so that an update allocates
// nothing.
const (
	reasonHistory    = "This observation is from before the release; the judge learns what is usual for stable."
	reasonBefore     = "The release begins."
	reasonWarmup     = "The canary is warming up; until then only a catastrophe counts."
	reasonWarmupBad  = "The canary is warming up, and more of its requests are bad than stable's; until it is warm only a catastrophe counts."
	reasonSlowWarmup = "There is no sign of harm; latencies count once the canary has warmed up."
	reasonCollecting = "There is no sign of harm; the judge still collects evidence of health."
	reasonSinceWarm  = "Since the warm-up there is no sign of harm; the judge still collects evidence of health."
	reasonNoise      = "Bad requests come in bursts, so single ones say little; a decision may need more time than the deadline leaves."
	reasonBetween    = "The canary is neither clearly as good as stable nor clearly worse by the margin; a wider margin or a later deadline would decide."
	reasonBaking     = "The canary looks healthy; the judge watches it until the bake time is over."
	reasonSuspicion  = "More of the canary's requests are bad than stable's, but that may still be chance; the judge waits for more evidence."
	reasonSource     = "A metric was not measured; check its source."
	reasonNoTraffic  = "No request was seen in this interval, so there is nothing to judge."
	reasonNoCanary   = "The canary has had no request yet, so there is nothing to judge."
	reasonUnserved   = "The canary gets no requests although its weight should give it some; check its route and its pods."
	reasonLowTraffic = "The rate of requests is too low for a decision before the deadline; raise the weight, the margin, or the deadline."
	reasonGauge      = "A gauge of the canary differs too much from stable's."
	reasonCostly     = " The hold has cost enough bad requests, so the canary gets no more traffic."
	reasonBadPod     = "One pod of the canary is bad, the others are not; replace that pod."
)

const (
	leastExcess = 3    // bad requests beyond the expected ones that a rejection needs
	suspicion   = 10   // evidence of harm that prevents a promotion
	stale       = 60.0 // seconds without a request after which there is no data
)

// decide returns the decision after an interval.
func (j *Judge) decide(in interval) Decision {
	j.report()
	harm := j.harm()
	reject, pod := j.broken(), ""
	switch enough, _ := j.config.Needed(); {
	case reject != "": // it does not rest on the split
	case j.s.Traffic.SampleRatio.value() >= splitDoubt:
	case harm >= enough*max(1, j.s.Traffic.SampleRatio.value()):
		reject, pod = j.harmful()
	default:
		pod = j.clearCulprit()
	}
	if reject != "" {
		return j.end(Decision{Verdict: Reject, Reason: reject})
	}
	d := j.obstacle(pod)
	d.Evidence = j.evidence
	d.Weight = j.weigh(in, d)
	if d.Verdict == Hold && !d.Cause.EndsByMore() && (j.costly() || j.s.Ramp.Weight == 0) {
		d.Weight, j.s.Ramp.Weight = 0, 0
		d.Reason += reasonCostly
	}
	doubted := d.Verdict == Hold || j.s.Traffic.SampleRatio.value() >= splitDoubt
	switch {
	case !doubted && !in.blind && harm < suspicion && j.healthy():
		return j.end(Decision{Verdict: Promote, Weight: 100, Reason: j.healthReason()})
	case j.s.Clock.Elapsed >= j.config.Deadline:
		return j.overtime(d)
	case d.Verdict == Continue && j.tooFew():
		d.Verdict, d.Cause, d.Reason = Hold, LowTraffic, reasonLowTraffic
	case d.Verdict == Continue:
		d.Reason = j.progress(in, harm)
	}
	return d
}

// costly reports whether the holds have cost their budget of bad requests.
func (j *Judge) costly() bool {
	return slices.ContainsFunc(j.all, func(r *ratio) bool { return r.costly(j.config.Ramp.HoldBudget) })
}

func (j *Judge) end(d Decision) Decision {
	d.Evidence = j.evidence
	j.s.Over = true
	return d
}

// overtime ends a release that is undecided at its deadline.
func (j *Judge) overtime(d Decision) Decision {
	why := "The deadline has passed without enough evidence for a decision."
	if d.Verdict == Hold {
		why = "The deadline has passed without a decision. " + d.Reason
	} else if j.tooFew() {
		d.Cause = LowTraffic
	}
	d.Verdict, d.Inconclusive, d.Reason = Hold, true, why
	if j.config.Overtime == Withdraw {
		d.Weight = 0
	}
	return j.end(d)
}

// broken returns the reason for a rejection that does not need evidence of
// harm, or "".
func (j *Judge) broken() string {
	for _, r := range j.all {
		if r.Brake.fires(j.config.Alpha) {
			return fmt.Sprintf("%s: most requests of the canary are bad now (%.0f of %.0f since the release began), but those of stable are not.", r.Name, r.Canary.Bad, r.Canary.All)
		}
	}
	for i, l := range j.s.Limits {
		if rule := j.config.Limits[i]; l.Broken.All > 0 {
			return fmt.Sprintf("%s: %.0f of %.0f requests of the canary were bad, more than the limit of %g %%.", rule.Metric, l.Broken.Bad, l.Broken.All, rule.Max)
		}
	}
	for _, g := range j.s.Gauges {
		if rule := j.config.gauge(g.Name); rule.Rejects && g.value() >= 1/j.config.Alpha {
			return fmt.Sprintf("%s: the canary's value is more than %g %% above stable's.", g.Name, 100*rule.Margin)
		}
	}
	return ""
}

// harmful is called when there is enough evidence of harm. It returns the
// reason for the rejection, or the only bad pod, or neither if there are too
// few bad requests.
func (j *Judge) harmful() (reject, pod string) {
	var worst *ratio
	most := 0.
	for _, r := range j.all {
		if share := r.Weight * r.Stake * r.Harm.value(); share > most {
			worst, most = r, share
		}
	}
	var lacking *events
	for _, e := range j.s.Events {
		if share := e.Stake * e.Fewer.value(); share > most {
			lacking, most = e, share
		}
	}
	switch {
	case lacking != nil && lacking.Fewer.Excess >= leastExcess:
		return lacking.reason(), ""
	case lacking != nil, worst == nil, worst.Harm.Excess < leastExcess:
		return "", ""
	}
	if pod = worst.Pods.culprit(worst.Spread.factor(0, false)); pod != "" {
		return "", pod
	}
	return worst.harmReason(j.evidence[worst.Name]), ""
}

// clearCulprit returns a pod that is certainly bad while the others are not, or "".
// Because the pods differ so much, the evidence against the whole canary grows
// slowly.
func (j *Judge) clearCulprit() string {
	for _, r := range j.all {
		if pod := r.Pods.clearCulprit(&r.Spread); pod != "" {
			return pod
		}
	}
	return ""
}

func (r *ratio) harmReason(e Evidence) string {
	times := "while stable had none"
	if !math.IsInf(e.Ratio, 0) && !math.IsNaN(e.Ratio) {
		times = fmt.Sprintf("%.1f times stable's ratio", e.Ratio)
	}
	return fmt.Sprintf("%s: %d of %d requests of the canary were bad, %s (%d of %d).",
		r.Name, e.Canary.Bad, e.Canary.Total, times, e.Stable.Bad, e.Stable.Total)
}

// healthy reports whether the canary may be promoted now.
func (j *Judge) healthy() bool {
	decides := func(r *ratio) bool { return !r.Guard }
	if !slices.ContainsFunc(j.all, decides) || j.s.Baked < j.config.Bake || !j.finished() {
		return false
	}
	for _, l := range j.s.Latencies {
		if len(l.Ratios) == 0 && j.config.Roles[l.Name] != Guard {
			return false
		}
	}
	for _, g := range j.s.Gauges {
		if g.value() >= driftDoubt {
			return false
		}
	}
	return !j.s.Crashing.doubted() && !slices.ContainsFunc(j.s.Events, (*events).doubted) && j.looksHealthy()
}

// looksHealthy reports whether every metric shows that the canary is not worse
// by the margin.
func (j *Judge) looksHealthy() bool {
	for _, r := range j.all {
		if !r.passes(j.config) {
			return false
		}
	}
	return true
}

func (j *Judge) healthReason() string {
	var all Counts
	for _, r := range j.all {
		all.Total = max(all.Total, int64(r.Canary.All))
	}
	return fmt.Sprintf("After %.0f seconds and %d requests, the evidence shows that the canary is no worse than the margin allows.", j.s.Clock.Elapsed, all.Total)
}

// obstacle returns a hold if something prevents the judge from judging.
func (j *Judge) obstacle(pod string) Decision {
	t := j.s.Traffic
	if j.s.BadPod != "" && pod == "" && j.forgiven() {
		j.s.BadPod = ""
	} else if pod != "" {
		j.s.BadPod = pod
	}
	hold := func(cause Cause, reason string) Decision {
		return Decision{Verdict: Hold, Cause: cause, Reason: reason}
	}
	switch {
	case j.s.BadPod != "":
		d := hold(BadPod, reasonBadPod)
		d.Pod = j.s.BadPod
		return d
	case j.s.Crashing.certain(j.config.Alpha):
		return hold(Crashing, j.s.Crashing.reason())
	case j.missing():
		return hold(Source, reasonSource)
	case t.Unserved >= unservedLimit:
		return hold(Routing, reasonUnserved)
	case t.SampleRatio.value() >= splitBar:
		return hold(Routing, j.splitReason())
	case t.strayed():
		return hold(Routing, j.strayedReason())
	case j.drifting():
		return hold(Drift, reasonGauge)
	case j.tooMany() != nil:
		return hold(TooMany, j.tooMany().reason())
	case t.Now == 0:
		return hold(NoData, reasonNoTraffic)
	case !t.Seen || t.Waited >= stale:
		return hold(NoData, reasonNoCanary)
	}
	return Decision{Verdict: Continue}
}

// drifting reports whether a gauge differs too much.
func (j *Judge) drifting() bool {
	return slices.ContainsFunc(j.s.Gauges, func(g *gauge) bool { return g.value() >= driftBar })
}

// tooMany returns what certainly happens more often on the canary than on stable, or nil.
func (j *Judge) tooMany() *events {
	for _, e := range j.s.Events {
		if e.More.value() >= 1/j.config.Alpha && e.More.Excess >= leastExcess {
			return e
		}
	}
	return nil
}

// missing reports whether a metric was not measured in the last observation.
func (j *Judge) missing() bool {
	for _, r := range j.all {
		if r.Missing && !r.Guard {
			return true
		}
	}
	for _, g := range j.s.Gauges {
		if g.Missing {
			return true
		}
	}
	for _, e := range j.s.Events {
		if e.Missing {
			return true
		}
	}
	return len(j.all) == 0 && len(j.s.Latencies) == 0
}

// forgiven restarts the evidence of the canary if its bad pod is gone or has recovered. It
// is always valid to continue with less evidence of harm.
func (j *Judge) forgiven() bool {
	for _, r := range j.all {
		if len(r.Pods.Pods) > 0 && !r.Pods.cleared(j.s.BadPod) {
			return false
		}
	}
	for _, r := range j.all {
		if r.Harm.value() >= 1 {
			r.Harm = harm{}
		}
		r.Safe, r.Top, r.Belief, r.Estimate = safe{}, safe{}, belief{}, ratioEstimate{}
		r.Own, r.Pods, r.Held, r.Φ = dispersion{}, canaryPods{}, Total{}, 0
	}
	j.report()
	return true
}

// weigh recommends the next weight.
func (j *Judge) weigh(in interval, d Decision) float64 {
	ramp, t := &j.s.Ramp, &j.s.Traffic
	if steps := j.config.Ramp.Steps; len(steps) > 0 {
		seconds := in.seconds
		if d.Verdict == Hold && d.Cause != Routing {
			seconds = 0
		}
		if ramp.Weight == 0 && d.Verdict == Hold && !d.Cause.EndsByMore() {
			return 0
		}
		ramp.walk(steps, t.Weight, seconds, in.blind || d.Verdict == Hold || j.doubtful())
		return ramp.Weight
	}
	enough := 0.0
	switch {
	case d.Verdict == Continue, d.Cause == NoData && t.Now > 0: // more requests end a lack of them
		enough = j.enough()
	case d.Cause == BadPod: // that pod is certainly bad, and a few requests show whether it recovers
		ramp.Weight = min(ramp.Weight, weights[0])
		return ramp.Weight
	case d.Cause != Routing, ramp.Weight == 0: // with these the weight may fall but not rise
		return ramp.Weight
	}
	if in.blind && t.Seen {
		return ramp.Weight
	}
	expected := 0.0
	for _, r := range j.all {
		expected = max(expected, r.Belief.harm()*j.part(r))
	}
	config := j.config.Ramp
	if enough >= config.Max {
		config.Budget = max(config.Budget, t.Rate*config.Max/100*2*j.config.Interval*tolerable)
	}
	if j.harm() >= doubtBursts && j.bursting() { // more requests do not shorten a burst
		config.Max = min(config.Max, burstMax)
	}
	ramp.next(config, j.config.Interval, t.Weight, enough, t.Rate, t.multiple(), expected)
	return ramp.Weight
}

// part returns the part of the requests that a guard counts. For a decider it is 1, because
// the evidence of a promotion rests on it.
func (j *Judge) part(r *ratio) float64 {
	most := 0.
	if !r.Guard {
		return 1
	}
	for _, other := range j.all {
		most = max(most, other.Usual.All)
	}
	if most == 0 {
		return 1
	}
	return r.Usual.All / most
}

// doubtful reports whether the canary is more likely worse than not.
func (j *Judge) doubtful() bool {
	return slices.ContainsFunc(j.all, func(r *ratio) bool { return r.Belief.harmed() > .5 })
}

const (
	spare    = 1.5 // aim at this many times the requests that are expected to be needed
	shortest = 90  // s; the least time to plan for them
	// finale is the time in seconds that an automatic ramp keeps its largest weight before
	// a promotion, at most a third of the bake.
	finale = 90
	// raises is the number of intervals that the weight may need to become the largest.
	raises = 4
	// doubtBursts is the evidence of harm from which a weight is at most burstMax percent if
	// stable has bursts.
	doubtBursts = 3
	burstMax    = 5
	// tolerable is the expected extra ratio of bad requests at which the largest weight is
	// tried, however many requests come. A promotion would risk more.
	tolerable = .0002
)

// bursting reports whether stable's pods have bursts of bad requests.
func (j *Judge) bursting() bool {
	return slices.ContainsFunc(j.all, func(r *ratio) bool { return r.Spread.burst() > 1 })
}

func (j *Judge) finale() float64 { return min(finale, j.config.Bake/3) }

// finished reports whether the ramp has kept every step, or its largest weight, for its
// time.
func (j *Judge) finished() bool {
	if steps := j.config.Ramp.Steps; len(steps) > 0 {
		return j.s.Ramp.walked(steps)
	}
	return j.s.Ramp.Top >= j.finale()
}

// enough returns the smallest weight that promises enough evidence of health
// before the last part of the bake. A larger weight would put more users at risk for
// nothing. The last part is long enough for the evidence at the largest weight.
func (j *Judge) enough() float64 {
	t := &j.s.Traffic
	top := j.config.Ramp.Max
	share := func(w float64) float64 { return min(w/100*t.multiple(), 1) }
	last := max(j.finale()-j.s.Ramp.Top, spare*j.needed(share(top), j.deciding)/max(t.Rate*share(top), 1e-9))
	left := j.config.Bake - j.s.Baked
	if left <= last+raises*j.config.Interval {
		return top
	}
	for _, w := range weights {
		if w > top {
			break
		}
		if spare*j.needed(share(w), fromAnyWeight) <= t.Rate*share(w)*max(left, shortest) {
			return w
		}
	}
	return top
}

// needed returns how many canary requests are still expected to be needed for
// every metric, at a share of the requests. of selects the evidence that they add to.
func (j *Judge) needed(share float64, of func(*ratio) *safe) float64 {
	most := 0.0
	for _, r := range j.all {
		most = max(most, r.needed(of(r), j.config, share))
	}
	return most
}

// deciding selects the evidence that a promotion needs.
func (j *Judge) deciding(r *ratio) *safe { return r.deciding(j.config) }

// fromAnyWeight selects the evidence of all intervals.
func fromAnyWeight(r *ratio) *safe { return &r.Safe }

// tooSlow reports whether a promotion before the deadline is unlikely even at
// the largest weight.
func (j *Judge) tooSlow() bool {
	share := j.largest() / 100
	return j.needed(share, j.deciding) > j.s.Traffic.Rate*share*max(0, j.config.Deadline-j.s.Clock.Elapsed)
}

// tooFew reports whether a promotion is unlikely because there are too few requests, and not
// because the canary's requests so far speak against it.
func (j *Judge) tooFew() bool {
	share := j.largest() / 100
	most := 0.
	for _, r := range j.all {
		most = max(most, r.neededAtBest(j.config, share))
	}
	return j.tooSlow() && most > j.s.Traffic.Rate*share*j.config.Deadline
}

// noisy reports whether bad requests come in bursts that make the evidence of a metric grow
// less than half as fast.
func (j *Judge) noisy() bool {
	return slices.ContainsFunc(j.all, func(r *ratio) bool { return !r.Guard && r.Φ > 2 })
}

// largest returns the largest weight of the ramp, percent.
func (j *Judge) largest() float64 {
	if steps := j.config.Ramp.Steps; len(steps) > 0 {
		return steps[len(steps)-1].Weight
	}
	return j.config.Ramp.Max
}

func (j *Judge) progress(in interval, harm float64) string {
	worse := slices.ContainsFunc(j.all, (*ratio).looksWorse)
	switch {
	case in.blind && worse:
		return reasonWarmupBad
	case in.blind:
		return reasonWarmup
	case worse, harm >= suspicion, j.doubtful():
		return reasonSuspicion
	case j.looksHealthy():
		return reasonBaking
	case j.tooSlow() && j.noisy():
		return reasonNoise
	case j.tooSlow():
		return reasonBetween
	case slices.ContainsFunc(j.all, (*ratio).lookedWorse):
		return reasonSinceWarm
	case slices.ContainsFunc(j.all, func(r *ratio) bool { return r.Harm.Begun == 0 && r.Canary.All > 0 }):
		return reasonSlowWarmup
	}
	return reasonCollecting
}

// report fills in the evidence of every metric.
func (j *Judge) report() {
	for _, r := range j.all {
		j.evidence[r.Name] = r.evidence(j.config)
	}
	for _, e := range j.s.Events {
		j.evidence[e.Name] = e.evidence()
	}
}
