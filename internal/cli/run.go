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

// courseFlags are the flags of verbs that watch a release, as given.
type courseFlags struct {
	reports []string
}

func (f *courseFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.reports, "report", nil, "write a report to a `FILE` that ends with .html, .md, .xml (JUnit) or .json; repeatable")
}

// options are those of a release file that was read.
func (f *courseFlags) options(engine engineFlags) (hub.RunOptions, error) {
	config := engine.config
	o := hub.RunOptions{
		Analysis: config.release.Analysis, Metrics: config.release.Metrics, Gates: config.release.Gates,
		Getenv: os.Getenv, Environ: os.Environ,
		Override: engine.overrideHold, Unverified: engine.unverified, Version: engine.version,
	}
	if err := o.Check(); err != nil {
		return o, fmt.Errorf("%s: %w", config.file, err)
	}
	return o, checkReports(f.reports)
}

// conclude writes the reports of a release that was watched, and gives the verdict
// its exit code.
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
		Long: `Run deploys the canary of a new version as deploy does, gives it a small share of
the traffic, and compares what its users get with what those of the stable version
get. While there is no sign of harm the share grows; when there is enough evidence of
health the new version is promoted; and with enough evidence of harm, within seconds
if most requests fail, all traffic goes back to stable and the canary is removed.

It counts the answers of Emissary's Envoys, which needs nothing to be set up. A
release file names other metrics and sources, steps, gates, how sure a verdict has to
be, and the manifests where there are no arguments.

Running it again goes on where it stopped, with the evidence it had. Interrupted, it
takes all traffic off the canary within two seconds. Other shells can follow it with
canarize status --watch, stop it from raising the share with hold, let it go on with
resume and approve, and end it with reject.

Exit codes: 0 promoted, 3 rejected, 4 held or undecided, 5 interrupted.`,
		Example: `  canarize run -I registry.example.com/app:2 manifests
  canarize run --config release.yml --report report.html`,
		RunE: func(cmd *cobra.Command, args []string) error {
			release, plan, err := f.plan(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			options, err := c.options(f.engine)
			if err != nil {
				return err
			}
			state, err := f.engine.working(cmd.Context(), release, "run", true, streams, func(ctx context.Context, engine wiring.Hub) (rollout.State, error) {
				return engine.Run(ctx, release, thisRun(), &plan, options)
			}, func(s rollout.State) error {
				if s.Phase != rollout.Rejected {
					return nil
				}
				return rejected(release, s)
			})
			return c.conclude(release, state, err)
		},
	}
	flags := cmd.Flags()
	f.engine.register(flags)
	f.register(cmd)
	c.register(flags)
	flags.BoolVar(&f.engine.force, "force-conflicts", false, "promote over fields that somebody else owns")
	flags.BoolVar(&f.engine.overrideHold, "override-hold", false, "go on although the release is held")
	f.engine.registerUnverified(flags)
	f.engine.registerWrites(flags)
	f.engine.registerCancel(flags)
	return cmd
}

// rejected is how a run ends that rejected the release.
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
	return exitError{code, fmt.Errorf("release %s: %s (canarize report %s -n %s tells more)", release, why, release.Name, release.Namespace), true}
}

func newAnalyze(streams Streams) *cobra.Command {
	var f engineFlags
	var c courseFlags
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "analyze [flags] [NAME]",
		Short: "Judge a release at the share it has",
		Long: `Analyze watches the canary of a release for a time, or until there is a verdict,
and compares what its users get with what those of the stable version get. It never
raises a share: canarize shift and promote do that. When it rejects, it takes all
traffic off the canary at once.

The evidence is kept in the cluster, so that the next analyze, in another job and at
another share, goes on with it. What was found healthy at an earlier share is watched
for the whole time.

Exit codes: 0 no sign of harm, or healthy; 3 rejected; 4 held or undecided, which it
also is while the canary warms up; 5 interrupted.`,
		Example: `  canarize analyze shop --for 5m
  canarize analyze shop --config release.yml -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if length < 0 {
				return fmt.Errorf("--for %s: expected a time from 0", length)
			}
			release, err := f.release(args)
			if err != nil {
				return err
			}
			options, err := c.options(f)
			if err != nil {
				return err
			}
			state, err := f.working(cmd.Context(), release, "analyze", true, streams, func(ctx context.Context, engine wiring.Hub) (rollout.State, error) {
				return engine.Analyze(ctx, release, thisRun(), length, options)
			}, func(s rollout.State) error { return verdict(release, s, f.config.release.Analysis.Warmup) })
			return c.conclude(release, state, err)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&length, "for", 0, "how long to watch at most; until there is a verdict when 0")
	c.register(flags)
	flags.BoolVar(&f.overrideHold, "override-hold", false, "although the release is held")
	f.registerVersion(flags)
	f.register(flags)
	f.registerEmissary(flags)
	f.registerWrites(flags)
	f.registerCancel(flags)
	return cmd
}

// verdict gives what the judge said last its exit code. In the seconds of the warm-up it
// says little.
func verdict(release runner.Release, s rollout.State, warmup float64) error {
	j := s.Judged
	switch {
	case s.Phase == rollout.Rejected:
		return rejected(release, s)
	case j == nil:
		return exitError{exitHeld, fmt.Errorf("release %s: nothing was measured yet; give --for more time", release), true}
	case j.Verdict == analysis.Reject:
		return exitError{exitRejected, fmt.Errorf("release %s: rejected: %s All traffic is back on stable; canarize reject %s removes the canary", release, j.Reason, release.Name), true}
	case j.Verdict == analysis.Hold:
		return exitError{exitHeld, fmt.Errorf("release %s: undecided: %s", release, j.Reason), true}
	case j.Verdict == analysis.Continue && j.Watched < warmup:
		return exitError{exitHeld, fmt.Errorf("release %s: undecided: it was watched for %.0f s, and in the first %.0f s only a catastrophe counts; give --for more time", release, j.Watched, warmup), true}
	}
	return nil
}
