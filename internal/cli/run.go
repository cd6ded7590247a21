package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/hub"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/wiring"
)

// courseFlags are the unparsed flags of verbs that watch a release.
type courseFlags struct {
	reports []string
}

func (f *courseFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.reports, "report", nil, "write a report to `FILE`, which ends with .html, .md, .xml (JUnit) or .json; repeatable")
}

// options returns the options from the release file, which has been read, and the flags.
func (f *courseFlags) options(engine engineFlags) (hub.RunOptions, error) {
	config := engine.config
	o := hub.RunOptions{
		Analysis: config.release.Analysis, Metrics: config.release.Metrics, Gates: config.release.Gates,
		Getenv: os.Getenv, Environ: os.Environ,
		Override: engine.overrideHold, Unverified: engine.unverified, Version: engine.version, Unchanged: engine.unchanged,
	}
	if err := o.Check(); err != nil {
		return o, fmt.Errorf("%s: %w", config.file, err)
	}
	return o, checkReports(f.reports)
}

// conclude writes the reports of a release, and adds their errors to err.
func (f *courseFlags) conclude(release runner.Release, s rollout.State, err error) error {
	if s.Phase != rollout.None {
		err = errors.Join(err, outside(writeReports(f.reports, report.Of(release.Namespace, release.Name, s, time.Now(), buildVersion().Version))))
	}
	return err
}

func newRun(streams Streams) *cobra.Command {
	var f deployFlags
	var c courseFlags
	cmd := &cobra.Command{
		Use:   "run [flags] [FILE|DIR|-...]",
		Short: "Release a new version from the first request to the last",
		Long: `Run deploys the canary of a new version as deploy does, gives it a small share of the
traffic, and compares the answers of both versions. Without a sign of harm the share
grows. With enough evidence of health, run promotes the new version. With enough
evidence of harm, within seconds if most requests fail, it sends all traffic back to
stable and removes the canary.

Run counts the answers of Emissary's Envoys, which needs no setup. A release file can
set other metrics and sources, steps, gates, and how certain a verdict has to be.
Without arguments, the release file also names the manifests.

If the cluster has exactly these manifests, run says so and releases nothing.

A second run continues where the first one stopped, with its evidence. If run is
interrupted, it takes all traffic off the canary within two seconds. From another
shell, follow it with canarize status --watch, keep it from raising the share with
hold, let it continue with resume and approve, or end it with reject.

Exit codes: 0 promoted, or nothing changes, 3 rejected, 4 held or undecided, 5 interrupted.`,
		Example: `  canarize run -I registry.example.com/app:2 manifests
  canarize run --config release.yml --report report.html`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.engine.open && f.engine.dryRun != "none" {
				return errors.New("--open shows a release, and a dry run has none; leave out one of both")
			}
			release, plan, err := f.plan(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			options, err := c.options(f.engine)
			if err != nil {
				return err
			}
			state, err := f.engine.runVerb(cmd.Context(), release, "run", true, streams, func(ctx context.Context, engine wiring.Hub) (rollout.State, error) {
				return engine.Run(ctx, release, thisRun(), &plan, options)
			}, func(s rollout.State) error { return ifRejected(release, s) })
			if f.engine.equal {
				return err
			}
			return c.conclude(release, state, err)
		},
	}
	flags := cmd.Flags()
	f.engine.register(flags)
	f.register(cmd)
	c.register(flags)
	flags.BoolVar(&f.engine.force, "force-conflicts", false, "take over fields that another program owns")
	flags.BoolVar(&f.engine.overrideHold, "override-hold", false, "continue although the release is held")
	flags.BoolVar(&f.engine.unchanged, "unchanged", false, "release although nothing changes")
	flags.BoolVar(&f.engine.open, "open", false, "show the release on a page of this machine, in your browser if there is one")
	f.engine.registerUnverified(flags)
	f.engine.registerKeep(flags)
	f.engine.registerWrites(flags)
	f.engine.registerCancel(flags)
	return cmd
}

