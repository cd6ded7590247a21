package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/chart"
	"github.com/canarize/canarize/internal/simulate"
)

// SimulateOptions say what is simulated.
type SimulateOptions struct {
	Scenarios []simulate.Scenario
	Config    analysis.Config
	Runs      int
	Seed      uint64
}

// Simulation is what the judge did in many runs of one scenario.
type Simulation struct {
	Scenario    string `json:"scenario"`
	Description string `json:"description"`
	Harmful     bool   `json:"harmful"`
	simulate.Summary
}

// Simulate runs every scenario many times against judges of a configuration.
func Simulate(ctx context.Context, o SimulateOptions) ([]Simulation, error) {
	if _, err := analysis.New(o.Config); err != nil {
		return nil, err
	}
	judge := func() simulate.Decider {
		judge, _ := analysis.New(o.Config) // it has just been accepted
		return judge
	}
	all := make([]Simulation, 0, len(o.Scenarios))
	for i := range o.Scenarios {
		s := &o.Scenarios[i]
		outcomes, err := simulate.Repeat(ctx, s, judge, o.Runs, o.Seed)
		if err != nil {
			return nil, err
		}
		all = append(all, Simulation{Scenario: s.Name, Description: s.Description, Harmful: s.Harmful(), Summary: simulate.Summarize(outcomes)})
	}
	return all, nil
}

// SimulationChart draws what became of the runs, as SVG.
func SimulationChart(all []Simulation, runs int) []byte {
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
