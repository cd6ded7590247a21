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
		Long: `Shift moves the canary of a release to a share in whole percent. To raise the share, it
first adds the pods that the share needs and waits for them. To lower the share, it
first moves the traffic. It ends when every pod of Emissary gives the canary that share.

If raising the share fails, traffic goes back to stable and the release is held. Shift
first corrects what somebody else changed since the last step: it restores a changed
weight once, and copies changes of the stable Mapping to the canary's.`,
		Example: `  canarize shift shop --to 10
  canarize shift shop --to 0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !to.given {
				return errors.New("--to is missing; pass the canary's share in whole percent")
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
	flags.Var(&to, "to", "canary's share of the requests in whole percent, `0..100`")
	flags.BoolVar(&f.overrideHold, "override-hold", false, "continue although the release is held")
	f.registerVersion(flags)
	f.register(flags)
	f.emissary.register(flags)
	f.registerWrites(flags)
	f.registerCancel(flags)
	return cmd
}

// release returns the release that the only argument names or, without arguments, the
// release file. It ignores the default release file if that describes another release.
func (f *engineFlags) release(args []string) (runner.Release, error) {
	none := func(err error) (runner.Release, error) { return runner.Release{}, err }
	if err := f.config.load(); err != nil {
		return none(err)
	}
	name := f.config.release.ReleaseName()
	switch {
	case len(args) == 1:
		if name != args[0] && !f.config.explicit() {
			f.config.reset()
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
		return none(f.config.withSource(err))
	}
	namespace, err := f.inNamespace()
	return runner.Release{Namespace: namespace, Name: name}, err
}
