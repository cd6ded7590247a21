package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/survey"
)

// planFlags are the unparsed flags of plan.
type planFlags struct {
	deploy          deployFlags
	format          string
	maxChars        int
	perSecond, fail float64
}

func newPlan(streams Streams) *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan [flags] [FILE|DIR|-...]",
		Short: "Show what a release would do, for the people who approve it",
		Long: `Plan compares the manifests of a new version with the cluster and shows the changes
that the API server would make: the images, the stable objects with a diff that masks
the values of Secrets, and the objects of the canary. It also shows what canarize
doctor finds about this release, and how the share would grow. With
--requests-per-second it predicts how soon the judge rejects a bad version and has
enough evidence for a good one.

Plan writes nothing to the cluster. -o markdown suits the page of an approval, and
--max-chars omits what does not fit there.

Exit codes: 0 a promotion would change nothing, 1 it would change something or fail.`,
		Example: `  canarize plan -I registry.example.com/app:2 manifests
  canarize plan --requests-per-second 50 --stable-errors 0.2 manifests
  canarize plan -o markdown --max-chars 4000 --config release.yml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := f.options(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			return f.show(cmd.Context(), options, streams)
		},
	}
	flags := cmd.Flags()
	f.deploy.engine.registerTarget(flags)
	flags.StringVarP(&f.format, "output", "o", "text", "output `FORMAT`: text, markdown, json")
	flags.IntVar(&f.maxChars, "max-chars", 0, "limit the markdown to a `NUMBER` of characters; 0 for no limit")
	flags.Float64Var(&f.perSecond, "requests-per-second", 0, "`NUMBER` of requests that the application gets per second; 0 if unknown")
	flags.Float64Var(&f.fail, "stable-errors", 0.1, "`PERCENTAGE` of failed requests on the stable version")
	f.deploy.register(cmd)
	return cmd
}

func (f *planFlags) options(ctx context.Context, args []string, streams Streams) (survey.PreviewOptions, error) {
	var o survey.PreviewOptions
	if err := oneOf("--output", f.format, "text", "markdown", "json"); err != nil {
		return o, err
	}
	switch {
	case f.maxChars != 0 && (f.maxChars < minChars || f.format != "markdown"):
		return o, fmt.Errorf("--max-chars %d: expected a number from %d, with -o markdown", f.maxChars, minChars)
	case !(f.perSecond >= 0) || math.IsInf(f.perSecond, 1):
		return o, fmt.Errorf("--requests-per-second %v: expected a number from 0", f.perSecond)
	case !(f.fail >= 0 && f.fail < 100):
		return o, fmt.Errorf("--stable-errors %v: expected a percentage from 0 to below 100", f.fail)
	}
	release, plan, err := f.deploy.plan(ctx, args, streams)
	f.deploy.engine.announce(streams)
	streams.spool.Flush() // before the lines about skipped checks
	if err != nil {
		return o, err
	}
	e := &f.deploy.engine
	file := e.config.release
	if o.Options, err = e.survey(release.Namespace); err != nil {
		return o, err
	}
	o.Release, o.Plan, o.LeftAlone, o.Accept = &release, plan, f.deploy.leftAlone, f.deploy.accepted
	o.Analysis, o.Gates, o.PerSecond, o.StableErrors = file.Analysis, file.Gates, f.perSecond, f.fail
	return o, nil
}

func (f *planFlags) show(ctx context.Context, options survey.PreviewOptions, streams Streams) error {
	p, err := survey.Preview(ctx, options)
	if err != nil {
		return foreign(err)
	}
	for _, what := range p.Unseen {
		fmt.Fprintln(streams.Err, "canarize: not checked: "+oneLine(what))
	}
	text, err := f.rendered(p, widthOf(streams.Out))
	if err == nil {
		_, err = streams.Out.Write(text)
	}
	if err == nil && !p.Equal {
		return errDiffers
	}
	return outside(err)
}

func (f *planFlags) rendered(p report.Preview, width int) ([]byte, error) {
	switch f.format {
	case "json":
		text, err := json.MarshalIndent(p, "", "  ")
		return append(escapeJSON(text), '\n'), err
	case "markdown":
		return []byte(report.PreviewMarkdown(p, report.MarkdownOptions{Max: f.maxChars, Escape: Escape})), nil
	}
	return []byte(Escape(report.PreviewText(p, oneLine, width))), nil
}
