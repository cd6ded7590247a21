package cli

import (
	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/rollout"
)

func newPromote(streams Streams) *cobra.Command {
	var f engineFlags
	cmd := &cobra.Command{
		Use:   "promote [flags] [NAME]",
		Short: "Make the tested version stable, and remove the canary",
		Long: `Promote applies the manifests of the release and waits until stable is rolled out.
Meanwhile the canary keeps serving its share. Then promote takes the traffic off the
canary and removes it.

Promote refuses a version that got no requests (see --untested), or whose share no
gateway has verified (see --unverified). It also refuses if the canary's pods or their
configuration changed since the test, or if somebody changed the stable objects. If
another program, such as a GitOps controller, owns a field, promote fails and names the
program.`,
		Example: `  canarize promote shop
  canarize promote shop --version registry.example.com/shop:2
  canarize promote shop --dry-run=server`,
		RunE: func(cmd *cobra.Command, args []string) error {
			release, err := f.release(args)
			if err != nil {
				return err
			}
			asked := rollout.Request{Verb: rollout.Promote, Override: f.overrideHold, Untested: f.untested, Unverified: f.unverified, Version: f.version}
			return f.carryOut(cmd.Context(), release, asked, nil, streams)
		},
	}
	flags := cmd.Flags()
	f.register(flags)
	flags.BoolVar(&f.force, "force-conflicts", false, "take over fields that another program owns")
	flags.BoolVar(&f.overrideHold, "override-hold", false, "continue although the release is held")
	flags.BoolVar(&f.untested, "untested", false, "continue although no request reaches the canary")
	f.registerUnverified(flags)
	f.registerVersion(flags)
	f.emissary.register(flags)
	f.registerWrites(flags)
	f.registerCancel(flags)
	return cmd
}
