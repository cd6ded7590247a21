package cli

import (
	"context"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/app"
	"github.com/canarize/canarize/internal/input"
	"github.com/canarize/canarize/internal/manifest"
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
		Use:   "deploy [flags] FILE|DIR|-...",
		Short: "Bring the canary of a new version into the cluster, without traffic",
		Long: `Deploy reads the manifests of an application's new version, derives its canary as
generate does, and applies the canary at weight 0. It ends when the canary's pods
are ready and Emissary has taken the Mapping: canarize shift can send traffic. The
stable objects are not touched before canarize promote; they have to be in the
cluster already.

Everything that the other verbs need is kept in the cluster, in the ConfigMap
canarize-NAME: they run without the manifests, in other processes and on other
machines. The content of Secrets is in the canary's Secret only.

Running it again goes on where it stopped. With other manifests it replaces the
canary, whose traffic goes to 0 first.`,
		Example: `  canarize deploy -I registry.example.com/app:2 manifests
  canarize deploy --dry-run=server manifests`,
		RunE: func(cmd *cobra.Command, args []string) error {
			release, plan, err := f.plan(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			return f.engine.carryOut(cmd.Context(), release, rollout.Asked{Verb: rollout.Deploy}, &plan, streams)
		},
	}
	flags := cmd.Flags()
	f.engine.register(flags)
	f.register(cmd)
	f.engine.registerWrites(flags)
	f.engine.registerCancel(flags)
	return cmd
}

// register adds the flags that say what is released.
func (f *deployFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "name", "", "the name of the release; that of its only workload when empty")
	f.canary.register(cmd.Flags())
}

// releaseName is what ConfigMaps, Leases and label values can all be called.
var releaseName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,50}[a-z0-9])?$`)

func checkName(name string) error {
	if !releaseName.MatchString(name) {
		return fmt.Errorf("the release name %q: use at most 52 lower-case letters, digits, dashes and dots, a letter or digit first and last", name)
	}
	return nil
}

// plan reads the manifests and derives the release.
func (f *deployFlags) plan(ctx context.Context, args []string, streams Streams) (runner.Release, rollout.Plan, error) {
	none := func(err error) (runner.Release, rollout.Plan, error) { return runner.Release{}, rollout.Plan{}, err }
	f.canary.namespace, f.engine.emissaryNamespace = f.engine.namespace, f.canary.emissaryNamespace
	if err := f.engine.check(); err != nil {
		return none(err)
	}
	options, err := f.canary.options()
	if err != nil {
		return none(err)
	}
	set, err := f.read(ctx, args, streams)
	if err != nil {
		return none(err)
	}
	planned, err := app.Plan(set, app.PlanOptions{Generate: options, Name: f.name})
	if err != nil {
		return none(err)
	}
	f.canary.say(planned.Notes, streams)
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
