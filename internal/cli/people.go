package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/wiring"
)

func newApprove(streams Streams) *cobra.Command {
	var f engineFlags
	cmd := &cobra.Command{
		Use:   "approve [flags] NAME GATE|METRIC",
		Short: "Let a release pass a manual gate, or approve a difference that holds it",
		Long: `Approve lets a release pass a manual gate of its release file. A run that waits for the
gate continues at once. If you approve the gate earlier, the run does not wait.

If events or a gauge hold the release because the canary differs from stable, approve
ends the hold: the difference is intended. From then on that metric does not hold the
release. It still rejects it if it may.`,
		Example: `  canarize approve shop sign-off
  canarize approve shop client-errors`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("%d arguments: expected the NAME of a release and of its GATE, or of the METRIC that holds it", len(args))
			}
			return f.instruct(cmd.Context(), args[:1], streams, args[1]+" is approved", func(s rollout.State, said *rollout.Statements, by string) error {
				if err := f.knownGate(s, args[1]); err != nil {
					return err
				}
				said.Approve(rollout.Approval{Gate: args[1], By: by, At: time.Now().UTC()})
				return nil
			})
		},
	}
	f.registerInstruct(cmd)
	f.registerVersion(cmd.Flags())
	return cmd
}

// knownGate refuses a gate that the release does not have, unless a metric of that name holds it.
func (f *engineFlags) knownGate(s rollout.State, gate string) error {
	known := s.Gates
	if len(known) == 0 {
		known = f.config.gates()
	}
	holds := s.Judged != nil && s.Judged.Metric != "" && s.Judged.Metric == gate
	if slices.Contains(known, gate) || holds {
		return nil
	}
	return runner.RefusedError{Refusal: &rollout.Refusal{Code: rollout.RefusedNoGate, Gate: gate, Gates: known}}
}

func newHold(streams Streams) *cobra.Command {
	var f engineFlags
	var why string
	cmd := &cobra.Command{
		Use:   "hold [flags] NAME",
		Short: "Keep a run from raising the share and promoting",
		Long: `Hold keeps the run of a release from raising the canary's share and from promoting it,
until canarize resume. The run keeps watching the canary and rejects it on harm.`,
		Example: `  canarize hold shop --why "the database is being moved"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.instruct(cmd.Context(), args, streams, "on hold; canarize resume ends the hold", func(_ rollout.State, said *rollout.Statements, by string) error {
				said.HoldBy(rollout.Statement{Text: cmp.Or(why, heldBy), By: by, At: time.Now().UTC()})
				return nil
			})
		},
	}
	f.registerInstruct(cmd)
	cmd.Flags().StringVar(&why, "why", heldBy, "`REASON`, for others to read")
	return cmd
}

// heldBy is the reason of a hold without --why.
const heldBy = "held by canarize hold"

// resumedBy is the reason of a resumption without --why.
const resumedBy = "ended by canarize resume"

func newResume(streams Streams) *cobra.Command {
	var f engineFlags
	var why string
	cmd := &cobra.Command{
		Use:   "resume [flags] NAME",
		Short: "End a hold",
		Long:  `Resume ends canarize hold: the run of a release may raise the canary's share and promote again.`,
		Example: `  canarize resume shop
  canarize resume shop --why "the database is moved"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.instruct(cmd.Context(), args, streams, "the hold has ended", func(_ rollout.State, said *rollout.Statements, by string) error {
				said.ResumeBy(rollout.Statement{Text: cmp.Or(why, resumedBy), By: by, At: time.Now().UTC()})
				return nil
			})
		},
	}
	f.registerInstruct(cmd)
	cmd.Flags().StringVar(&why, "why", resumedBy, "`REASON`, for the report")
	return cmd
}

func (f *engineFlags) registerInstruct(cmd *cobra.Command) {
	f.registerTarget(cmd.Flags())
}

// instruct records a person's instruction for the run that works on a release.
func (f *engineFlags) instruct(ctx context.Context, args []string, streams Streams, done string, change func(s rollout.State, said *rollout.Statements, by string) error) error {
	release, err := f.release(args)
	if err != nil {
		return err
	}
	f.announce(streams)
	engine, err := wiring.Connect(f.options(false, streams.printLine))
	if err != nil {
		return foreign(err)
	}
	defer engine.Close()
	by, err := engine.User(ctx)
	if err != nil {
		return f.explain(ctx, release, rollout.State{}, err)
	}
	state, err := engine.EditStatements(ctx, release, f.version, func(s rollout.State, said *rollout.Statements) error { return change(s, said, by) })
	if err != nil {
		return f.explain(ctx, release, state, err)
	}
	streams.spool.Flush()
	_, err = fmt.Fprintln(streams.Out, oneLine(fmt.Sprintf("release %s: %s", release, done)))
	return outside(err)
}
