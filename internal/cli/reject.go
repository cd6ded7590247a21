package cli

import (
	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/rollout"
)

func newReject(streams Streams) *cobra.Command {
	var f engineFlags
	var ifActive bool
	cmd := &cobra.Command{
		Use:   "reject [flags] [NAME]",
		Short: "Send all traffic back to stable, and remove the canary",
		Long: `Reject sets the canary's weight to 0 before it does anything else, also while
another process works on the release. It makes sure that Emissary sends the canary
nothing, lets requests on their way come to an end, and removes the canary's
objects. When the API server does not answer it keeps trying until it is stopped.`,
		Example: `  canarize reject shop
  canarize reject shop --if-active`,
		RunE: func(cmd *cobra.Command, args []string) error {
			release, err := f.release(args)
			if err != nil {
				return err
			}
			asked := rollout.Request{Verb: rollout.Reject, IfActive: ifActive}
			return f.carryOut(cmd.Context(), release, asked, nil, streams)
		},
	}
	flags := cmd.Flags()
	f.register(flags)
	flags.BoolVar(&ifActive, "if-active", false, "do nothing, and call it done, when there is no release to reject")
	f.registerEmissary(flags)
	f.registerWrites(flags)
	return cmd
}
