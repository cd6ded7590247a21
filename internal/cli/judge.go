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

// errRejected and errHeld set the exit code without a message, because the last answer
// contains the reason.
var (
	errRejected = exitError{code: exitRejected, err: errors.New("")}
	errHeld     = exitError{code: exitHeld, err: errors.New("")}
	errStopped  = exitError{code: exitInterrupted, err: errors.New("interrupted; the answers so far remain valid"), settled: true}
)

func newJudge(streams Streams) *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "judge [flags]",
		Short: "Judge a canary by counts from any metrics system",
		Long: `Judge reads measurements from stdin, one line of JSON for every interval, and answers
each with a line on stdout: continue, hold, reject or promote, with the weight that the
canary should have from now on, the evidence, and the reason. It uses no cluster.
docs/judge.md describes the lines.

The last answer determines the exit code: 0 promote, 3 reject, 4 any other.`,
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
	cmd.Flags().StringVar(&config, "config", "", "release `FILE` with the analysis and ramp to use")
	return cmd
}

// analysisConfig returns the analysis of a release file, or the default without a file.
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
