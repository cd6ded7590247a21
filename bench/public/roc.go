package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/canarize/canarize/bench/contender"
	"github.com/canarize/canarize/internal/chart"
)

// sweptPart is the part of slowed-down requests, in percent, of the worse
// releases in the chart.
const sweptPart = 2

// swept is a tool with its results at all of its settings.
type swept struct {
	name   string
	points []point
}

type point struct {
	name     string
	standard bool    // the documented setting
	rejected float64 // of healthy releases, percent
	promoted float64 // of healthy releases, percent
	missed   float64 // of worse releases, not rejected, percent
	excess   float64 // slow requests per worse release, mean
}

// sweepAll measures every tool at every setting.
func sweepAll(ctx context.Context, workloads []*workload, runs int, seed uint64) ([]swept, error) {
	clouds, err := contender.Clouds()
	if err != nil {
		return nil, err
	}
	every := mixed(workloads)
	var all []swept
	for _, c := range clouds {
		fmt.Fprintf(os.Stderr, "public: %d thresholds of %s\n", len(c.Points), c.Name)
		s := swept{name: c.Name}
		for _, tool := range c.Points {
			p, err := sweep(ctx, workloads, every, tool, runs, seed)
			if err != nil {
				return nil, err
			}
			s.points = append(s.points, p)
		}
		all = append(all, s)
	}
	return all, nil
}

// sweep measures one setting.
func sweep(ctx context.Context, workloads []*workload, every *workload, tool contender.Tool, runs int, seed uint64) (point, error) {
	var well, worse []outcome
	for _, w := range workloads {
		outcomes, err := many(ctx, w, harm{}, tool, runs, seed)
		if err != nil {
			return point{}, err
		}
		well = append(well, outcomes...)
	}
	for label := 1; label < labels; label++ {
		outcomes, err := many(ctx, every, harm{label, sweptPart / 100.}, tool, runs, seed)
		if err != nil {
			return point{}, err
		}
		worse = append(worse, outcomes...)
	}
	passed, found := summarize(well), summarize(worse)
	return point{
		name: tool.Name, standard: tool.Default,
		rejected: passed.Rejected.Percent, promoted: passed.Promoted.Percent,
		missed: 100 - found.Rejected.Percent, excess: found.Excess.Mean,
	}, nil
}

// draw draws the settings of all tools.
func draw(all []swept, runs int) []byte {
	var series []chart.Series
	for _, s := range all {
		c := chart.Series{Name: s.name}
		for _, p := range s.points {
			c.Points = append(c.Points, chart.Point{X: p.rejected, Y: p.missed, Strong: p.standard})
		}
		series = append(series, c)
	}
	return chart.Scatter(
		"What a tool misses for how rarely it rejects a healthy release, on public data",
		fmt.Sprintf("Each mark is one setting, a large one the default. Lower left is better. %d runs of each kind.", runs),
		chart.Axis{Label: "healthy halves rejected", Unit: " %", Low: 0.1, High: 100},
		chart.Axis{Label: fmt.Sprintf("not rejected with %d %% slowed-down requests", sweptPart), Unit: " %", Low: 1, High: 100},
		series)
}

// reportClouds writes the documented settings of every tool, and those that no
// other setting of the tool beats in both ways.
func reportClouds(all []swept, runs int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\n### At other thresholds\n\nHealthy halves of all kinds against canaries with %d %% of their requests slowed down, by both labels; %d runs each. For every tool the default, and the settings that no other setting of the same tool beats in both columns.\n\n", sweptPart, runs)
	out.WriteString("![Healthy halves rejected against slowed-down canaries missed at many thresholds, one cloud for each tool](public.svg)\n\n")
	out.WriteString("| tool | setting | healthy rejected | healthy promoted | worse rejected | excess slow requests |\n|---|---|---|---|---|---|\n")
	for _, s := range all {
		rows := frontier(s.points)
		for _, p := range s.points {
			if p.standard && !slices.Contains(rows, p) {
				rows = append(rows, p)
			}
		}
		slices.SortStableFunc(rows, byRejected)
		for _, p := range rows {
			name := p.name
			if p.standard {
				name = "**" + name + "**"
			}
			fmt.Fprintf(&out, "| %s | %s | %.2f %% | %.1f %% | %.1f %% | %.0f |\n", s.name, name, p.rejected, p.promoted, 100-p.missed, p.excess)
		}
	}
	return out.String()
}

// frontier returns the points that no other point beats, one of those that are
// equal, in the order of healthy releases rejected.
func frontier(points []point) []point {
	var best []point
	for _, p := range slices.SortedStableFunc(slices.Values(points), byRejected) {
		if n := len(best); n == 0 || p.missed < best[n-1].missed {
			best = append(best, p)
		}
	}
	return best
}

// byRejected orders points by the healthy releases that they reject, then by the
// worse ones that they miss, then by cost.
func byRejected(a, b point) int {
	for _, d := range []float64{a.rejected - b.rejected, a.missed - b.missed, a.excess - b.excess} {
		switch {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
	}
	return 0
}
