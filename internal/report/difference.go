package report

import (
	"fmt"
	"math"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/simulate"
)

// difference is the canary's percentage of bad requests minus stable's, in percentage
// points, with its 95 % interval.
type difference struct{ Value, Low, High float64 }

// differenceOf returns the difference of the counts, and false if a version had no request
// or the counts are no part of the requests. The interval is the hybrid score interval of
// Newcombe (Statistics in Medicine 17, 1998, method 10): it stays sensible with few
// requests and without bad ones.
func differenceOf(m rollout.Metric) (difference, bool) {
	if !countable(m.Canary) || !countable(m.Stable) {
		return difference{}, false
	}
	c := simulate.ShareOf(int(m.Canary.Bad), int(m.Canary.Total))
	s := simulate.ShareOf(int(m.Stable.Bad), int(m.Stable.Total))
	d := difference{Value: c.Percent - s.Percent}
	if m.Canary.Bad == 0 && m.Stable.Bad == 0 {
		d.Value = 0
	}
	d.Low = d.Value - math.Hypot(c.Percent-c.Low, s.High-s.Percent)
	d.High = d.Value + math.Hypot(c.High-c.Percent, s.Percent-s.Low)
	return d, true
}

func countable(c rollout.Count) bool { return c.Total > 0 && c.Bad >= 0 && c.Bad <= c.Total }

// String shows the difference with its interval.
func (d difference) String() string {
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
