package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/columns"

	"github.com/canarize/canarize/internal/rollout"
)

// live holds what the terminal redraws: a small chart of the weight, and how far the
// evidence is.
type live struct {
	weights []int
	judged  *rollout.Judged
	weight  int // now; the judgement may be of an earlier one
}

// maxWeights is the number of weights in the chart.
const maxWeights = 24

// update applies an event and returns the lines to redraw.
func (l *live) update(e rollout.Event) []string {
	switch {
	case e.Judged != nil:
		l.judged, l.weight = e.Judged, e.Judged.Weight
		l.weights = append(l.weights, e.Judged.Weight)
		l.weights = l.weights[max(0, len(l.weights)-maxWeights):]
		return l.lines()
	case !e.Phase.Active() && e.Kind != rollout.EventProgress:
		*l = live{}
		return nil
	}
	if e.Kind == rollout.EventPhase && e.Phase == rollout.Standing {
		l.weight = e.Weight
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
	share := fmt.Sprintf("%s %s  %d %%", columns.Pad("share", nameWidth(j)), sparkline(l.weights), l.weight)
	if part := SeenShare(j.Seen); part != unknown && l.weight == j.Weight {
		share += fmt.Sprintf(", %s of the requests seen", part)
	}
	return append([]string{share}, evidence(j, nameWidth(j))...)
}

// nameWidth returns the width of the name column, with one of the two spaces that separate
// columns.
func nameWidth(j *rollout.Judged) int {
	wide := len("continue")
	for _, m := range j.Metrics {
		wide = max(wide, min(columns.Width(m.Name), maxName))
	}
	return wide + 1
}

// evidence returns lines with the counts of each metric, how far its evidence is, and the
// verdict. wide is the width of the name column.
func evidence(j *rollout.Judged, wide int) []string {
	var lines []string
	metrics := foremost(j.Metrics)
	for _, m := range metrics {
		lines = append(lines,
			fmt.Sprintf("%s canary %s   stable %s", columns.Pad(m.Name, wide), ratio(m.Canary), ratio(m.Stable)),
			fmt.Sprintf("%s health %s   harm %s", columns.Pad("", wide), gauge(m.Safe, j.Promote), gauge(m.Harm, j.Reject)))
	}
	if more := len(j.Metrics) - len(metrics); more > 0 {
		lines = append(lines, fmt.Sprintf("%s and %d more metrics", columns.Pad("", wide), more))
	}
	return append(lines, fmt.Sprintf("%s %s", columns.Pad(string(j.Verdict), wide), j.Reason))
}

// foremost returns the metrics that are shown: first those that have parts, such as routes, then
// those with the most evidence of harm.
func foremost(metrics []rollout.Metric) []rollout.Metric {
	divided := rollout.Divided(metrics)
	rank := func(m rollout.Metric) int {
		if divided[m.Name] {
			return 0
		}
		return 1
	}
	all := slices.Clone(metrics)
	slices.SortStableFunc(all, func(a, b rollout.Metric) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Harm, a.Harm))
	})
	return all[:min(len(all), maxMetrics)]
}

// The redrawn lines have to fit on a screen.
const (
	maxMetrics = 4  // metrics shown
	maxName    = 20 // name column at most, in characters
)

// sparkline draws shares of 0 to 100 %.
func sparkline(weights []int) string {
	const bars = "▁▂▃▄▅▆▇█"
	levels := []rune(bars)
	var text strings.Builder
	for _, w := range weights {
		text.WriteRune(levels[min(max(w, 0)*len(levels)/101, len(levels)-1)])
	}
	return text.String()
}

// ratio formats a count as "BAD of TOTAL bad".
func ratio(c rollout.Count) string {
	if c.Total == 0 {
		return "none counted"
	}
	return fmt.Sprintf("%d of %d bad (%s %%)", c.Bad, c.Total, Short(percent(c)))
}

// gauge draws how far the evidence is on the way to a level, in orders of magnitude. Only what
// has reached the level has 100 %.
func gauge(evidence, level float64) string {
	const width = 12
	part := 0.0
	if evidence > 1 && level > 1 {
		part = min(math.Log(evidence)/math.Log(level), 1)
	}
	full, percent := int(math.Round(part*width)), int(math.Round(100*part))
	if part < 1 {
		full, percent = min(full, width-1), min(percent, 99)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", width-full) + fmt.Sprintf(" %d %%", percent)
}
