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

// planFlags are the flags of plan, as given.
type planFlags struct {
	deploy          deployFlags
	format          string
	most            int
	perSecond, fail float64
}

func newPlan(streams Streams) *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan [flags] [FILE|DIR|-...]",
		Short: "Show what a release would do, for whoever has to agree to it",
		Long: `Plan compares the manifests of a new version with the cluster and shows what its
release would change, as the API server would have it: the images, the stable objects
with a diff, in which the values of Secrets are masked, and the objects of the canary;
what canarize doctor has found about this release; and how the share would grow. With
--requests-per-second it says how soon the judge can be expected to reject a bad
version and to have enough evidence for a good one.

Nothing is written. With -o markdown it is made for the page of an approval, and
--max-chars leaves out what does not fit there.

Exit codes: 0 stable is already what it would become, 1 it differs.`,
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
	flags.StringVarP(&f.format, "output", "o", "text", "`text`, markdown or json")
	flags.IntVar(&f.most, "max-chars", 0, "the most characters of the markdown; 0 is any number")
	flags.Float64Var(&f.perSecond, "requests-per-second", 0, "how many requests the application gets; 0 is not known")
	flags.Float64Var(&f.fail, "stable-errors", 0.1, "the `percentage` of the stable version's requests that fail")
	f.deploy.register(cmd)
	return cmd
}

func (f *planFlags) options(ctx context.Context, args []string, streams Streams) (survey.PreviewOptions, error) {
	var o survey.PreviewOptions
	if err := oneOf("--output", f.format, "text", "markdown", "json"); err != nil {
		return o, err
	}
	switch {
	case f.most != 0 && (f.most < leastChars || f.format != "markdown"):
		return o, fmt.Errorf("--max-chars %d: expected a number from %d, with -o markdown", f.most, leastChars)
	case !(f.perSecond >= 0) || math.IsInf(f.perSecond, 1):
		return o, fmt.Errorf("--requests-per-second %v: expected a number from 0", f.perSecond)
	case !(f.fail >= 0 && f.fail < 100):
		return o, fmt.Errorf("--stable-errors %v: expected a percentage from 0 to below 100", f.fail)
	}
	release, plan, err := f.deploy.plan(ctx, args, streams)
	streams.spool.Flush() // what is found then comes behind it
	if err != nil {
		return o, err
	}
	e := &f.deploy.engine
	said := e.config.release
	if o.Options, err = e.survey(release.Namespace); err != nil {
		return o, err
	}
	o.Release, o.Plan = &release, plan
	o.Analysis, o.Gates, o.PerSecond, o.StableErrors = said.Analysis, said.Gates, f.perSecond, f.fail
	return o, nil
}

func (f *planFlags) show(ctx context.Context, options survey.PreviewOptions, streams Streams) error {
	p, err := survey.Preview(ctx, options)
	if err != nil {
		return foreign(err)
	}
	for _, what := range p.Unseen {
		fmt.Fprintln(streams.Err, "canarize: not looked at: "+oneLine(what))
	}
	text, err := f.rendered(p)
	if err == nil {
		_, err = streams.Out.Write(text)
	}
	if err == nil && !p.Equal {
		return errDiffers
	}
	return outside(err)
}

func (f *planFlags) rendered(p report.Preview) ([]byte, error) {
	switch f.format {
	case "json":
		text, err := json.MarshalIndent(p, "", "  ")
		return append(escapeJSON(text), '\n'), err
	case "markdown":
		return []byte(report.PreviewMarkdown(p, report.MarkdownOptions{Max: f.most, Escape: Escape})), nil
	}
	text, err := report.PreviewText(p, oneLine)
	return []byte(Escape(text)), err
}
