package peer

import "github.com/canarize/canarize/internal/analysis"

// Argo decides as Argo Rollouts does with a background analysis
// (argo-rollouts.readthedocs.io, "Analysis & Progressive Delivery"). It sets
// weights with pauses between them. In parallel it measures at the start and
// after every interval; the rate covers one interval. A measurement without a
// value is an error, and more consecutive errors than the error limit abort. A
// measurement that is too low or NaN is a failure, and more failures than the
// limit abort. The end of the last pause promotes.
type Argo struct {
	Interval     float64   // seconds between measurements, and the window of the rate
	Weights      []float64 // percent
	Pause        float64   // seconds after each weight
	FailureLimit int
	ErrorLimit   int     // consecutive
	Limit        float64 // largest ratio of bad requests, 0 to 1

	last             float64
	failures, errors int
	seen             window
}

// NewArgo returns the documented example: weights of 20, 40, 60 and 80 % for
// ten minutes each, a measurement every 5 minutes, failureLimit 3, and the
// default consecutiveErrorLimit of 4. The example requires a success rate of 95
// %. It delays the analysis until the second weight; here it begins at once,
// which finds harm sooner.
func NewArgo() *Argo {
	return &Argo{Interval: 300, Weights: []float64{20, 40, 60, 80}, Pause: 600, FailureLimit: 3, ErrorLimit: 4, Limit: 0.05}
}

// Observe handles one observation. Most fall between two measurements. The
// measurement at the start finds no series yet.
func (a *Argo) Observe(o analysis.Observation) analysis.Decision {
	if o.Time <= 0 {
		a.seen = window{}
		if o.Time == 0 {
			a.errors = 1
		}
		return before(o.Time, a.Weights[0])
	}
	a.seen.add(o)
	if due(&a.last, o.Time, a.Interval) {
		a.seen.forget(o.Time - a.Interval)
		a.measure()
	}
	step := int(o.Time / a.Pause)
	switch {
	case a.failures > a.FailureLimit || a.errors > a.ErrorLimit:
		return analysis.Decision{Verdict: analysis.Reject}
	case step >= len(a.Weights):
		return analysis.Decision{Verdict: analysis.Promote}
	}
	return analysis.Decision{Verdict: analysis.Continue, Weight: a.Weights[step]}
}

func (a *Argo) measure() {
	if len(a.seen) == 0 {
		a.errors++
		return
	}
	a.errors = 0
	if !a.seen.healthy(a.Limit) {
		a.failures++
	}
}
