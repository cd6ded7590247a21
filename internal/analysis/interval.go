package analysis

import "math"

// ratioEstimate estimates the canary's ratio of bad requests divided by
// stable's. It uses the estimator of Mantel and Haenszel over the intervals, so
// that a changing weight or baseline does not distort it. Greenland and Robins,
// Biometrics 41, 1985, give the variance of its logarithm.
type ratioEstimate struct {
	R float64 `json:"r"` // Σ bad of canary × requests of stable ÷ requests
	S float64 `json:"s"` // Σ bad of stable × requests of canary ÷ requests
	V float64 `json:"v"`
}

func (e *ratioEstimate) add(t table) {
	m := t.N - t.n
	e.R += t.bad * m / t.N
	e.S += (t.allBad - t.bad) * t.n / t.N
	e.V += max(0, t.allBad*t.n/t.N*m/t.N-t.bad*(t.allBad-t.bad)/t.N)
}

// tightest is the information, in units of 1/variance of the logarithm, at
// which the interval is tightest.
const tightest = 2

// interval returns the ratio with an interval that holds at all times at once
// with a probability of about 1-α, by Robbins' normal mixture for the
// estimate's asymptotic law (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
// arXiv 2103.06476).
func (e *ratioEstimate) interval(alpha, dispersion float64) (ratio, low, high float64) {
	if e.R+e.S == 0 {
		return math.NaN(), 0, math.Inf(1)
	}
	r, s := e.R, e.S
	ratio = r / s // +Inf if stable had no bad request
	if r == 0 || s == 0 {
		r, s = r+.5, s+.5
	}
	variance := max(e.V/(r*s), 1/(r+s)) * dispersion
	if variance <= 0 {
		return ratio, 0, math.Inf(1)
	}
	info := 1 / variance
	radius := math.Sqrt((info + tightest) / (info * info) * (math.Log((info+tightest)/tightest) + 2*math.Log(1/alpha)))
	low, high = r/s*math.Exp(-radius), r/s*math.Exp(radius)
	return ratio, min(low, ratio), max(high, ratio)
}
