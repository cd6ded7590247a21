package analysis

import "math"

const (
	settles = 5   // seconds that a weight takes to be in force, at most
	origin  = .6  // part of the bets that begin at once
	scale   = 120 // s; later ones begin ever more rarely
)

// interval learns what traffic the arms had, and says how the interval counts.
func (j *Judge) interval(o Observation, seconds float64) interval {
	t := &j.s.Traffic
	mixed := !t.Known || o.Weight != t.Weight
	least, most := min(o.Weight, t.Weight), max(o.Weight, t.Weight)
	t.Weight, t.Known = o.Weight, true
	canary, both, measured := o.largest()
	if measured {
		t.add(canary, both, seconds, least, mixed)
	}
	if canary > 0 && !t.Seen {
		t.Seen, t.First = true, j.s.Clock.Elapsed-seconds+min(seconds, settles)
	}
	since := j.s.Clock.Elapsed - t.First
	in := interval{
		seconds: seconds, mixed: mixed,
		blind:  !t.Seen || since-seconds < j.config.Warmup,
		begun:  j.begun(since - j.config.Warmup),
		braked: j.begun(since),
		most:   math.Min(most/100*t.multiple(), 1),
	}
	if mixed && both > 0 && canary/both > in.most {
		// More than any of the two weights explains, and that in only a part of the
		// interval.
		in.most = math.Min(1.4*canary/both, 1)
	}
	return in
}

// begun is the part of the bets that have begun after some seconds: most at once,
// the others spread over the time until the deadline, for harm that begins late.
func (j *Judge) begun(seconds float64) float64 {
	seconds = max(seconds, 0)
	return origin + (1-origin)*min(1, math.Log1p(seconds/scale)/math.Log1p(j.config.Deadline/scale))
}

// largest is the traffic of the metric that saw most of it; every request has to
// be in some metric. It is not measured if no metric has both arms.
func (o Observation) largest() (canary, both float64, measured bool) {
	for _, p := range o.Metrics {
		if p.Canary == nil || p.Stable == nil {
			continue
		}
		c, _ := p.Canary.sum() // checked before
		s, _ := p.Stable.sum()
		canary, both, measured = larger(canary, both, measured, c.Total, s.Total)
	}
	for _, p := range o.Latency {
		if p.Canary != nil && p.Stable != nil {
			canary, both, measured = larger(canary, both, measured, p.Canary.Total, p.Stable.Total)
		}
	}
	return canary, both, measured
}

func larger(canary, both float64, measured bool, c, s int64) (float64, float64, bool) {
	n, all := float64(c), float64(c)+float64(s)
	if !measured || all > both || all == both && n > canary {
		return n, all, true
	}
	return canary, both, true
}