// ifRejected returns the error for a rejected release; nil for another one.
func ifRejected(release runner.Release, s rollout.State) error {
	if s.Phase != rollout.Rejected && !s.Parked() {
		return nil
	}
	return rejected(release, s)
}

// rejected returns the error for a rejected release. Its exit code depends on who
// decided.
func rejected(release runner.Release, s rollout.State) error {
	why, code := "reject", exitRejected
	if r := s.Reason; r != nil {
		if r.Text != "" {
			why += ": " + r.Text
		}
		switch r.By {
		case rollout.ByDeadline:
			code = exitHeld
		case rollout.ByFailure:
			code = exitOutside
		}
	}
	if s.Parked() {
		why += fmt.Sprintf("; the canary is kept without traffic, and canarize reject %s removes it", release.Name)
	}
	return exitError{code, fmt.Errorf("release %s: %s (for details, run canarize report %s -n %s)", release, why, release.Name, release.Namespace), true}
}

func newAnalyze(streams Streams) *cobra.Command {
	var f engineFlags
	var c courseFlags
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "analyze [flags] [NAME]",
		Short: "Judge a release at the share it has",
		Long: `Analyze watches the canary of a release for a time, or until there is a verdict, and
compares the answers of both versions. It never raises the share: use canarize shift
and promote for that. If it rejects, it takes all traffic off the canary at once.

Analyze stores the evidence in the cluster. The next analyze, in another job and at
another share, continues with it. If the canary was already found healthy
at an earlier share, analyze watches for the full time.

Exit codes: 0 no sign of harm, or healthy; 3 rejected; 4 held, or undecided, also
while the canary warms up; 5 interrupted.`,
		Example: `  canarize analyze shop --for 5m
  canarize analyze shop --config release.yml -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if length < 0 {
				return fmt.Errorf("--for %s: expected a duration from 0", length)
			}
			release, err := f.release(args)
			if err != nil {
				return err
			}
			options, err := c.options(f)
			if err != nil {
				return err
			}
			state, err := f.runVerb(cmd.Context(), release, "analyze", true, streams, func(ctx context.Context, engine wiring.Hub) (rollout.State, error) {
				return engine.Analyze(ctx, release, thisRun(), length, options)
			}, func(s rollout.State) error { return verdict(release, s, f.config.release.Analysis.Warmup) })
			return c.conclude(release, state, err)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&length, "for", 0, "longest `DURATION` to watch; 0 to watch until there is a verdict")
	c.register(flags)
	flags.BoolVar(&f.overrideHold, "override-hold", false, "continue although the release is held")
	f.registerVersion(flags)
	f.register(flags)
	f.emissary.register(flags)
	f.registerWrites(flags)
	f.registerCancel(flags)
	return cmd
}

// verdict gives the last judgement its exit code. It is undecided during the warmup, in
// seconds.
func verdict(release runner.Release, s rollout.State, warmup float64) error {
	j := s.Judged
	switch {
	case s.Phase == rollout.Rejected || s.Parked():
		return rejected(release, s)
	case j == nil:
		return exitError{exitHeld, fmt.Errorf("release %s: nothing was measured yet; use a longer --for", release), true}
	case j.Verdict == analysis.Reject:
		return exitError{exitRejected, fmt.Errorf("release %s: rejected: %s All traffic is back on stable; canarize reject %s removes the canary", release, j.Reason, release.Name), true}
	case j.Verdict == analysis.Hold:
		return exitError{exitHeld, fmt.Errorf("release %s: undecided: %s", release, j.Reason), true}
	case j.Verdict == analysis.Continue && j.Watched < warmup:
		return exitError{exitHeld, fmt.Errorf("release %s: undecided: the canary was watched for %.0f s, but only a catastrophe counts in the first %.0f s; use a longer --for", release, j.Watched, warmup), true}
	}
	return nil
}
