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

// doctorFlags are the unparsed flags of doctor.
type doctorFlags struct {
	deploy    deployFlags
	manifests []string
}

func newDoctor(streams Streams) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [flags] [FILE|DIR|-...]",
		Short: "Find problems that would disturb a release, and how to fix them",
		Long: `Doctor checks a namespace and Emissary before a release:

  - your permissions;
  - that Emissary's pods are ready and have a known version;
  - that the stable workloads serve, that no other program releases them, that a canary
    may share their volumes, and that no selector would also match a canary's pods;
  - that Mappings do not conflict;
  - leftovers of earlier releases: objects without a release, releases without
    objects, held releases, releases whose process died, and locks of dead processes.

Doctor checks the workloads to which Mappings lead. With the manifests of a release,
as arguments or from a release file, it checks only the workloads and Mappings of that release.
It also asks the API server to check what the release would write, so that you learn
of a field with another owner before the release begins.

Every finding names an object and says how to fix it. Doctor writes nothing. If it may
not list some objects, it skips them and says so on stderr.

Exit codes: 0 no findings, 1 findings.`,
		Example: `  canarize doctor -n shop
  canarize doctor manifests -I registry.example.com/app:2
  canarize doctor -n shop -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.manifests = append(args, f.manifests...)
			options, err := f.options(cmd.Context(), streams)
			if err != nil {
				return err
			}
			return examine(cmd.Context(), options, f.deploy.engine.output, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.manifests, "filename", "f", nil, "`FILE|DIR|-` with the manifests of the next release, like an argument; repeatable")
	f.deploy.engine.registerTarget(flags)
	flags.StringVarP(&f.deploy.engine.output, "output", "o", "", "output `FORMAT`: json, yaml")
	f.deploy.register(cmd)
	return cmd
}

// inputs returns the manifests from --filename or the release file. There may be none.
func (f *doctorFlags) inputs() ([]string, error) {
	c := &f.deploy.engine.config
	if err := f.deploy.engine.complete(); err != nil || len(f.manifests) > 0 {
		return f.manifests, err
	}
	f.deploy.canary.emissary.complete(c)
	return c.manifests(), nil
}

// options parses and checks the flags, and reads the manifests if there are any.
func (f *doctorFlags) options(ctx context.Context, streams Streams) (survey.Options, error) {
	var o survey.Options
	args, err := f.inputs()
	if err != nil {
		return o, err
	}
	f.deploy.engine.announce(streams)
	e := &f.deploy.engine
	if len(args) > 0 {
		release, plan, err := f.deploy.plan(ctx, args, streams)
		streams.spool.Flush() // before the lines about skipped checks
		if err != nil {
			return o, err
		}
		o, err = e.survey(release.Namespace)
		o.Release, o.Plan, o.Accept = &release, plan, f.deploy.accepted
		return o, err
	}
	e.emissary = f.deploy.canary.emissary
	if err := e.check(); err != nil {
		return o, e.config.withSource(err)
	}
	namespace, err := e.inNamespace()
	if err != nil {
		return o, err
	}
	return e.survey(namespace)
}

// survey returns the options to look at a namespace without a release.
func (f *engineFlags) survey(namespace string) (survey.Options, error) {
	file := f.config.release
	o, err := wiring.Survey(f.target, namespace, f.emissary.namespace, file.Metrics.Source)
	o.Force = file.Promotion.ForceConflicts
	o.Grant = fmt.Sprintf("canarize rbac -n %s --emissary-namespace %s", namespace, f.emissary.namespace)
	if wiring.NeedsPodMetrics(file.Metrics.Source) {
		o.Grant += " --pod-metrics"
	}
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
			fmt.Fprintln(streams.Err, "canarize: not checked: "+oneLine(what))
		}
		err = printFindings(streams.Out, r)
	}
	if err == nil && len(r.Findings) > 0 {
		return errDiffers
	}
	return outside(err)
}

// printFindings prints a paragraph for each finding: the problem and the fix.
func printFindings(w io.Writer, r doctor.Report) error {
	var text bytes.Buffer
	fact := r.Gateways
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
