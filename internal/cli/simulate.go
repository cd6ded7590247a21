package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/columns"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/simulate"
)

// simulateFlags are the unparsed flags of simulate.
type simulateFlags struct {
	scenarios             []string
	runs                  int
	seed                  uint64
	config, output, chart string
}

// commonScenarios is the default of --scenario: healthy releases and harm of all sizes.
var commonScenarios = []string{"healthy-0.1", "healthy-1", "shared-outage", "errors-0.1-0.3", "errors-0.1-1", "errors-1-2", "errors-0.1-5", "slow-0.3-2", "leak", "crash"}

// maxRuns bounds the memory of a simulation.
const maxRuns = 1_000_000

func newSimulate(streams Streams) *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate [flags]",
		Short: "Try a release file on simulated releases",
		Long: `Simulate runs the analysis of a release file many times against random traffic. It
shows how often the analysis rejects a healthy release, how often it misses a harmful
one, how long it takes, and how many requests fail in the meantime. As in a cluster, a
new weight takes effect after some seconds. A wrong promotion costs 30 minutes of all
traffic. Intervals are 95 % confidence intervals. The same seed always yields the same
result, on any number of cores.

A scenario is a name or a file; --scenario list prints the names. By default, simulate
uses healthy releases and harm of several sizes.`,
		Example: `  canarize simulate
  canarize simulate --config release.yml --scenario shop.yml --chart shop.svg
  canarize simulate --scenario errors-0.1-1 --runs 10000 -o json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(f.scenarios) == 1 && f.scenarios[0] == "list" {
				return listScenarios(streams.Out)
			}
			options, err := f.options()
			if err != nil {
				return err
			}
			results, err := simulate.Every(cmd.Context(), options)
			if err != nil {
				return err
			}
			if f.chart != "" {
				if err := writeOutput("--chart", f.chart, report.SimulationChart(results, f.runs), streams); err != nil {
					return err
				}
			}
			return outside(printSimulations(streams.Out, results, f))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&f.scenarios, "scenario", commonScenarios, "scenario by `NAME|FILE`; repeatable; list prints the names")
	flags.IntVar(&f.runs, "runs", 1000, "`NUMBER` of runs of each scenario")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the random numbers, a `NUMBER`")
	flags.StringVar(&f.config, "config", "", "release `FILE` with the analysis and ramp to use")
	flags.StringVarP(&f.output, "output", "o", "table", "output `FORMAT`: table, json")
	flags.StringVar(&f.chart, "chart", "", "also write the result as a chart to an SVG `FILE`")
	return cmd
}

// options parses and checks the flags, and reads the files.
func (f *simulateFlags) options() (simulate.Options, error) {
	o := simulate.Options{Runs: f.runs, Seed: f.seed}
	if f.output != "table" && f.output != "json" {
		return o, unknownOutput(f.output, "table, json")
	}
	if f.runs < 1 || f.runs > maxRuns {
		return o, fmt.Errorf("--runs %d: expected a number from 1 to %d", f.runs, maxRuns)
	}
	for _, name := range f.scenarios {
		found, err := scenarios(name)
		if err != nil {
			return o, fmt.Errorf("--scenario: %w", err)
		}
		o.Scenarios = append(o.Scenarios, found...)
	}
	var err error
	o.Config, err = analysisConfig(f.config)
	return o, err
}

// scenarios returns the built-in scenario with a name, or the scenarios in a file.
func scenarios(name string) ([]simulate.Scenario, error) {
	builtin, unknown := simulate.Find(name)
	if unknown == nil {
		return []simulate.Scenario{builtin}, nil
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	return simulate.Parse(name, text)
}

func listScenarios(w io.Writer) error {
	all, err := simulate.Scenarios()
	if err != nil {
		return err
	}
	t := table{columns.Table{Prose: true}}
	t.row("SCENARIO", "WHAT HAPPENS")
	for _, s := range all {
		t.row(s.Name, s.Description)
	}
	_, err = io.WriteString(w, t.Fit(widthOf(w)))
	return outside(err)
}

func printSimulations(w io.Writer, results []simulate.Simulation, f simulateFlags) error {
	var text bytes.Buffer
	if f.output == "json" {
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		if err := e.Encode(struct {
			Seed      uint64                `json:"seed"`
			Runs      int                   `json:"runs"`
			Scenarios []simulate.Simulation `json:"scenarios"`
		}{f.seed, f.runs, results}); err != nil {
			return err
		}
		_, err := w.Write(escapeJSON(text.Bytes()))
		return err
	}
	var t table
	simulationRows(&t, results)
	text.WriteString(t.Fit(widthOf(w)))
	text.WriteString("\nMINUTES is the median to the promotion of a healthy release, or to the rejection of a harmful one.\n")
	_, err := io.WriteString(w, Escape(text.String()))
	return err
}

func simulationRows(t *table, results []simulate.Simulation) {
	t.row("SCENARIO", "RELEASE", "REJECTED", "PROMOTED", "OPEN", "MINUTES", "EXCESS BAD REQUESTS")
	for _, s := range results {
		release, minutes := "healthy", s.ToPromote
		if s.Harmful {
			release, minutes = "harmful", s.ToReject
		}
		open := simulate.ShareOf(s.Held.Runs+s.Undecided.Runs, s.Runs)
		t.row(s.Scenario, release, shareText(s.Rejected), shareText(s.Promoted), shareText(open), minutesText(minutes), fmt.Sprintf("%.1f (%.1f–%.1f)", s.Excess.Mean, s.Excess.Low, s.Excess.High))
	}
}

func shareText(s simulate.Share) string {
	return fmt.Sprintf("%.1f %% (%.1f–%.1f)", s.Percent, s.Low, s.High)
}

func minutesText(m *simulate.Median) string {
	if m == nil {
		return "never"
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", m.Minutes, m.Low, m.High)
}
