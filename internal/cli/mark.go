package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/wiring"
)

// markFlags are the unparsed flags of mark.
type markFlags struct {
	engine engineFlags
	number releaseNumber
	why    string
}

// noMark is the argument that removes a mark.
const noMark = "none"

func newMark(streams Streams) *cobra.Command {
	var f markFlags
	cmd := &cobra.Command{
		Use:   "mark [flags] NAME right|wrong|none",
		Short: "Say that the decision about a release turned out right or wrong",
		Long: `Mark stores what the decision about a release turned out to be: a promotion is wrong if
the version was bad after all, a rejection if it was good. With none it removes the mark.
Without --release it marks the last release that is over.

The mark, who made it and when are kept with the release. canarize report --all counts the
marks. Mark needs permission to get and update ConfigMaps, and does not disturb a run that
works on the next release.`,
		Example: `  canarize mark shop wrong --why "the errors came from a database failover"
  canarize mark shop right --release 12`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("%d arguments: expected the NAME of a release, and right, wrong or none", len(args))
			}
			if err := oneOf("mark", args[1], string(rollout.Right), string(rollout.Wrong), noMark); err != nil {
				return err
			}
			if args[1] == noMark && f.why != "" {
				return errors.New("--why: a mark that is removed needs no reason")
			}
			release, err := f.engine.release(args[:1])
			if err != nil {
				return err
			}
			return f.mark(cmd.Context(), release, args[1], streams)
		},
	}
	flags := cmd.Flags()
	f.engine.registerTarget(flags)
	f.number.register(flags)
	flags.StringVar(&f.why, "why", "", "`REASON`, for others to read")
	return cmd
}

func (f *markFlags) mark(ctx context.Context, release runner.Release, truth string, streams Streams) error {
	engine, err := wiring.Connect(f.engine.options(false, streams.printLine))
	if err != nil {
		return foreign(err)
	}
	defer engine.Close()
	var mark *rollout.Mark
	if truth != noMark {
		by, err := engine.User(ctx)
		if err != nil {
			return f.engine.explain(ctx, release, rollout.State{}, err)
		}
		mark = &rollout.Mark{Truth: rollout.Truth(truth), Why: f.why, By: by, At: time.Now().UTC()}
	}
	past, changed, err := engine.Mark(ctx, release, int(f.number), mark)
	var refused runner.RefusedError
	switch {
	case errors.As(err, &refused) && refused.Code == rollout.RefusedNotOver && refused.Current == 0:
		return f.absent(ctx, engine, release, err)
	case err != nil:
		return f.engine.explain(ctx, release, rollout.State{}, err)
	}
	streams.spool.Flush()
	_, err = fmt.Fprintln(streams.Out, oneLine(fmt.Sprintf("release %s: number %d, %s at %s, %s", release, past.Number, past.Ending, past.Ended.UTC().Format(time.RFC3339), marked(truth, changed))))
	return outside(err)
}

// absent explains that there is no release of the name, as far as the user may find out.
func (f *markFlags) absent(ctx context.Context, engine wiring.Hub, release runner.Release, refused error) error {
	var outside exitError
	if err := f.engine.mustExist(ctx, engine, release.Namespace, release.Name); err != nil && !errors.As(err, &outside) {
		return err
	}
	return f.engine.explain(ctx, release, rollout.State{}, refused)
}

// marked says what became of a mark.
func marked(truth string, changed bool) string {
	switch {
	case truth == noMark && changed:
		return "is no longer marked"
	case truth == noMark:
		return "was not marked"
	case changed:
		return "is marked " + truth
	}
	return "was marked " + truth + " already"
}
