package simulate

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/canarize/canarize/internal/analysis"
)

// Decider decides about a release: the judge, or another tool's rules. It must
// not keep the maps of an observation.
type Decider interface {
	Observe(analysis.Observation) analysis.Decision
}

// Charge is the time in seconds for which a wrongly promoted release serves
// everybody before somebody notices. Its excess bad requests count against the
// decider.
const Charge = 30 * 60

// Outcome is the result of one run.
type Outcome struct {
	Verdict analysis.Verdict // Reject or Promote; else the last one before the deadline
	Cause   analysis.Cause   // of Hold
	Minutes float64          // when it ended
	Excess  float64          // bad requests of the canary beyond those that stable would have had
	Served  int64            // requests of both versions
	Canary  int64            // requests of the canary
}

// Run runs a scenario once. The decider gets the history, returns the first
// weight, and then gets every interval until its verdict is final or the
// deadline passes. Between them it gets the observations that it asks for. Its answers take effect
// some seconds later, and so does the end of a rejected canary's traffic.
func Run(s *Scenario, d Decider, seed, run uint64) Outcome {
	w := newWorld(s, seed, run)
	length := s.Interval.Seconds()
	for n := int(s.History / s.Interval); n > 0; n-- {
		to := -float64(n) * length
		w.begin(to - length)
		w.until(to, 0)
		w.end(length)
		d.Observe(w.observe(to, 0))
	}
	decision := d.Observe(analysis.Observation{Time: 0})
	w.total = tally{}
	for n := 0; n < int(s.Deadline/s.Interval) && !final(decision); n++ {
		decision = w.carryOut(d, float64(n)*length, decision)
	}
	outcome := Outcome{Verdict: decision.Verdict, Cause: decision.Cause, Minutes: w.now / 60, Served: w.total.served, Canary: w.total.canary}
	outcome.Excess = w.total.excess + w.aftermath(w.now, decision.Verdict)
	return outcome
}

// carryOut carries out the interval after a decision and returns the last decision in it.
func (w *world) carryOut(d Decider, from float64, last analysis.Decision) analysis.Decision {
	length := w.s.Interval.Seconds()
	end, ended := from+length, false
	for w.begin(from); !ended && !final(last); {
		next := end
		if last.Next > 0 && !w.canary.missing && !w.stable.missing {
			next = w.now + max(last.Next, w.s.Shortest.Seconds())
		}
		weight := last.Weight
		if ended = next >= end-w.s.Shortest.Seconds(); ended {
			next = end
		}
		w.until(next, weight)
		if ended {
			w.end(length)
		}
		last = d.Observe(w.observe(next, weight))
	}
	return last
}

func final(d analysis.Decision) bool {
	return d.Verdict == analysis.Reject || d.Verdict == analysis.Promote
}

// aftermath returns the mean excess after a final verdict: for a rejected
// canary until its weight has fallen, for a promoted one for the time of
// Charge.
func (w *world) aftermath(end float64, verdict analysis.Verdict) float64 {
	seconds, share := 0.0, 0.0
	switch verdict {
	case analysis.Reject:
		seconds, share = (minDelay+maxDelay)/2.0, min(w.weight/100*w.s.multiple(), 1)
	case analysis.Promote:
		seconds, share = Charge, 1
	}
	if w.s.BadPods > 0 {
		share *= float64(w.s.BadPods) / float64(len(w.canary.pods))
	}
	const steps = 30 // ratios drift
	total := 0.0
	for i := range steps {
		t := end + seconds*(float64(i)+0.5)/steps
		for _, name := range w.metrics {
			total += w.s.rate(t, w.phase) * w.s.Metrics[name].of() * share * seconds / steps * (w.ratio(name, true, t) - w.ratio(name, false, t))
		}
	}
	return total
}

// Repeat runs a scenario many times, each time with a new decider.
func Repeat(ctx context.Context, s *Scenario, decider func() Decider, runs int, seed uint64) ([]Outcome, error) {
	return Many(ctx, runs, func(run uint64) Outcome { return Run(s, decider(), seed, run) })
}

// Many calls one for every run, on all cores. The outcomes are in the order of
// the runs and do not depend on the number of cores.
func Many[T any](ctx context.Context, runs int, one func(run uint64) T) ([]T, error) {
	outcomes := make([]T, runs)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), runs) {
		workers.Go(func() {
			for ctx.Err() == nil {
				run := next.Add(1) - 1
				if run >= int64(runs) {
					return
				}
				outcomes[run] = one(uint64(run))
			}
		})
	}
	workers.Wait()
	return outcomes, ctx.Err()
}
