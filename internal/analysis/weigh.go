package analysis

import "slices"

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
	ramp.Since += in.seconds
	if in.blind && t.Seen || t.SampleRatio.value() >= splitPause {
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
	ramp.next(config, in.seconds, j.config.Interval, t.Weight, enough, t.Rate, t.multiple(), expected)
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
	return slices.ContainsFunc(j.all, func(r *ratio) bool { return r.Spread.burst() > j.config.Interval })
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
