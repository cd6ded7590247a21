package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/canarize/canarize/bench/cell"
	"github.com/canarize/canarize/bench/contender"
)

// variantPart is the part of slowed-down requests, in percent, of the worse
// releases at other settings.
const variantPart = 10

// variant is a setting with its results on DeLag.
type variant struct {
	of          setting
	well, worse row
}

// settings returns the usual setting and others.
func settings() []setting {
	return []setting{
		usual,
		{name: "27 buckets, twenty to a power of ten", rate: usual.rate, bounds: []float64{
			.05, .056, .063, .071, .08, .09, .1, .112, .125, .14, .16, .18, .2, .224, .25, .28, .315, .355, .4, .45, .5, .56, .63, .71, .8, .9, 1,
		}},
		{name: "the 11 buckets that Prometheus' libraries choose", rate: usual.rate, bounds: []float64{
			.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10,
		}},
		{name: "5 requests a second", rate: 5, bounds: usual.bounds},
	}
}

// measureVariants measures every tool at every setting.
func measureVariants(ctx context.Context, d *data, tools []contender.Tool, runs int, seed uint64) ([]variant, error) {
	var all []variant
	for _, of := range settings() {
		every := mixed(allWorkloads(d, of))
		v := variant{of: of, well: row{name: of.name, work: every}, worse: row{outcomes: map[string][]outcome{}}}
		if err := v.well.measure(ctx, tools, runs, seed); err != nil {
			return nil, err
		}
		for label := 1; label < labels; label++ {
			r := row{name: fmt.Sprintf("%s, slowdown %d", of.name, label), work: every, harm: harm{label, variantPart / 100.}}
			if err := r.measure(ctx, tools, max(runs/2, 1), seed); err != nil {
				return nil, err
			}
			v.worse.add(r.outcomes)
		}
		all = append(all, v)
	}
	return all, nil
}

// reportVariants writes the table of other settings.
func (m *measured) reportVariants(out *strings.Builder) {
	fmt.Fprintf(out, "\n### Other buckets, less traffic\n\nDeLag: healthy halves rejected in percent, with its 95 %% interval · canaries with %d %% of their requests slowed down rejected in percent, of both labels · excess slow requests of these. A slowdown within one bucket is invisible to every tool.\n\n", variantPart)
	m.head(out, "|")
	for i := range m.variants {
		v := &m.variants[i]
		fmt.Fprintf(out, "| %s |", v.of.name)
		for _, t := range m.tools {
			well, worse := summarize(v.well.outcomes[t.Name]), summarize(v.worse.outcomes[t.Name])
			fmt.Fprintf(out, " %s · %s · %s |", cell.Share(well.Rejected), cell.Percent(worse.Rejected.Percent), cell.Count(worse.Excess.Mean))
		}
		out.WriteString("\n")
	}
}
