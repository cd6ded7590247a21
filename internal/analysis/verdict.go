package analysis

import (
	"fmt"
	"slices"
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
		if j.costly() {
			d.Reason += reasonCostly
		} else {
			d.Reason += reasonSpent
		}
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
	if d.Metric != "" {
		d.Reason += fmt.Sprintf(reasonIntended, d.Metric, Ignored)
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
	} else if e := j.doubtedEvents(); e != nil {
		why = "The deadline has passed without a decision. " + e.reason()
	} else if j.tooFew() {
		d.Cause = LowTraffic
	}
	d.Verdict, d.Inconclusive, d.Reason, d.Metric = Hold, true, why, "" // too late to approve it
	if j.config.Overtime == Withdraw {
		d.Weight = 0
	}
	return j.end(d)
}

// broken returns the reason for a rejection that does not need evidence of
// harm, or "".
func (j *Judge) broken() string {
	guards := 0
	for _, r := range j.all {
		if r.Guard {
			guards++
		}
	}
	for _, r := range j.all {
		if r.Brake.fires(j.config.Alpha / float64(r.among(guards))) {
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
		if share := e.Stake * e.Fewer.value(); share > most && !e.Guard {
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

// healthy reports whether the canary may be promoted now.
func (j *Judge) healthy() bool {
	decides := func(r *ratio) bool { return !r.Guard }
	if !slices.ContainsFunc(j.all, decides) || j.s.Baked < j.config.Bake || !j.finished() {
		return false
	}
	for _, l := range j.s.Latencies {
		if len(l.Ratios) == 0 && j.config.role(l.Name) != Guard {
			return false
		}
	}
	if j.drifts(driftDoubt) != nil {
		return false
	}
	return !j.s.Crashing.doubted() && j.doubtedEvents() == nil && j.looksHealthy()
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
	drifts, differs := j.drifts(driftBar), j.differs()
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
	case drifts != nil:
		d := hold(Drift, drifts.holdReason(j.config.gauge(drifts.Name).Margin))
		d.Metric = drifts.Name
		return d
	case differs != nil:
		d := hold(Differs, differs.holdReason())
		d.Metric = differs.Name
		return d
	case t.Now == 0:
		return hold(NoData, reasonNoTraffic)
	case !t.Seen:
		return hold(NoData, reasonNoCanary)
	case t.Waited >= stale:
		return hold(NoData, fmt.Sprintf(reasonSilent, t.Waited))
	}
	return Decision{Verdict: Continue}
}

// drifts returns a gauge whose evidence of a difference is at least a bar, or nil.
func (j *Judge) drifts(bar float64) *gauge {
	for _, g := range j.s.Gauges {
		if g.holds(bar) {
			return g
		}
	}
	return nil
}

// differs returns the events whose number certainly differs in a way that holds the release,
// or nil. Each of several kinds of events holds a healthy release with its part of alpha.
func (j *Judge) differs() *events {
	enough := float64(len(j.s.Events)) / j.config.Alpha
	for _, e := range j.s.Events {
		if !e.Approved && e.holding() >= enough && e.excess() >= leastExcess {
			return e
		}
	}
	return nil
}

// doubtedEvents returns the events whose evidence prevents a promotion, or nil.
func (j *Judge) doubtedEvents() *events {
	if i := slices.IndexFunc(j.s.Events, (*events).doubted); i >= 0 {
		return j.s.Events[i]
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
		if e.Missing && !e.Guard {
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

// report fills in the evidence of every metric.
func (j *Judge) report() {
	for _, r := range j.all {
		j.evidence[r.Name] = r.evidence(j.config)
	}
	for _, e := range j.s.Events {
		j.evidence[e.Name] = e.evidence()
	}
}
