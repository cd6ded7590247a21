package report

import (
	"fmt"
	"strings"

	"github.com/canarize/canarize/internal/chart"
	"github.com/canarize/canarize/internal/simulate"
)

// SimulationChart draws the outcomes of the runs as SVG.
func SimulationChart(all []simulate.Simulation, runs int) []byte {
	bars := make([]chart.Bar, len(all))
	for i, s := range all {
		var notes []string
		for _, n := range []struct {
			what   string
			median *simulate.Median
		}{{"promoted", s.ToPromote}, {"rejected", s.ToReject}} {
			if n.median != nil {
				notes = append(notes, fmt.Sprintf("%s after %.1f min", n.what, n.median.Minutes))
			}
		}
		if s.Harmful {
			notes = append(notes, fmt.Sprintf("%.0f excess bad requests", s.Excess.Mean))
		}
		bars[i] = chart.Bar{
			Label: s.Scenario,
			Parts: []float64{s.Promoted.Percent, s.Rejected.Percent, s.Held.Percent, s.Undecided.Percent},
			Note:  strings.Join(notes, " · "),
		}
	}
	return chart.Bars(fmt.Sprintf("What became of %d runs of each scenario", runs), []string{"promoted", "rejected", "held", "undecided"}, bars)
}
