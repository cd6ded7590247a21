package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/input"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/releasefile"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// deployFlags are the flags of deploy, as given. Both parts have a namespace and
// an Emissary; what is given goes to both.
type deployFlags struct {
	canary canaryFlags
	engine engineFlags
	name   string
}

func newDeploy(streams Streams) *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use:   "deploy [flags] [FILE|DIR|-...]",
		Short: "Bring the canary of a new version into the cluster, without traffic",
		Long: `Deploy reads the manifests of an application's new version, derives its canary as
generate does, and applies the canary at weight 0. It ends when the canary's pods
are ready and Emissary has taken the Mapping: canarize shift can send traffic. The
stable objects are not touched before canarize promote; they have to be in the
cluster already.

Everything that the other verbs need is kept in the cluster, in the ConfigMap
canarize-NAME: they run without the manifests, in other processes and on other
machines. The content of Secrets is in the canary's Secret only.

Without arguments it is the release file that names the manifests, and what no flag
says is taken from there.

Running it again goes on where it stopped. With other manifests it replaces the
canary, whose traffic goes to 0 first.`,
		Example: `  canarize deploy --config release.yml
  canarize deploy -I registry.example.com/app:2 manifests
  canarize deploy --dry-run=server manifests`,
		RunE: func(cmd *cobra.Command, args []string) error {
			release, plan, err := f.plan(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			return f.engine.carryOut(cmd.Context(), release, rollout.Asked{Verb: rollout.Deploy, Unverified: f.engine.unverified, Fresh: rollout.Fresh{Gates: f.engine.config.gates()}}, &plan, streams)
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

// register adds the flags that say what is released.
func (f *deployFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "name", "", "the name of the release; that of its only workload when empty")
	f.canary.register(cmd.Flags())
}

func checkName(name string) error {
	if err := releasefile.CheckName(name); err != nil {
		return fmt.Errorf("the release name %w", err)
	}
	return nil
}

// plan reads the release file and the manifests, and derives the release. What the
// release file says is in f.engine.config then.
func (f *deployFlags) plan(ctx context.Context, args []string, streams Streams) (runner.Release, rollout.Plan, error) {
	none := func(err error) (runner.Release, rollout.Plan, error) { return runner.Release{}, rollout.Plan{}, err }
	args, err := f.complete(args)
	if err != nil {
		return none(err)
	}
	f.canary.namespace, f.engine.emissaryNamespace = f.engine.namespace, f.canary.emissaryNamespace
	if err := f.engine.check(); err != nil {
		return none(f.engine.config.blame(err))
	}
	options, err := f.canary.options()
	if err != nil {
		return none(f.engine.config.blame(err))
	}
	set, err := f.read(ctx, args, streams)
	if err != nil {
		return none(err)
	}
	planned, err := plan.Release(set, plan.ReleaseOptions{Generate: options, Name: f.name, Workload: f.engine.config.release.Workload})
	if err != nil {
		return none(f.engine.config.blame(err))
	}
	streams.spool.PutText(streams.Err, f.canary.notes(planned.Notes))
	release := runner.Release{Namespace: planned.Plan.Workloads[0].Stable.Namespace, Name: planned.Name}
	return release, planned.Plan, checkName(release.Name)
}

// read reads the input. Objects without a namespace go where kubectl would put them.
func (f *deployFlags) read(ctx context.Context, args []string, streams Streams) (*manifest.Set, error) {
	if f.engine.namespace != "" {
		return f.canary.read(ctx, args, streams)
	}
	namespace, err := f.engine.inNamespace()
	if err != nil {
		return nil, err
	}
	objects, err := input.Objects(ctx, args, input.Options{Recursive: f.canary.recursive, Stdin: streams.In})
	if err != nil {
		return nil, err
	}
	return manifest.NewSet(objects, namespace)
}
