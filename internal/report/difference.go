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

// Described is the difference of a metric as the report and the live page show it.
type Described struct {
	Text  string            // with its interval; "" if it is unknown
	Bar   *chart.Difference // nil if it is unknown
	Reads string            // in words
	Tone  Tone
}

// Describe describes the differences of metrics. Their bars have one scale.
func Describe(metrics []rollout.Metric) []Described {
	all := make([]Described, len(metrics))
	intervals := make([]*chart.Interval, len(metrics))
	for i, m := range metrics {
		d, known := DifferenceOf(m)
		if known {
			all[i].Text = d.String()
			intervals[i] = &chart.Interval{Low: d.Low, Y: d.Value, High: d.High}
		}
		all[i].Reads, all[i].Tone = d.reads(m, known)
	}
	for i, bar := range chart.Differences(intervals) {
		all[i].Bar = bar
	}
	return all
}

// reads says how the canary differs so far. It is sure only where the judge's interval is,
// which allows for noise between pods and over time. That of the counts does not.
func (d Difference) reads(m rollout.Metric, known bool) (words string, tone Tone) {
	more, fewer, bad := "worse", "better", Bad
	if m.Events {
		more, fewer, bad = "more often", "less often", Wait
	}
	switch {
	case !known:
		return "unknown without requests to both versions", Plain
	case m.Low != nil && *m.Low > 1:
		return more + " on the new version", bad
	case m.High != nil && *m.High < 1:
		return fewer + " on the new version", Good
	case d.Low > 0:
		return "probably " + more + "; the judge needs more evidence", Plain
	case d.High < 0:
		return "probably " + fewer + "; the judge needs more evidence", Plain
	}
	return "no clear difference", Plain
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
