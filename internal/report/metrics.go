package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/chart"
	"github.com/canarize/canarize/internal/rollout"
)

// metricRow is a row in the table of metrics.
type metricRow struct {
	Name, Canary, Stable, Difference, Ratio, Harm, Safe string
	Bar                                                 *chart.Difference
	Tone                                                Tone // of the bar
}

// last returns the last look of the judge; false if it took none.
func (r Report) last() (rollout.Look, bool) {
	if r.Judge == nil || len(r.Judge.Observations) == 0 {
		return rollout.Look{}, false
	}
	return r.Judge.Observations[len(r.Judge.Observations)-1], true
}

// The numbers of parts of a metric, such as routes, in the table and with charts: those with
// the most evidence of harm.
const (
	partsInTable = 5
	partsCharted = 1
)

// metrics returns the rows of the metrics, the one that decides first.
func (r Report) metrics() []metricRow {
	var rows []metricRow
	all := r.ordered()
	shown := rollout.Notable(all, partsInTable)
	for i, d := range Describe(shown) {
		m := shown[i]
		row := metricRow{
			Name: m.Name, Canary: counted(m, m.Canary), Stable: counted(m, m.Stable), Difference: cmp.Or(d.Text, "unknown"), Ratio: ratioOf(m),
			Harm: reached(m.Harm, r.Judge.Reject), Safe: reached(m.Safe, r.Judge.Promote), Bar: d.Bar, Tone: d.Tone,
		}
		if r.proves(m) == notNeeded {
			row.Safe = notNeeded
		}
		rows = append(rows, row)
	}
	if more := len(all) - len(shown); more > 0 {
		rows = append(rows, metricRow{Name: fmt.Sprintf("%d more with less evidence of harm", more)})
	}
	return rows
}

// evidenceMeans explains the numbers of evidence.
const evidenceMeans = "Evidence begins at 1, which says nothing. Evidence of 100 comes about by chance in at most 1 of 100 releases."

// notNeeded is shown for evidence that a metric does not need.
const notNeeded = "not needed"

// proves returns notNeeded if the metric need not prove health.
func (r Report) proves(m rollout.Metric) string {
	if m.Events {
		return notNeeded
	}
	if rule := r.Judge.Rule; rule != nil {
		for _, known := range rule.Metrics {
			if known.Name == m.Name && known.Guards() {
				return notNeeded
			}
		}
	}
	return ""
}

// ordered returns the metrics of the last look, the one that decides first: after a
// promotion the one with the least evidence of health, otherwise the one that holds the
// release or has the most evidence of harm.
func (r Report) ordered() []rollout.Metric {
	look, known := r.last()
	if !known {
		return nil
	}
	metrics := slices.Clone(look.Metrics)
	promoted := verbs[r.Phase] == "promoted"
	slices.SortStableFunc(metrics, func(a, b rollout.Metric) int {
		if promoted {
			return cmp.Or(strings.Compare(r.proves(a), r.proves(b)), cmp.Compare(a.Safe, b.Safe))
		}
		if holds := r.holds(); a.Name == holds || b.Name == holds {
			return cmp.Compare(bit(b.Name == holds), bit(a.Name == holds))
		}
		return cmp.Compare(b.Harm, a.Harm)
	})
	return metrics
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// holds returns the metric that holds the release; "" if none does.
func (r Report) holds() string {
	if r.Judged == nil {
		return ""
	}
	return r.Judged.Metric
}

// ratioOf shows the ratio of the bad requests with the judge's interval.
func ratioOf(m rollout.Metric) string {
	switch {
	case m.Ratio == nil && m.Stable.Bad == 0 && m.Stable.Total > 0 && m.Canary.Bad > 0:
		return "stable had none"
	case m.Ratio == nil:
		return "unknown"
	case m.Low == nil || m.High == nil:
		return Short(*m.Ratio) + " times"
	}
	return fmt.Sprintf("%s times (%s to %s)", Short(*m.Ratio), Short(*m.Low), Short(*m.High))
}

// reached shows evidence and how much is needed.
func reached(evidence, level float64) string {
	if level <= 0 {
		return Short(evidence)
	}
	return Short(evidence) + " of " + Short(level)
}

// Short formats a number with three digits, as people write it. Nobody reads more than that
// evidence is overwhelming.
func Short(v float64) string {
	switch text := fmt.Sprintf("%.3g", v); {
	case v >= 999_500: // rounds to it
		return "over a million"
	case strings.Contains(text, "e+"):
		n, _ := strconv.ParseFloat(text, 64) // it was a number
		return fmt.Sprintf("%d,%03d", int(n)/1000, int(n)%1000)
	default:
		return text
	}
}

// counted formats a count of a metric as "BAD bad of TOTAL".
func counted(m rollout.Metric, c rollout.Count) string {
	what := " bad"
	if m.Events {
		what = ""
	}
	if c.Total == 0 {
		return "no request"
	}
	return fmt.Sprintf("%d%s of %d (%s %%)", c.Bad, what, c.Total, Short(percent(c)))
}

// percent returns the percentage of bad requests.
func percent(c rollout.Count) float64 {
	if c.Total == 0 {
		return 0
	}
	return 100 * float64(c.Bad) / float64(c.Total)
}
