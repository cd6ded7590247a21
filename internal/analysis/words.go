package analysis

import (
	"fmt"
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
	reasonLateWarmup = "There is no sign of harm; some metrics count once the canary has warmed up for them."
	reasonCollecting = "There is no sign of harm; the judge still collects evidence of health."
	reasonSinceWarm  = "Since the warm-up there is no sign of harm; the judge still collects evidence of health."
	reasonNoise      = "Bad requests come in bursts, so single ones say little; a decision may need more time than the deadline leaves."
	reasonBetween    = "The canary is neither clearly as good as stable nor clearly worse by the margin; a wider margin or a later deadline would decide."
	reasonBaking     = "The canary looks healthy; the judge watches it until the bake time is over."
	reasonRamping    = "The canary looks healthy; the judge watches it until the ramp is over."
	reasonLatency    = "The canary looks healthy, but there are too few requests yet to compare latencies."
	reasonSuspicion  = "More of the canary's requests are bad than stable's, but that may still be chance; the judge waits for more evidence."
	reasonAtTimes    = "For some time more of the canary's requests were bad than stable's, but that may still be chance; the judge waits for more evidence."
	reasonSource     = "A metric was not measured; check its source."
	reasonNoTraffic  = "No request was seen in this interval, so there is nothing to judge."
	reasonNoCanary   = "The canary has had no request yet, so there is nothing to judge."
	reasonUnserved   = "The canary gets no requests although its weight should give it some; check its route and its pods."
	reasonLowTraffic = "The rate of requests is too low for a decision before the deadline; raise the weight, the margin, or the deadline."
	reasonIntended   = " If it is intended, approve %s, or give it the role %s."
	reasonGauge      = "%s: the canary's value looks more than %g %% above stable's, but that may still be chance; the judge waits for more evidence."
	reasonRestarts   = "Containers of the canary restarted %.0f times, those of stable %.0f times, but that may still be chance; the judge waits for more evidence."
	reasonSpent      = " Earlier holds have cost enough bad requests, so the canary's weight should be 0."
	reasonSilent     = "The canary has had no request for %.0f seconds, so there is nothing new to judge."
	reasonCostly     = " The hold has cost enough bad requests, so the canary's weight should be 0."
	reasonBadPod     = "One pod of the canary is bad, the others are not; replace that pod."
)

// harmReason says why the release was rejected.
func (r *ratio) harmReason(e Evidence) string {
	times := "while stable had none"
	if e.Stable.Bad > 0 && e.Canary.Total > 0 && e.Stable.Total > 0 { // of the counts that are named, so that everybody can compute it
		times = fmt.Sprintf("%.1f times stable's ratio", float64(e.Canary.Bad)/float64(e.Canary.Total)*float64(e.Stable.Total)/float64(e.Stable.Bad))
	}
	return fmt.Sprintf("%s: %d of %d requests of the canary were bad, %s (%d of %d).",
		r.Name, e.Canary.Bad, e.Canary.Total, times, e.Stable.Bad, e.Stable.Total)
}

// healthReason says why it was promoted.
func (j *Judge) healthReason() string {
	var all Counts
	for _, r := range j.all {
		all.Total = max(all.Total, r.Canary.plus(r.Pending.Canary).counts().Total)
	}
	return fmt.Sprintf("After %.0f seconds and %d requests, the evidence shows that the canary is no worse than the margin allows.", j.s.Clock.Elapsed, all.Total)
}

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

// progress says where the judgement stands while nothing prevents it.
func (j *Judge) progress(in interval, harm float64) string {
	worse := slices.ContainsFunc(j.all, (*ratio).looksWorse)
	unsure, drifting := j.doubtedEvents(), j.drifts(driftDoubt)
	switch {
	case in.blind && worse:
		return reasonWarmupBad
	case in.blind:
		return reasonWarmup
	case worse:
		return j.suspicious()
	case unsure != nil:
		return unsure.doubtReason()
	case j.s.Crashing.looksWorse():
		return fmt.Sprintf(reasonRestarts, j.s.Crashing.Canary, j.s.Crashing.Stable)
	case harm >= suspicion, j.doubtful():
		return j.suspicious()
	case drifting != nil:
		return fmt.Sprintf(reasonGauge, drifting.Name, 100*j.config.gauge(drifting.Name).Margin)
	case j.looksHealthy():
		return j.watching()
	case j.tooSlow() && j.noisy():
		return reasonNoise
	case j.tooSlow():
		return reasonBetween
	case slices.ContainsFunc(j.all, (*ratio).lookedWorse):
		return reasonSinceWarm
	}
	return j.collecting()
}

// suspicious says that there may be harm. What the totals do not show happened in a part of
// the time, such as since the warm-up.
func (j *Judge) suspicious() string {
	if slices.ContainsFunc(j.all, (*ratio).hasMore) {
		return reasonSuspicion
	}
	return reasonAtTimes
}

// collecting says what is missing while nothing speaks against the canary.
func (j *Judge) collecting() string {
	cold := func(r *ratio) bool { return r.Harm.Begun == 0 && r.Canary.All > 0 }
	switch {
	case !slices.ContainsFunc(j.all, cold):
		return reasonCollecting
	case slices.ContainsFunc(j.all, func(r *ratio) bool { return cold(r) && !measuresTime(r.Name) }):
		return reasonLateWarmup
	}
	return reasonSlowWarmup
}

// watching says why a canary that looks healthy is not promoted yet.
func (j *Judge) watching() string {
	switch {
	case j.s.Baked < j.config.Bake:
		return reasonBaking
	case !j.finished():
		return reasonRamping
	case slices.ContainsFunc(j.s.Latencies, func(l *latency) bool { return len(l.Ratios) == 0 && j.config.role(l.Name) != Guard }):
		return reasonLatency
	}
	return reasonCollecting
}
