package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/canarize/canarize/bench/contender"
	"github.com/canarize/canarize/internal/chart"
	"github.com/canarize/canarize/internal/simulate"
)

// The scenarios of the chart: releases that every tool should accept, and
// releases that it should reject. They are common ones, not the hardest.
var (
	chartHealthy = [...]string{"healthy-0.1", "healthy-1", "healthy-3", "shared-outage", "bursty", "diurnal"}
	chartHarmful = [...]string{"errors-0.1-1", "errors-1-2", "errors-0.1-5", "slow-0.3-2", "leak"}
)

// swept is a cloud of settings with its results.
type swept struct {
	name   string
	points []sweptPoint
}

type sweptPoint struct {
	name     string
	strong   bool
	rejected float64 // of healthy releases, mean over the scenarios, percent
	excess   float64 // bad requests per harmful release, mean over the scenarios
}

func sweepAll(ctx context.Context, runs int, seed uint64) ([]swept, error) {
	clouds, err := contender.Clouds()
	if err != nil {
		return nil, err
	}
	var all []swept
	for _, c := range clouds {
		fmt.Fprintf(os.Stderr, "decisions: %d thresholds of %s\n", len(c.Points), c.Name)
		s := swept{name: c.Name}
		for _, p := range c.Points {
			point := sweptPoint{name: p.Name, strong: p.Default}
			for _, name := range chartHealthy {
				summary, err := once(ctx, name, p.Decider, runs, seed)
				if err != nil {
					return nil, err
				}
				point.rejected += summary.Rejected.Percent / float64(len(chartHealthy))
			}
			for _, name := range chartHarmful {
				summary, err := once(ctx, name, p.Decider, runs, seed)
				if err != nil {
					return nil, err
				}
				point.excess += summary.Excess.Mean / float64(len(chartHarmful))
			}
			s.points = append(s.points, point)
		}
		all = append(all, s)
	}
	return all, nil
}

func once(ctx context.Context, scenario string, decider func() simulate.Decider, runs int, seed uint64) (simulate.Summary, error) {
	s, err := simulate.Find(scenario)
	if err != nil {
		return simulate.Summary{}, err
	}
	outcomes, err := simulate.Repeat(ctx, &s, decider, runs, seed)
	return simulate.Summarize(outcomes), err
}

// frontier draws the clouds.
func frontier(clouds []swept, runs int) []byte {
	var series []chart.Series
	for _, c := range clouds {
		s := chart.Series{Name: c.name}
		for _, p := range c.points {
			s.Points = append(s.Points, chart.Point{X: p.rejected, Y: p.excess, Strong: p.strong})
		}
		series = append(series, s)
	}
	return chart.Scatter(
		"What a tool pays for how rarely it rejects a healthy release",
		fmt.Sprintf("Each mark is one setting, a large one the default. Lower left is better. %d runs of %d scenarios.", runs, len(chartHealthy)+len(chartHarmful)),
		chart.Axis{Label: "healthy releases rejected", Unit: " %", Low: 0.03, High: 100},
		chart.Axis{Label: "excess bad requests per harmful release", Low: 3, High: 10000},
		series)
}

// reportClouds describes the chart in words: for every tool the cheapest
// setting that rejects at most one healthy release in a hundred, and the
// documented settings.
func reportClouds(clouds []swept, runs int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\n### At other thresholds\n\nHealthy is the mean of %s; harmful is the mean of %s; %d runs each.\n\n", strings.Join(chartHealthy[:], ", "), strings.Join(chartHarmful[:], ", "), runs)
	out.WriteString("![False rejections against excess bad requests at many thresholds, one cloud for each tool](decisions.svg)\n\n")
	out.WriteString("| tool | setting | healthy rejected | excess bad requests |\n|---|---|---|---|\n")
	for _, c := range clouds {
		var rows []sweptPoint
		for _, p := range c.points {
			if p.strong {
				rows = append(rows, p)
			}
		}
		if best, found := cheapest(c.points, 1); found {
			best.name = "cheapest with at most 1 % rejected: " + best.name
			rows = append(rows, best)
		}
		for _, p := range rows {
			fmt.Fprintf(&out, "| %s | %s | %.2f %% | %.0f |\n", c.name, p.name, p.rejected, p.excess)
		}
	}
	return out.String()
}

// cheapest returns the point with the least excess that rejects at most percent
// of the healthy releases.
func cheapest(points []sweptPoint, percent float64) (sweptPoint, bool) {
	points = slices.DeleteFunc(slices.Clone(points), func(p sweptPoint) bool { return p.rejected > percent })
	if len(points) == 0 {
		return sweptPoint{}, false
	}
	return slices.MinFunc(points, func(a, b sweptPoint) int {
		switch {
		case a.excess < b.excess:
			return -1
		case a.excess > b.excess:
			return 1
		}
		return 0
	}), true
}
