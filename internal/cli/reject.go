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
		Long: `Reject sets the canary's weight to 0 before it does anything else, even while another
process works on the release. It verifies that Emissary sends the canary no requests,
waits for running requests to end, and removes the canary's objects. If the API server
does not answer, reject retries until it is stopped.

If a pod of the canary crashed or was not ready, reject first keeps the end of its log
and its last warnings: canarize status and report show them. With --keep the canary
stays, without traffic, for somebody to examine; reject without --keep removes it.`,
		Example: `  canarize reject shop
  canarize reject shop --keep
  canarize reject shop --if-active`,
		RunE: func(cmd *cobra.Command, args []string) error {
			release, err := f.release(args)
			if err != nil {
				return err
			}
			asked := rollout.Request{Verb: rollout.Reject, IfActive: ifActive, Keep: f.keep}
			return f.carryOut(cmd.Context(), release, asked, nil, streams)
		},
	}
	flags := cmd.Flags()
	f.register(flags)
	flags.BoolVar(&ifActive, "if-active", false, "succeed without doing anything if there is no release to reject, or if its canary is kept by --keep")
	f.registerKeep(flags)
	f.emissary.register(flags)
	f.registerWrites(flags)
	return cmd
}
