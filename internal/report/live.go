package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/rollout"
)

// live is what is under way in a release: what was done last and, while the judge
// watches, a small chart of the weight and how far the evidence is.
type live struct {
	weights []int
	judged  *rollout.Judged
}

// mostWeights is how many weights the chart shows, the last ones.
const mostWeights = 24

// take gives the lines that show what is under way after an event.
func (l *live) take(e rollout.Event) []string {
	switch {
	case e.Judged != nil:
		l.judged = e.Judged
		l.weights = append(l.weights, e.Judged.Weight)
		l.weights = l.weights[max(0, len(l.weights)-mostWeights):]
		return l.lines()
	case !e.Phase.Active() && e.Kind != rollout.EventProgress:
		*l = live{}
		return nil
	}
	lines := l.lines()
	if e.Kind == rollout.EventProgress {
		lines = append(lines, e.Text)
	}
	return lines
}

func (l *live) lines() []string {
	j := l.judged
	if j == nil {
		return nil
	}
	return append([]string{fmt.Sprintf("%-*s %s  %d %%", names(j), "share", sparkline(l.weights), j.Weight)}, evidence(j, names(j))...)
}

// names is how wide the column of names is.
func names(j *rollout.Judged) int {
	wide := len("continue") + 1
	for _, m := range j.Metrics {
		wide = max(wide, min(len(m.Name), mostName))
	}
	return wide
}

// evidence is what was counted of each metric, how far the evidence is, and what the
// judge says of it, behind names so wide.
func evidence(j *rollout.Judged, wide int) []string {
	var lines []string
	metrics := slices.Clone(j.Metrics) // the most harmful first
	slices.SortStableFunc(metrics, func(a, b rollout.Metric) int { return cmp.Compare(b.Harm, a.Harm) })
	for _, m := range metrics[:min(len(metrics), mostMetrics)] {
		lines = append(lines,
			fmt.Sprintf("%-*s canary %s   stable %s", wide, m.Name, ratio(m.Canary), ratio(m.Stable)),
			fmt.Sprintf("%-*s health %s   harm %s", wide, "", gauge(m.Safe, j.Promote), gauge(m.Harm, j.Reject)))
	}
	if more := len(metrics) - mostMetrics; more > 0 {
		lines = append(lines, fmt.Sprintf("%-*s and %d more metrics", wide, "", more))
	}
	return append(lines, fmt.Sprintf("%-*s %s", wide, j.Verdict, j.Reason))
}

// What is redrawn has to fit on a screen: so many metrics are shown, and names of so
// many letters make the column wider.
const (
	mostMetrics = 4
	mostName    = 20
)

// sparkline draws shares from 0 to 100 %.
func sparkline(weights []int) string {
	const bars = "▁▂▃▄▅▆▇█"
	levels := []rune(bars)
	var text strings.Builder
	for _, w := range weights {
		text.WriteRune(levels[min(max(w, 0)*len(levels)/101, len(levels)-1)])
	}
	return text.String()
}

// ratio is how many of the requests were bad.
func ratio(c rollout.Count) string {
	return fmt.Sprintf("%d of %d bad (%s %%)", c.Bad, c.Total, short(percent(c)))
}

// gauge draws how far evidence is on its way, in orders of magnitude, to a level.
func gauge(evidence, level float64) string {
	const width = 12
	part := 0.0
	if evidence > 1 && level > 1 {
		part = min(math.Log(evidence)/math.Log(level), 1)
	}
	full := int(math.Round(part * width))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full) + fmt.Sprintf(" %d %%", int(math.Round(100*part)))
}
