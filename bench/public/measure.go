package main

import (
	"context"
	"fmt"
	"os"

	"github.com/canarize/canarize/bench/contender"
	"github.com/canarize/canarize/internal/simulate"
)

// parts are the parts of a worse canary's requests that are slowed down, in
// percent.
var parts = [...]float64{1, 2, 5, 10, 25, 50, 100}

// row is a row of a table: a kind of release, with its results by tool.
type row struct {
	name     string
	work     *workload
	harm     harm
	outcomes map[string][]outcome
}

// measured holds what the report shows.
type measured struct {
	runs      int
	seed      uint64
	data      *data
	tools     []contender.Tool
	workloads []*workload
	healthy   []row // one for each workload
	harmful   []row
	variants  []variant
}

// measure runs every kind of release with every tool.
func measure(ctx context.Context, d *data, runs int, seed uint64) (*measured, error) {
	tools, err := contender.All()
	if err != nil {
		return nil, err
	}
	m := &measured{runs: runs, seed: seed, data: d, tools: tools, workloads: allWorkloads(d, usual)}
	for _, w := range m.workloads {
		m.healthy = append(m.healthy, row{name: w.name, work: w})
	}
	every := mixed(m.workloads)
	for label := 1; label < labels; label++ {
		for _, part := range parts {
			m.harmful = append(m.harmful, row{name: fmt.Sprintf("slowdown %d, %v %%", label, part), work: every, harm: harm{label, part / 100}})
		}
	}
	for i := range m.healthy {
		if err := m.healthy[i].measure(ctx, tools, runs, seed); err != nil {
			return nil, err
		}
	}
	for i := range m.harmful {
		if err := m.harmful[i].measure(ctx, tools, m.fewer(), seed); err != nil {
			return nil, err
		}
	}
	m.variants, err = measureVariants(ctx, d, tools, m.fewer(), seed)
	return m, err
}

// fewer returns the runs of a row of worse releases and of other settings.
func (m *measured) fewer() int { return max(m.runs/4, 1) }

// measure fills in the outcomes of a row.
func (r *row) measure(ctx context.Context, tools []contender.Tool, runs int, seed uint64) error {
	fmt.Fprintf(os.Stderr, "public: %s\n", r.name)
	r.outcomes = map[string][]outcome{}
	for _, tool := range tools {
		outcomes, err := many(ctx, r.work, r.harm, tool, runs, seed)
		if err != nil {
			return err
		}
		r.outcomes[tool.Name] = outcomes
	}
	return nil
}

// many carries out many releases on all cores.
func many(ctx context.Context, w *workload, h harm, tool contender.Tool, runs int, seed uint64) ([]outcome, error) {
	return simulate.Many(ctx, runs, func(run uint64) outcome { return carryOut(w, h, tool, seed, run) })
}

// summarize counts outcomes.
func summarize(outcomes []outcome) simulate.Summary {
	all := make([]simulate.Outcome, len(outcomes))
	for i, o := range outcomes {
		all[i] = o.Outcome
	}
	return simulate.Summarize(all)
}
