package report

import (
	"fmt"
	"math"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/rollout"
)

// Difference is the canary's percentage of bad requests minus stable's, in percentage points,
// with its 95 % interval.
type Difference struct{ Value, Low, High float64 }

// DifferenceOf returns the difference of the counts, and false if a version had no request or
// the counts are no part of the requests. Its interval holds at all looks at once.
func DifferenceOf(m rollout.Metric) (Difference, bool) {
	d, known := analysis.DifferenceOf(analysis.Counts(m.Canary), analysis.Counts(m.Stable), .05)
	return Difference{100 * d.Value, 100 * d.Low, 100 * d.High}, known
}

// String shows the difference with its interval.
func (d Difference) String() string {
	return fmt.Sprintf("%s points (%s to %s)", signed(d.Value), signed(d.Low), signed(d.High))
}

// signed formats a number of percentage points with its sign.
func signed(v float64) string {
	if math.Abs(v) < 5e-5 {
		return "0"
	}
	if v < 0 {
		return "−" + short(-v)
	}
	return "+" + short(v)
}
