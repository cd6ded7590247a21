package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/analysis/lines"
	"github.com/canarize/canarize/internal/releasefile"
)

// errHeld and errRejected end in their exit codes without a message: the answers
// say it.
var (
	errRejected = exitError{code: exitRejected, err: errors.New("")}
	errHeld     = exitError{code: exitHeld, err: errors.New("")}
	errStopped  = exitError{code: exitInterrupted, err: errors.New("interrupted; the answers that were given stand"), settled: true}
)

func newJudge(streams Streams) *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "judge [flags]",
		Short: "Judge a canary by counts from any metrics system",
		Long: `Judge reads what was measured, one line of JSON for every interval, from stdin,
and answers each with a line on stdout: continue, hold, reject or promote, with the
weight that the canary should have from now on, the evidence, and a sentence that
says why. It touches no cluster. docs/judge.md describes the lines.

The exit code is that of the last answer: 0 promoted, 3 rejected, 4 neither.`,
		Example: `  collect-metrics | canarize judge
  canarize judge --config release.yml < observations.jsonl`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := analysisConfig(config)
			if err != nil {
				return err
			}
			last, err := lines.Serve(cmd.Context(), streams.In, streams.Out, c, escapeJSON)
			switch {
			case cmd.Context().Err() != nil:
				return errStopped
			case err != nil:
				return outside(err)
			case last.Verdict == analysis.Promote:
				return nil
			case last.Verdict == analysis.Reject:
				return errRejected
			}
			return errHeld
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the release `FILE` whose analysis and ramp are used")
	return cmd
}

// analysisConfig is that of a release file, or the default without one.
func analysisConfig(file string) (analysis.Config, error) {
	if file == "" {
		return analysis.Default(), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return analysis.Config{}, fmt.Errorf("--config: %w", err)
	}
	release, err := releasefile.Parse(file, text)
	if err != nil {
		return analysis.Config{}, err
	}
	return release.Analysis, nil
}
