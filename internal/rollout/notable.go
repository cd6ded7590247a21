package rollout

import (
	"cmp"
	"slices"

	"github.com/canarize/canarize/internal/analysis"
)

// Notable returns the metrics that a person wants to see, in their order: all but the parts of
// others, and of these the ones with the most evidence of harm, at most so many. A service with
// forty routes would fill the screen otherwise.
func Notable(metrics []Metric, parts int) []Metric {
	var worst []Metric
	for _, m := range metrics {
		if m.IsPart() {
			worst = append(worst, m)
		}
	}
	slices.SortStableFunc(worst, func(a, b Metric) int { return cmp.Compare(b.Harm, a.Harm) })
	worst = worst[:min(len(worst), parts)]
	return slices.DeleteFunc(slices.Clone(metrics), func(m Metric) bool {
		return m.IsPart() && !slices.ContainsFunc(worst, func(w Metric) bool { return w.Name == m.Name })
	})
}

// IsPart reports whether the metric counts only the requests with one value of a label.
func (m Metric) IsPart() bool {
	_, is := analysis.ParsePart(m.Name)
	return is
}

// Divided returns the names of the metrics that have parts.
func Divided(metrics []Metric) map[string]bool {
	names := map[string]bool{}
	for _, m := range metrics {
		if p, is := analysis.ParsePart(m.Name); is {
			names[p.Of] = true
		}
	}
	return names
}

// The numbers of parts in a sentence, and in a look that is not the last one.
const (
	partsInSentence = 2
	partsInLook     = 3
)

// remembered returns a look as it is stored behind later ones. All looks have to fit into the
// record.
func (l Look) remembered() Look {
	l.Metrics = Notable(l.Metrics, partsInLook)
	return l
}
