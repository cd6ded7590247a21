// Command public measures how well canarize decides on latencies and arrival
// times that were measured elsewhere and published, in comparison with the rules
// of its peers. It rewrites the tables in docs/benchmarks.md and the chart.
//
//	go run ./bench/public -data FOLDER [-runs N] [-sweep-runs N] [-seed N] [-document FILE] [-chart FILE]
//
// The data is not part of this repository; without -data the command says where
// it comes from. The same data and seed give the same numbers on any number of
// cores.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/canarize/canarize/bench/section"
)

// reportSeed is only for the report. Nothing in the judge was chosen with it.
const reportSeed = 20261

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "public:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("public", flag.ContinueOnError)
	folder := flags.String("data", "", "the folder with the data")
	runs := flags.Int("runs", 2000, "runs of every row with every tool; a row of worse releases or of another setting takes a quarter of them")
	sweep := flags.Int("sweep-runs", 100, "runs of every kind of release at every threshold of the chart")
	seed := flags.Uint64("seed", reportSeed, "the seed")
	document := flags.String("document", "docs/benchmarks.md", "the document to rewrite")
	chart := flags.String("chart", "docs/public.svg", "the chart to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *runs < 1 || *sweep < 1 {
		return fmt.Errorf("-runs is %d and -sweep-runs is %d; both must be at least 1", *runs, *sweep)
	}
	d, err := read(*folder)
	if err != nil {
		return err
	}
	m, err := measure(ctx, d, *runs, *seed)
	if err != nil {
		return err
	}
	clouds, err := sweepAll(ctx, m.workloads, *sweep, *seed)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*chart, draw(clouds, *sweep), 0o644); err != nil {
		return err
	}
	return section.Replace(*document, "public", m.report()+reportClouds(clouds, *sweep))
}
