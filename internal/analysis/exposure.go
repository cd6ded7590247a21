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
	f := o.flow()
	w := t.add(f, seconds, o.Weight)
	if f.seen && !t.Seen {
		t.Seen, t.First = true, j.s.Clock.Elapsed-seconds
	}
	in := interval{
		seconds: seconds,
		mixed:   w.Mixed,
		most:    math.Min(w.Most/100*t.multiple(), 1),
	}
	if w.Mixed && w.Both > 0 && w.Canary/w.Both > in.most {
		// More than any of the weights explains, and that in only a part of the
		// interval.
		in.most = math.Min(1.4*w.Canary/w.Both, 1)
	}
	since, warmup := j.s.Clock.Elapsed-t.First, j.config.Warmup
	if warmup > 0 {
		warmup += math.Min(seconds, settles)
	}
	in.blind = !t.Seen || since-seconds < warmup
	in.begun, in.braked = j.begun(since-warmup), j.begun(since)
	return in
}

// begun is the part of the bets that have begun after some seconds: most at once,
// the others spread over the time until the deadline, for harm that begins late.
func (j *Judge) begun(seconds float64) float64 {
	seconds = max(seconds, 0)
	return origin + (1-origin)*min(1, math.Log1p(seconds/scale)/math.Log1p(j.config.Deadline/scale))
}
