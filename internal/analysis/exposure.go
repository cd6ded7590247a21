package analysis

import "math"

const (
	settles = 5   // most seconds until a new weight takes effect
	origin  = .6  // fraction of the bets that begin at once
	scale   = 120 // s; the later, the more rarely bets begin
	// early is the largest number of usual intervals after a warm-up in which short intervals
	// are joined as evidence of harm: a cold start may last twice as long as the warm-up.
	early = 3
)

// interval learns the traffic of both arms and returns how to count the
// interval for a metric with the shortest warm-up.
func (j *Judge) interval(o Observation, seconds float64) interval {
	t := &j.s.Traffic
	f := o.flow()
	t.doubt(o, seconds)
	w := t.add(f, seconds, o.Weight, j.begun(j.s.Clock.Elapsed), j.config.Interval)
	if f.seen && !t.Seen {
		t.Seen, t.First = true, j.s.Clock.Elapsed-seconds
	}
	if f.measured {
		j.bake(w.Seconds)
	}
	in := interval{
		seconds: seconds,
		held:    j.standing.Verdict == Hold && !w.Mixed, // not before the weight has fallen
		mixed:   w.Mixed,
		most:    math.Min(w.Most/100*t.multiple(), 1),
		part:    min(seconds/j.config.Interval, 1),
	}
	if w.Mixed && w.Both > 0 && w.Canary/w.Both > in.most {
		// No weight explains such a share, and the canary had it only in
		// part of the interval.
		in.most = math.Min(1.4*w.Canary/w.Both, 1)
	}
	in.since, in.braked = -1, j.begun(j.s.Clock.Elapsed-t.First)
	if t.Seen {
		in.since = j.s.Clock.Elapsed - t.First
	}
	in = j.warmed(in, j.config.Warmup)
	if ramp := &j.s.Ramp; !in.blind && w.Both > 0 && w.Least >= j.config.Ramp.Max {
		ramp.Top += seconds
		in.top = j.begun(ramp.Top)
	}
	return in
}

// warmed returns how to count an interval for a metric with a warm-up of some seconds.
func (j *Judge) warmed(in interval, warmup float64) interval {
	if warmup > 0 {
		warmup += math.Min(in.seconds, settles)
	}
	in.blind = in.since-in.seconds < warmup
	in.begun = j.begun(in.since - warmup)
	in.block = 0
	if in.since-warmup <= min(warmup, early*j.config.Interval) {
		in.block = j.config.Interval
	}
	return in
}

// begun returns the fraction of the bets that have begun after some seconds.
// Most begin at once. The others begin between then and the deadline, for harm
// that begins late.
func (j *Judge) begun(seconds float64) float64 {
	seconds = max(seconds, 0)
	return origin + (1-origin)*min(1, math.Log1p(seconds/scale)/math.Log1p(j.config.Deadline/scale))
}
