package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/survey"
	"github.com/canarize/canarize/internal/wiring"
)

// reportFlags are the unparsed flags of report.
type reportFlags struct {
	engine           engineFlags
	format, from     string
	maxChars         int
	number           releaseNumber
	each, everywhere bool
}

func newReport(streams Streams) *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report [flags] [NAME]",
		Short: "Explain what was decided about a release, and why",
		Long: `Report explains a release to people who did not watch it: what was released and by
which run, which shares of the traffic the canary got and when, what failed or was
held, and what was decided. It only needs permission to read ConfigMaps.

The html format is one self-contained page with charts: no script, no other file, no
network. CI systems show the junit format as test results. Store the json format to
read it later with --from, when the cluster no longer has the release.

With --release it explains an earlier release of the name, as far as that is still kept;
canarize history lists them. With --all it counts how often the decisions about all
releases were right, as far as canarize mark says so, and what the releases cost. --from
then reads a file written by canarize history -o json.`,
		Example: `  canarize report shop
  canarize report shop -o html > report.html
  canarize report shop -o json > report.json
  canarize report --from report.json -o html > report.html
  canarize report shop --release 12
  canarize report --all -A`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.each:
				return f.all(cmd.Context(), args, streams)
			case f.everywhere:
				return errors.New("-A: a report of all namespaces needs --all")
			case f.from != "" && f.number != 0:
				return errors.New("--from reads the report of one release; leave out --release")
			}
			r, err := f.read(cmd.Context(), args)
			f.engine.announce(streams)
			if err != nil {
				return err
			}
			return f.print(r, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.format, "output", "o", "markdown", "output `FORMAT`: markdown, html, junit, json")
	flags.StringVar(&f.from, "from", "", "read the report from a `FILE` written with -o json, instead of the cluster")
	flags.IntVar(&f.maxChars, "max-chars", 0, "limit the markdown to a `NUMBER` of characters; the oldest events are left out first")
	f.number.register(flags)
	flags.BoolVar(&f.each, "all", false, "count the decisions about all releases that are over, and how often they were right")
	flags.BoolVarP(&f.everywhere, "all-namespaces", "A", false, "with --all: count those of all namespaces")
	f.engine.registerTarget(flags)
	return cmd
}

// read reads the report from the cluster or a file.
func (f *reportFlags) read(ctx context.Context, args []string) (report.Report, error) {
	if err := oneOf("--output", f.format, "markdown", "html", "junit", "json"); err != nil {
		return report.Report{}, err
	}
	if f.maxChars != 0 && (f.maxChars < minChars || f.format != "markdown") {
		return report.Report{}, fmt.Errorf("--max-chars %d: expected a number from %d, with -o markdown", f.maxChars, minChars)
	}
	if f.from == "" {
		return f.fromCluster(ctx, args)
	}
	if len(args) > 0 {
		return report.Report{}, errors.New("--from reads one report from a file; leave out the NAME")
	}
	text, err := os.ReadFile(f.from)
	if err != nil {
		return report.Report{}, fmt.Errorf("--from: %w", err)
	}
	r, err := report.Parse(text)
	if err != nil {
		return report.Report{}, fmt.Errorf("--from %s: %w", f.from, err)
	}
	return r, nil
}

// minChars leaves room for a sentence and the note that the rest is left out.
const minChars = 200

func (f *reportFlags) fromCluster(ctx context.Context, args []string) (report.Report, error) {
	release, err := f.engine.release(args)
	if err != nil {
		return report.Report{}, err
	}
	engine, err := wiring.Connect(f.engine.options(false, func(rollout.Event) {}))
	if err != nil {
		return report.Report{}, foreign(err)
	}
	defer engine.Close()
	releases, err := survey.Releases(ctx, engine.Cluster(), release.Namespace, release.Name)
	switch {
	case err != nil:
		return report.Report{}, foreign(err)
	case len(releases) == 0:
		return report.Report{}, f.engine.mustExist(ctx, engine, release.Namespace, release.Name)
	case releases[0].Err != nil:
		return report.Report{}, outside(fmt.Errorf("release %s: %w", release, advised(release, releases[0].Err)))
	}
	return f.reported(ctx, release, releases[0])
}

func (f *reportFlags) print(r report.Report, streams Streams) error {
	text, err := rendered(r, f.format, f.maxChars)
	if err != nil {
		return err
	}
	_, err = streams.Out.Write(text)
	return outside(err)
}

// rendered formats a report so that it is harmless on a terminal.
func rendered(r report.Report, format string, most int) ([]byte, error) {
	var text []byte
	var err error
	switch format {
	case "html":
		text, err = report.HTML(r)
	case "junit":
		text, err = report.JUnit(r)
	case "json":
		text, err = json.MarshalIndent(r, "", "  ")
		return append(escapeJSON(text), '\n'), err
	default:
		text = []byte(report.Markdown(r, report.MarkdownOptions{Max: most, Escape: Escape}))
	}
	return []byte(Escape(string(text))), err
}

// reportFormats maps the suffix of a report file to its format.
var reportFormats = map[string]string{".html": "html", ".xml": "junit", ".json": "json", ".md": "markdown"}

// checkReports refuses file names whose suffix names no format.
func checkReports(paths []string) error {
	for _, path := range paths {
		if reportFormats[filepath.Ext(path)] == "" {
			return fmt.Errorf("--report %q: expected a file that ends with .html, .md, .xml (JUnit) or .json", path)
		}
	}
	return nil
}

// writeReports writes report files.
func writeReports(paths []string, r report.Report) error {
	var errs []error
	for _, path := range paths {
		text, err := rendered(r, reportFormats[filepath.Ext(path)], 0)
		if err == nil {
			err = os.WriteFile(path, text, 0o644)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--report %s: %w; run canarize report %s -n %s to write it later", path, err, r.Release, r.Namespace))
		}
	}
	return errors.Join(errs...)
}
