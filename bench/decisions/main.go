// Command decisions measures how well canarize decides, in comparison with the
// rules of its peers. It rewrites the tables in docs/benchmarks.md and the chart.
//
//	go run ./bench/decisions [-runs N] [-sweep-runs N] [-seed N] [-document FILE] [-chart FILE]
//
// All numbers except times are the same on any number of cores.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/canarize/canarize/bench/contender"
	"github.com/canarize/canarize/bench/section"
	"github.com/canarize/canarize/internal/simulate"
)

// reportSeed is only for the report. Use other seeds to tune constants, such as
// 1, the default of canarize simulate.
const reportSeed = 20260

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "decisions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("decisions", flag.ContinueOnError)
	runs := flags.Int("runs", 2000, "runs of every scenario with every tool")
	sweep := flags.Int("sweep-runs", 300, "runs of every scenario at every threshold of the chart")
	seed := flags.Uint64("seed", reportSeed, "the seed")
	document := flags.String("document", "docs/benchmarks.md", "the document to rewrite")
	chart := flags.String("chart", "docs/decisions.svg", "the chart to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b, err := measure(ctx, *runs, *seed)
	if err != nil {
		return err
	}
	if b.alarms, err = measureAlarms(ctx, *runs, *seed); err != nil {
		return err
	}
	if b.updates, err = measureUpdates(); err != nil {
		return err
	}
	clouds, err := sweepAll(ctx, *sweep, *seed)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*chart, frontier(clouds, *sweep), 0o644); err != nil {
		return err
	}
	return section.Replace(*document, "decisions", b.report()+reportClouds(clouds, *sweep))
}

// measured holds the results of every tool in every scenario, and the rest of
// the report.
type measured struct {
	runs      int
	seed      uint64
	tools     []contender.Tool
	scenarios []simulate.Scenario
	results   map[string]map[string]simulate.Summary // by scenario and tool
	alarms    []alarm
	updates   []update
}

// measure runs every scenario with every tool.
func measure(ctx context.Context, runs int, seed uint64) (*measured, error) {
	scenarios, err := simulate.Scenarios()
	if err != nil {
		return nil, err
	}
	tools, err := contender.All()
	if err != nil {
		return nil, err
	}
	b := &measured{runs: runs, seed: seed, tools: tools, scenarios: scenarios, results: map[string]map[string]simulate.Summary{}}
	for i := range scenarios {
		s := &scenarios[i]
		fmt.Fprintf(os.Stderr, "decisions: %s\n", s.Description)
		b.results[s.Name] = map[string]simulate.Summary{}
		for _, tool := range tools {
			outcomes, err := simulate.Repeat(ctx, s, tool.Decider, runs, seed)
			if err != nil {
				return nil, err
			}
			b.results[s.Name][tool.Name] = simulate.Summarize(outcomes)
		}
	}
	return b, nil
}
