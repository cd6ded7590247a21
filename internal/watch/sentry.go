package watch

import "github.com/canarize/canarize/internal/analysis"

// sentry is a judge that counts time from a later start, in seconds.
type sentry struct {
	*analysis.Judge
	from float64
}

func (s sentry) observe(o analysis.Observation) analysis.Decision {
	o.Time -= s.from
	return s.Observe(o)
}

func (s sentry) catastrophe(o analysis.Observation) bool {
	o.Time -= s.from
	return s.Catastrophe(o)
}

func (s sentry) decided() bool {
	d := s.Standing()
	return d.Verdict == analysis.Promote || d.Verdict == analysis.Reject || d.Inconclusive
}

// current returns the judge for what is counted now. A release found healthy gets a new
// judge while it waits for something else, such as a person's approval.
func (w *Watcher) current() sentry {
	if w.judge.Standing().Verdict != analysis.Promote {
		return sentry{w.judge, 0}
	}
	if w.guard.Judge == nil || w.guard.decided() {
		guard, err := analysis.New(w.Analysis)
		if err != nil { // cannot happen: the judge accepted this configuration
			return sentry{w.judge, 0}
		}
		w.guard = sentry{guard, w.observed.Sub(w.begin).Seconds()}
		guard.Observe(analysis.Observation{Weight: float64(w.weight)})
	}
	return w.guard
}
