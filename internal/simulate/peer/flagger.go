package peer

import "github.com/canarize/canarize/internal/analysis"

// Flagger decides as Flagger's controller does for progressive traffic
// (docs.flagger.app, "How it works"; pkg/controller/scheduler.go). On every
// tick all metrics over the last interval must pass; otherwise the weight stays
// and a check has failed. A missing value also fails the check. Failed checks
// add up and are never reset. The tick after they reach the threshold rolls
// back; the tick that passes at the largest weight promotes.
type Flagger struct {
	Interval  float64 // seconds between ticks, and the window of the metrics
	Threshold int     // failed checks
	Step, Max float64 // percent of weight
	Limit     float64 // largest ratio of bad requests, 0 to 1

	last   float64
	failed int
	weight float64
	seen   window
}

// NewFlagger returns the numbers of the documentation: a tick every minute, 5
// failed checks, steps of 5 % up to 50 %, and a success rate of at least 99 %.
// For latency it is a 99th percentile below the limit, which means at most 1 %
// slow requests.
func NewFlagger() *Flagger {
	return &Flagger{Interval: 60, Threshold: 5, Step: 5, Max: 50, Limit: 0.01}
}

// Observe handles one observation. Most fall between two ticks.
func (f *Flagger) Observe(o analysis.Observation) analysis.Decision {
	if o.Time <= 0 {
		f.weight, f.seen = f.Step, window{}
		return before(o.Time, f.weight)
	}
	f.seen.add(o)
	if !due(&f.last, o.Time, f.Interval) {
		return analysis.Decision{Verdict: analysis.Continue, Weight: f.weight}
	}
	f.seen.forget(o.Time - f.Interval)
	switch healthy := f.seen.healthy(f.Limit); {
	case f.failed >= f.Threshold:
		return analysis.Decision{Verdict: analysis.Reject}
	case !healthy:
		f.failed++
	case f.weight >= f.Max:
		return analysis.Decision{Verdict: analysis.Promote}
	default:
		f.weight = min(f.weight+f.Step, f.Max)
	}
	return analysis.Decision{Verdict: analysis.Continue, Weight: f.weight}
}
