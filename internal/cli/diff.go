package cli

import (
	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/plan"
)

func newDiff(streams Streams) *cobra.Command {
	var f generateFlags
	cmd := &cobra.Command{
		Use:   "diff [flags] FILE|DIR|-...",
		Short: "Show what differs between stable and canary",
		Long: `Diff derives the canary as generate does and prints how it differs from the stable
objects, as a unified diff. It masks the values of Secrets.

Exit codes: 0 no difference, 1 differences, 2 invalid input.`,
		Example: `  canarize diff -w 10 manifests`,
		RunE: func(cmd *cobra.Command, args []string) error {
			defer collectLate()()
			g, err := f.generate(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			text, err := plan.Diff(g)
			if err != nil {
				return outside(err)
			}
			if len(text) == 0 {
				return nil
			}
			if _, err := streams.Out.Write([]byte(Escape(string(text)))); err != nil {
				return outside(err)
			}
			return errDiffers
		},
	}
	f.register(cmd.Flags())
	return cmd
}
