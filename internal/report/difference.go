package report

import (
	"fmt"
	"math"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/chart"
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

// Bars draws the differences of metrics as bars around zero, with one scale; nil where there is
// none.
func Bars(metrics []rollout.Metric) []*chart.Difference {
	all := make([]*chart.Interval, len(metrics))
	for i, m := range metrics {
		if d, known := DifferenceOf(m); known {
			all[i] = &chart.Interval{Low: d.Low, Y: d.Value, High: d.High}
		}
	}
	return chart.Differences(all)
}

// Reads says how the canary differs so far, and how that looks: good, bad or wait, as package
// look has it; "" for neither. It is sure only where the judge's interval is, which allows for
// noise between pods and over time. That of the counts does not.
func Reads(m rollout.Metric) (words, tone string) {
	d, known := DifferenceOf(m)
	more, fewer, bad := "worse", "better", "bad"
	if m.Events {
		more, fewer, bad = "more often", "less often", "wait"
	}
	switch {
	case !known:
		return "unknown without requests to both versions", ""
	case m.Low != nil && *m.Low > 1:
		return more + " on the new version", bad
	case m.High != nil && *m.High < 1:
		return fewer + " on the new version", "good"
	case d.Low > 0:
		return "probably " + more + "; the judge needs more evidence", ""
	case d.High < 0:
		return "probably " + fewer + "; the judge needs more evidence", ""
	}
	return "no clear difference", ""
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
		return "−" + Short(-v)
	}
	return "+" + Short(v)
}
