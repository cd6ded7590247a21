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
	reasonIntended   = " If it is intended, approve %s, or give it the role %s."
	reasonCostly     = " The hold has cost enough bad requests, so the canary gets no more traffic."
	reasonBadPod     = "One pod of the canary is bad, the others are not; replace that pod."
)

// harmReason says why the release was rejected.
func (r *ratio) harmReason(e Evidence) string {
	times := "while stable had none"
	if !math.IsInf(e.Ratio, 0) && !math.IsNaN(e.Ratio) {
		times = fmt.Sprintf("%.1f times stable's ratio", e.Ratio)
	}
	return fmt.Sprintf("%s: %d of %d requests of the canary were bad, %s (%d of %d).",
		r.Name, e.Canary.Bad, e.Canary.Total, times, e.Stable.Bad, e.Stable.Total)
}

// healthReason says why it was promoted.
func (j *Judge) healthReason() string {
	var all Counts
	for _, r := range j.all {
		all.Total = max(all.Total, int64(r.Canary.All))
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
	unsure := j.doubtedEvents()
	switch {
	case in.blind && worse:
		return reasonWarmupBad
	case in.blind:
		return reasonWarmup
	case worse, harm >= suspicion, j.doubtful():
		return reasonSuspicion
	case unsure != nil:
		return unsure.doubtReason()
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
