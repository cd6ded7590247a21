package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/input"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/releasefile"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// deployFlags are the unparsed flags of deploy. canary and engine both have a namespace
// and an Emissary; plan copies the given values to both.
type deployFlags struct {
	canary canaryFlags
	engine engineFlags
	name   string
	// leftAlone and accepted are set by plan.
	leftAlone []report.LeftAlone
	accepted  []note.Name
}

func newDeploy(streams Streams) *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use:   "deploy [flags] [FILE|DIR|-...]",
		Short: "Bring the canary of a new version into the cluster, without traffic",
		Long: `Deploy reads the manifests of an application's new version, derives its canary as
generate does, and applies the canary at weight 0. It ends when the canary's pods are
ready and Emissary uses the canary's Mapping. Then canarize shift can send traffic.
The stable objects must be in the cluster already; they do not change before
canarize promote.

Deploy stores everything that the other verbs need in the cluster, in the ConfigMap
canarize-NAME. They need no manifests and can run in other processes and on other
machines. Only the canary's Secret holds the content of Secrets.

Without arguments, the release file names the manifests. Values without a flag come
from the release file, too.

A second deploy continues where the first one stopped. With other manifests it
replaces the canary and first takes its traffic away.`,
		Example: `  canarize deploy --config release.yml
  canarize deploy -I registry.example.com/app:2 manifests
  canarize deploy --dry-run=server manifests`,
		RunE: func(cmd *cobra.Command, args []string) error {
			release, plan, err := f.plan(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			return f.engine.carryOut(cmd.Context(), release, rollout.Request{Verb: rollout.Deploy, Unverified: f.engine.unverified, Fresh: rollout.Fresh{Gates: f.engine.config.gates()}}, &plan, streams)
		},
	}
	flags := cmd.Flags()
	f.engine.register(flags)
	f.register(cmd)
	f.engine.registerUnverified(flags)
	f.engine.registerWrites(flags)
	f.engine.registerCancel(flags)
	return cmd
}

// register adds the flags that describe what to release.
func (f *deployFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "name", "", "`NAME` of the release; by default the name of its only workload")
	f.canary.register(cmd.Flags())
}

func checkName(name string) error {
	if err := releasefile.CheckName(name); err != nil {
		return fmt.Errorf("the release name %w", err)
	}
	return nil
}

// plan reads the release file and the manifests, and derives the plan of the release. It
// leaves the release file in f.engine.config, what gets no canary in f.leftAlone, and the
// accepted warnings in f.accepted.
func (f *deployFlags) plan(ctx context.Context, args []string, streams Streams) (runner.Release, rollout.Plan, error) {
	none := func(err error) (runner.Release, rollout.Plan, error) { return runner.Release{}, rollout.Plan{}, err }
	args, err := f.complete(args)
	if err != nil {
		return none(err)
	}
	f.canary.namespace, f.engine.emissary = f.engine.namespace, f.canary.emissary
	if err := f.engine.check(); err != nil {
		return none(f.engine.config.withSource(err))
	}
	options, err := f.canary.options()
	if err != nil {
		return none(f.engine.config.withSource(err))
	}
	write := func(text string) { streams.spool.PutText(streams.Err, text) }
	set, err := f.read(ctx, args, streams, write)
	if err != nil {
		return none(err)
	}
	planned, err := plan.Release(set, plan.ReleaseOptions{Generate: options, Name: f.name, Workload: f.engine.config.release.Workload})
	if err := f.canary.tell(planned.Notes, err, write); err != nil {
		return none(f.engine.config.withSource(err))
	}
	f.leftAlone, f.accepted = leftAlone(planned.Notes), options.Accept
	release := runner.Release{Namespace: planned.Plan.Workloads[0].Stable.Namespace, Name: planned.Name}
	return release, planned.Plan, checkName(release.Name)
}

// leftAlone returns what the input has that gets no canary.
func leftAlone(notes []note.Note) []report.LeftAlone {
	var all []report.LeftAlone
	for _, n := range notes {
		if n.Level == note.Info {
			all = append(all, report.LeftAlone{Object: n.Object.ID().String(), Why: n.Text})
		}
	}
	return all
}

// read reads the input. Objects without a namespace get the namespace that kubectl would
// use.
func (f *deployFlags) read(ctx context.Context, args []string, streams Streams, write func(text string)) (*manifest.Set, error) {
	if f.engine.namespace != "" {
		return f.canary.read(ctx, args, streams, write)
	}
	namespace, err := f.engine.inNamespace()
	if err != nil {
		return nil, err
	}
	objects, err := input.Objects(ctx, args, inputOptions(f.canary.recursive, streams, write))
	if err != nil {
		return nil, err
	}
	return manifest.NewSet(objects, namespace)
}
