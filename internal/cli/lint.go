package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/lint"
)

// errFindings ends in exit code 2 without a message: the findings have been printed.
var errFindings = exitError{code: exitInvalid, err: fmt.Errorf("")}

func newLint(streams Streams) *cobra.Command {
	var output string
	var strict bool
	cmd := &cobra.Command{
		Use:   "lint [flags] FILE...",
		Short: "Find mistakes in release files and pipelines, before anything runs",
		Long: `Lint checks release files, and pipelines of Azure, GitHub and GitLab that call
canarize. In a release file it finds unknown and contradictory settings, such as steps
that take longer than the deadline, and settings of metrics that nobody counts. In a
pipeline it finds commands with verbs and flags that do not exist or without manifests,
a missing step that always takes back an unfinished release, exit codes that are lost,
and jobs that end before the release may. It needs no cluster.

Each finding has a file, a line, and the name of its check; docs/lint.md explains them.
Without arguments lint checks ./release.yml.

Exit codes: 0 no errors, 2 errors, with --strict also warnings.`,
		Example: `  canarize lint release.yml .github/workflows/release.yml
  canarize lint --strict azure-pipelines.yml
  canarize lint -o json release.yml`,
		RunE: func(_ *cobra.Command, args []string) error {
			if output != "" && output != "json" && output != "yaml" {
				return unknownOutput(output, "json, yaml")
			}
			if len(args) == 0 {
				args = []string{defaultFile}
			}
			var found []lint.Finding
			for _, file := range args {
				content, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				found = append(found, lint.File(file, content, lintWorld())...)
			}
			return showFindings(streams, found, output, strict)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&strict, "strict", false, "count warnings as errors")
	flags.StringVarP(&output, "output", "o", "", "output `FORMAT`: json, yaml")
	return cmd
}

func lintWorld() lint.World {
	return lint.World{
		Parse: parseCommand,
		Exists: func(path string) bool {
			_, err := os.Stat(path)
			return err == nil
		},
		Beside: func(file, path string) string {
			if filepath.IsAbs(path) {
				return path
			}
			return filepath.Join(filepath.Dir(file), path)
		},
	}
}

func showFindings(streams Streams, found []lint.Finding, output string, strict bool) error {
	bad := false
	var text strings.Builder
	for _, f := range found {
		bad = bad || strict || f.Level == lint.Error
		fmt.Fprintln(&text, oneLine(f.String()))
	}
	var err error
	switch {
	case output != "":
		if found == nil {
			found = []lint.Finding{}
		}
		err = encode(streams.Out, map[string]any{"findings": found}, output)
	case len(found) == 0:
		_, err = io.WriteString(streams.Out, "no findings\n")
	default:
		_, err = io.WriteString(streams.Out, text.String())
	}
	if err != nil {
		return outside(err)
	}
	if bad {
		return errFindings
	}
	return nil
}
