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
		Long: `Promote applies the manifests of the release, waits until stable is rolled out
while the canary goes on serving its share, takes the traffic off the canary and
removes it.

It refuses a version that no request has reached, or whose share no gateway was seen
to give, unless it is told otherwise; and it refuses when the canary's pods or their configuration are not the ones that
were tested, and when somebody changed what would be replaced. Fields that another
program owns, such as a GitOps controller, are an error that names it.`,
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
	flags.BoolVar(&f.force, "force-conflicts", false, "take over fields that somebody else owns")
	flags.BoolVar(&f.overrideHold, "override-hold", false, "although the release is held")
	flags.BoolVar(&f.untested, "untested", false, "although no request reaches the canary")
	f.registerUnverified(flags)
	f.registerVersion(flags)
	f.registerEmissary(flags)
	f.registerWrites(flags)
	f.registerCancel(flags)
	return cmd
}
