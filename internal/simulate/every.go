package simulate

import (
	"context"

	"github.com/canarize/canarize/internal/analysis"
)

// Options determines what is simulated.
type Options struct {
	Scenarios []Scenario
	Config    analysis.Config
	Runs      int
	Seed      uint64
}

// Simulation holds the judge's results in many runs of one scenario.
type Simulation struct {
	Scenario    string `json:"scenario"`
	Description string `json:"description"`
	Harmful     bool   `json:"harmful"`
	Summary
}

// Every runs every scenario many times against judges with the given
// configuration.
func Every(ctx context.Context, o Options) ([]Simulation, error) {
	if _, err := analysis.New(o.Config); err != nil {
		return nil, err
	}
	judge := func() Decider {
		judge, _ := analysis.New(o.Config) // the configuration was accepted above
		return judge
	}
	all := make([]Simulation, 0, len(o.Scenarios))
	for i := range o.Scenarios {
		s := &o.Scenarios[i]
		outcomes, err := Repeat(ctx, s, judge, o.Runs, o.Seed)
		if err != nil {
			return nil, err
		}
		all = append(all, Simulation{Scenario: s.Name, Description: s.Description, Harmful: s.Harmful(), Summary: Summarize(outcomes)})
	}
	return all, nil
}
