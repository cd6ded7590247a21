package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/survey"
	"github.com/canarize/canarize/internal/wiring"
)

// doctorFlags are the flags of doctor, as given.
type doctorFlags struct {
	deploy    deployFlags
	manifests []string
}

func newDoctor(streams Streams) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Look for what would disturb a release, and say how to mend it",
		Long: `Doctor looks at a namespace and at Emissary before a release: whether you may do
what releasing needs; whether Emissary's pods are ready and of a known version;
whether the stable workloads serve, and a selector would take a canary's pods too;
whether Mappings are in each other's way; and what earlier releases left behind:
objects without a release, a release without its objects, a held one, one whose
process died, the lock of a process that is gone.

With the manifests of a release, by -f or a release file, it looks at that release's
workloads and Mappings only, and has the API server check what the release would
write, so that an owner of a field is named before anything has begun.

Every finding names an object and says how to mend it. Nothing is written. What may
not be listed is not looked at, and said on stderr.

Exit codes: 0 no findings, 1 findings.`,
		Example: `  canarize doctor -n shop
  canarize doctor -f manifests -I registry.example.com/app:2
  canarize doctor -n shop -o json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := f.options(cmd.Context(), streams)
			if err != nil {
				return err
			}
			return examine(cmd.Context(), options, f.deploy.engine.output, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.manifests, "filename", "f", nil, "`FILE|DIR|-` with the manifests of the release that is to begin; repeatable")
	f.deploy.engine.registerTarget(flags)
	flags.StringVarP(&f.deploy.engine.output, "output", "o", "", "output format: json, yaml")
	f.deploy.register(cmd)
	return cmd
}

// inputs are the manifests that were named, or those of the release file; none are
// fine.
func (f *doctorFlags) inputs() ([]string, error) {
	c := &f.deploy.engine.config
	if err := f.deploy.engine.complete(); err != nil || len(f.manifests) > 0 {
		return f.manifests, err
	}
	take(c, "emissary-namespace", &f.deploy.canary.emissaryNamespace, c.release.EmissaryNamespace)
	return c.manifests(), nil
}

// options are those of the release that the manifests are of, if there are any.
func (f *doctorFlags) options(ctx context.Context, streams Streams) (survey.Options, error) {
	var o survey.Options
	args, err := f.inputs()
	if err != nil {
		return o, err
	}
	e := &f.deploy.engine
	if len(args) > 0 {
		release, plan, err := f.deploy.plan(ctx, args, streams)
		streams.spool.Flush() // what is not looked at comes behind it
		if err != nil {
			return o, err
		}
		o, err = e.survey(release.Namespace)
		o.Release, o.Plan = &release, plan
		return o, err
	}
	e.emissaryNamespace = f.deploy.canary.emissaryNamespace
	if err := e.check(); err != nil {
		return o, e.config.blame(err)
	}
	namespace, err := e.inNamespace()
	if err != nil {
		return o, err
	}
	return e.survey(namespace)
}

// survey says where to look, without a release.
func (f *engineFlags) survey(namespace string) (survey.Options, error) {
	said := f.config.release
	o, err := wiring.Survey(f.target, namespace, f.emissaryNamespace, said.Metrics.Source)
	o.Force = said.Promotion.ForceConflicts
	return o, foreign(err)
}

func examine(ctx context.Context, options survey.Options, output string, streams Streams) error {
	r, err := survey.Doctor(ctx, options)
	if err != nil {
		return foreign(err)
	}
	if output != "" {
		err = encode(streams.Out, r, output)
	} else {
		for _, what := range r.Unseen {
			fmt.Fprintln(streams.Err, "canarize: not looked at: "+oneLine(what))
		}
		err = printFindings(streams.Out, r)
	}
	if err == nil && len(r.Findings) > 0 {
		return errDiffers
	}
	return outside(err)
}

// printFindings prints what is wrong and what to do, a paragraph for each finding.
func printFindings(w io.Writer, r doctor.Report) error {
	var text bytes.Buffer
	fact := r.Emissary
	if fact == "" {
		fact = "Emissary not seen"
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&text, "%s: %s\n  %s\n", oneLine(f.Object), oneLine(f.Problem), oneLine(f.Mend))
	}
	switch n := len(r.Findings); n {
	case 0:
		fmt.Fprintf(&text, "namespace %s is ready for a release (%s)\n", oneLine(r.Namespace), oneLine(fact))
	case 1:
		fmt.Fprintf(&text, "1 finding in namespace %s (%s)\n", oneLine(r.Namespace), oneLine(fact))
	default:
		fmt.Fprintf(&text, "%d findings in namespace %s (%s)\n", n, oneLine(r.Namespace), oneLine(fact))
	}
	_, err := io.WriteString(w, Escape(text.String()))
	return err
}
