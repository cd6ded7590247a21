package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

func newShift(streams Streams) *cobra.Command {
	var f engineFlags
	var to optional
	cmd := &cobra.Command{
		Use:   "shift [flags] [NAME] --to N",
		Short: "Give the canary a share of the traffic",
		Long: `Shift moves the canary of a release to a share in whole percent. Upwards it makes
the canary as large as the share needs and waits for its pods first; downwards the
traffic goes first. It ends when every pod of Emissary gives the canary that share.

If something fails on the way up, traffic goes back to stable and the release is
held. What somebody else changed since the last step is put right first: a weight
that was moved goes back once, and changes of the stable Mapping are taken over.`,
		Example: `  canarize shift shop --to 10
  canarize shift shop --to 0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !to.given {
				return errors.New("--to is missing: the canary's share in whole percent")
			}
			n, err := parsePercent("--to", to.text)
			if err != nil {
				return err
			}
			release, err := f.release(args)
			if err != nil {
				return err
			}
			asked := rollout.Request{Verb: rollout.Shift, Weight: n, Override: f.overrideHold, Version: f.version}
			return f.carryOut(cmd.Context(), release, asked, nil, streams)
		},
	}
	flags := cmd.Flags()
	flags.Var(&to, "to", "the canary's share of requests in whole percent, `0..100`")
	flags.BoolVar(&f.overrideHold, "override-hold", false, "although the release is held")
	f.registerVersion(flags)
	f.register(flags)
	f.registerEmissary(flags)
	f.registerWrites(flags)
	f.registerCancel(flags)
	return cmd
}

// release is the one that the only argument names, or without one the release file.
// Of the release file of a folder that is about another release nothing is taken.
func (f *engineFlags) release(args []string) (runner.Release, error) {
	none := func(err error) (runner.Release, error) { return runner.Release{}, err }
	if err := f.config.load(); err != nil {
		return none(err)
	}
	name := f.config.release.ReleaseName()
	switch {
	case len(args) == 1:
		if name != args[0] && !f.config.named() {
			f.config.forget()
		}
		name = args[0]
	case len(args) > 1 || name == "":
		return none(fmt.Errorf("%d arguments: expected the NAME of a release; canarize status lists them", len(args)))
	}
	if err := checkName(name); err != nil {
		return none(err)
	}
	if err := f.complete(); err != nil {
		return none(err)
	}
	if err := f.check(); err != nil {
		return none(f.config.blame(err))
	}
	namespace, err := f.inNamespace()
	return runner.Release{Namespace: namespace, Name: name}, err
}
