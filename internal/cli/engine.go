package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/canarize/canarize/internal/ci"
	"github.com/canarize/canarize/internal/hub"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/saying"
	"github.com/canarize/canarize/internal/spool"
	"github.com/canarize/canarize/internal/wiring"
)

// engineFlags are the unparsed flags of every verb that works on releases in a cluster.
type engineFlags struct {
	target                      kube.Target
	config                      configFlag
	namespace                   string
	output, progress, color     string
	emissary                    emissaryFlags
	dryRun, onCancel, ci        string
	noWait, force, overrideHold bool
	untested, unverified, keep  bool
	unchanged, open             bool
	version                     string
	timeout                     time.Duration
	// equal is set by runVerb if a run had nothing to release.
	equal bool
}

// registerTarget adds the flags that select a cluster.
func (f *engineFlags) registerTarget(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVarP(&f.namespace, "namespace", "n", "", "`NAMESPACE`; by default that of the current context")
	flags.StringVar(&f.target.Context, "context", "", "kubeconfig `CONTEXT` to use")
	flags.StringVar(&f.target.Kubeconfig, "kubeconfig", "", "kubeconfig `FILE` to use")
	f.config.register(flags)
}

// register adds the flags of a verb that only reads.
func (f *engineFlags) register(flags *pflag.FlagSet) {
	f.registerTarget(flags)
	f.registerCI(flags)
	flags.StringVarP(&f.output, "output", "o", "", "output `FORMAT`: json, yaml")
}

// registerWrites adds the flags of a verb that writes to the cluster.
func (f *engineFlags) registerWrites(flags *pflag.FlagSet) {
	f.registerProgress(flags)
	flags.StringVar(&f.dryRun, "dry-run", "none", "`MODE` of a dry run: client (only compare), server (the API server checks the writes, but stores nothing), or none, to write")
	flags.BoolVar(&f.noWait, "no-wait", false, "fail at once if another process works on the release")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "`DURATION` to wait for pods that make no progress")
}

// registerProgress adds the flags of a verb that shows events.
func (f *engineFlags) registerProgress(flags *pflag.FlagSet) {
	flags.StringVar(&f.progress, "progress", "auto", "`FORMAT` of events on stderr: auto, terminal, plain (a line for each event, for logs and screen readers; lines is the same), json")
	flags.StringVar(&f.color, "color", "auto", "`WHEN` to use colors: auto (on a terminal, unless NO_COLOR is set), always, never")
}

// registerVersion adds the flag that selects a version.
func (f *engineFlags) registerVersion(flags *pflag.FlagSet) {
	flags.StringVar(&f.version, "version", "", "refuse if the release has another version than `VERSION`: an image, the digest of an image, or at least 8 digits of the plan's digest")
}

// registerUnverified adds the flag of a verb that needs a verified share.
func (f *engineFlags) registerUnverified(flags *pflag.FlagSet) {
	flags.BoolVar(&f.unverified, "unverified", false, "continue although no gateway can verify the share")
}

// registerKeep adds the flag of a verb that may reject a release.
func (f *engineFlags) registerKeep(flags *pflag.FlagSet) {
	flags.BoolVar(&f.keep, "keep", false, "leave a rejected canary in the cluster, without traffic, for somebody to examine")
}

// registerCancel adds the flag of a verb that may leave traffic on the canary.
func (f *engineFlags) registerCancel(flags *pflag.FlagSet) {
	flags.StringVar(&f.onCancel, "on-cancel", "zero", "what to do with the canary's `WEIGHT` after an interruption: zero takes it to 0, hold keeps it")
}

// oneOf checks that a flag has one of the known values.
func oneOf(flag, value string, known ...string) error {
	for _, k := range known {
		if value == k {
			return nil
		}
	}
	return fmt.Errorf("%s %q: expected one of %v", flag, value, known)
}

func (f *engineFlags) check() error {
	if f.output != "" && f.output != "json" && f.output != "yaml" {
		return unknownOutput(f.output, "json, yaml")
	}
	if f.timeout < 0 {
		return fmt.Errorf("--timeout %s: expected a duration from 0", f.timeout)
	}
	for _, c := range []struct {
		flag, value string
		known       []string
	}{
		{"--progress", f.progress, []string{"", "auto", "terminal", "plain", "lines", "json"}},
		{"--color", f.color, []string{"", "auto", "always", "never"}},
		{"--dry-run", f.dryRun, []string{"", "none", "client", "server"}},
		{"--on-cancel", f.onCancel, []string{"", "zero", "hold"}},
		{"--ci", f.ci, []string{"", "auto", "none", "azure-pipelines", "github"}},
	} {
		if err := oneOf(c.flag, c.value, c.known...); err != nil {
			return err
		}
	}
	if _, err := f.emissary.parse(); err != nil {
		return err
	}
	return checkNamespaces(f.namespace, cmp.Or(f.emissary.namespace, "emissary")) // a verb may have no such flag
}

// inNamespace returns the namespace to work in.
func (f *engineFlags) inNamespace() (string, error) {
	if f.namespace != "" {
		return f.namespace, nil
	}
	namespace, err := f.target.Namespace()
	if err != nil {
		return "", foreign(err)
	}
	return namespace, nil
}

func (f *engineFlags) options(patient bool, emit func(rollout.Event)) wiring.Options {
	emissary, _ := f.emissary.parse() // check has seen an error
	dry := map[string]kube.DryRun{"client": kube.DryRunClient, "server": kube.DryRunServer}
	return wiring.Options{
		Options: hub.Options{
			DryRun: dry[f.dryRun], NoWait: f.noWait, Patient: patient,
			Runner: runner.Options{ReadyTimeout: f.timeout, HoldOnCancel: f.onCancel == "hold", Force: f.force, Keep: f.keep},
		},
		Target: f.target, Emissary: emissary, ShareTimeout: f.config.release.Timeouts.Share,
		Emit: emit,
	}
}

// carryOut carries out a request and prints the status of the release.
func (f *engineFlags) carryOut(ctx context.Context, release runner.Release, asked rollout.Request, plan *rollout.Plan, streams Streams) error {
	_, err := f.runVerb(ctx, release, string(asked.Verb), asked.Verb == rollout.Reject, streams, func(ctx context.Context, engine wiring.Hub) (rollout.State, error) {
		asked.Run = thisRun()
		return engine.Do(ctx, release, asked, plan)
	}, func(s rollout.State) error { return rejection(release, asked, s) })
	return err
}

// rejection returns an error for a rejection that did not leave stable unchanged.
func rejection(release runner.Release, asked rollout.Request, s rollout.State) error {
	switch {
	case asked.Verb != rollout.Reject:
		return nil
	case s.Phase == rollout.Promoted && !asked.IfActive:
		return exitError{exitInvalid, fmt.Errorf("release %s: stable was already the new version; the canary is removed, and the release is promoted. To go back, deploy the old version", release), true}
	case s.Phase == rollout.Rejected && s.Mixed:
		return exitError{exitOutside, fmt.Errorf("release %s: the canary is removed, but stable was being replaced and may run the new version; to go back, apply the old version's manifests", release), true}
	}
	return nil
}

// runVerb works on a release in a cluster and prints its status. A patient verb retries
// calls of the API server until it is interrupted. verdict may turn a state without an
// error into a failure.
func (f *engineFlags) runVerb(ctx context.Context, release runner.Release, verb string, patient bool, streams Streams, do func(context.Context, wiring.Hub) (rollout.State, error), verdict func(rollout.State) error) (rollout.State, error) {
	workCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	printer := f.printer(streams, stop)
	streams.showDropped(printer)
	follower, err := f.pipeline(streams)
	if err != nil {
		return rollout.State{}, err
	}
	if text := f.config.announcement(); text != "" {
		streams.print(printer, rollout.Event{Time: time.Now().UTC(), Kind: rollout.EventProgress, Text: text})
	}
	shown := openPage{}
	options := f.options(patient, func(e rollout.Event) {
		e = advisedEvent(release, e)
		e.Code = string(saying.OfEvent(e))
		streams.print(printer, e)
		shown.tell(e)
		follower.notify(e)
	})
	options.Annotations = follower.annotations()
	engine, err := wiring.Connect(options)
	if err != nil {
		return rollout.State{}, follower.fail(foreign(err))
	}
	defer engine.Close()
	if f.open {
		note := shown.start(ctx, engine, release, streams)
		defer shown.close()
		streams.print(printer, rollout.Event{Time: time.Now().UTC(), Kind: rollout.EventProgress, Text: note})
	}
	follower.begin(fmt.Sprintf("canarize %s %s", verb, release))
	state, err := do(workCtx, engine)
	streams.spool.Put(spool.Kept, printer.Close)
	follower.finish()
	if f.equal = errors.Is(err, runner.ErrEqual) && workCtx.Err() == nil; f.equal {
		streams.spool.Flush()
		return state, streams.result(func() error { return f.printEqual(streams, release, state) })
	}
	status := report.StatusOf(release.Namespace, release.Name, state)
	f.printTroubles(streams, status)
	status.DryRun = f.dryRun == "client" || f.dryRun == "server"
	follower.publish(release, state, status.DryRun, streams)
	streams.spool.Flush() // stdout and stderr may be the same output
	if err != nil {
		if err = f.explain(workCtx, release, state, err); err != nil {
			return state, follower.fail(err)
		}
	}
	err = streams.result(func() error { return f.printStatus(streams, status) })
	if verdict != nil {
		err = errors.Join(err, follower.fail(verdict(state)))
	}
	shown.stay(workCtx, streams)
	return state, err
}

// explain gives an error its exit code. The message and the code depend on the state in
// which the release was left, not on what ended the command. It masks secrets.
func (f *engineFlags) explain(ctx context.Context, release runner.Release, s rollout.State, err error) error {
	err = redact.Error(err)
	withAdvice := advised(release, err)
	named := withAdvice
	if about := fmt.Sprintf("release %s: ", release); !strings.HasPrefix(err.Error(), about) {
		named = fmt.Errorf("%s%w", about, withAdvice)
	}
	var refused runner.RefusedError
	var stopped runner.StoppedError
	switch {
	case errors.Is(err, runner.ErrExposed):
		return exitError{exitOutside, named, true}
	case errors.Is(err, runner.ErrInterrupted):
		return interrupted(release, s, err)
	case errors.As(err, &stopped) && stopped.State.Held != "" && stopped.State.Cut:
		return exitError{exitHeld, fmt.Errorf("release %s is held, and no request reaches its canary: its Services select the stable pods, and its own pods have ended. %w; canarize doctor examines the gateway; see canarize status %s -n %s", release, err, release.Name, release.Namespace), true}
	case errors.As(err, &stopped) && stopped.State.Held != "":
		return exitError{exitHeld, fmt.Errorf("release %s is held: %w; see canarize status %s -n %s", release, withAdvice, release.Name, release.Namespace), true}
	case errors.As(err, &refused) && refused.Held():
		return exitError{exitHeld, named, true}
	case errors.As(err, &refused):
		return exitError{exitInvalid, named, true}
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return exitError{exitInterrupted, fmt.Errorf("release %s: interrupted before anything was changed", release), true}
	}
	return exitError{exitOutside, named, true}
}

// interrupted explains the state in which an interruption left the release.
func interrupted(release runner.Release, s rollout.State, err error) error {
	exit := func(code int, format string, args ...any) error {
		return exitError{code, fmt.Errorf("release %s: %s", release, fmt.Sprintf(format, args...)), true}
	}
	switch {
	case s.Phase == rollout.Promoted:
		return nil
	case err != runner.ErrInterrupted: //nolint:errorlint // report what else went wrong
		return exitError{exitInterrupted, fmt.Errorf("release %s: %w", release, advised(release, err)), true}
	case s.Phase == rollout.Rejected:
		return exit(exitRejected, "interrupted; the release is rejected, and stable serves everything")
	case s.Phase == rollout.Promoting:
		return exit(exitOutside, "interrupted while stable was being replaced; the cluster goes on rolling out the new version, and the canary gets no traffic. Run canarize promote %s to finish; to go back, apply the old version's manifests and run canarize reject %s", release.Name, release.Name)
	case s.Phase == rollout.Retiring:
		return exit(exitOutside, "interrupted; stable is the new version, and the canary gets no traffic; canarize promote %s removes it", release.Name)
	case s.Weight > 0:
		return exit(exitInterrupted, "interrupted; the canary keeps its weight of %d %%", s.Weight)
	}
	return exit(exitInterrupted, "interrupted; %s", withdrawn(s))
}

// withdrawn describes how it is known that the canary gets no requests.
func withdrawn(s rollout.State) string {
	switch {
	case s.Braked:
		return "the gateway did not apply a weight of 0, so the canary's Services select the stable pods and its own pods end; canarize doctor examines the gateway"
	case s.Verified == 0 && s.Proof == rollout.SeenOnGateways:
		return "traffic is back on stable"
	case s.Phase == rollout.Deploying && s.Peak == 0:
		return "the canary had no traffic"
	case s.Verified == 0:
		return "the canary's weight is 0; no gateway could verify that traffic is back on stable"
	}
	return "the canary's weight is 0; no gateway has confirmed it, so it is not certain that traffic is back on stable"
}

// printer returns a printer of events on stderr. stop is called if nobody reads stderr
// any more.
func (f *engineFlags) printer(streams Streams, stop context.CancelCauseFunc) *report.Printer {
	to, style := streams.Err, report.Style{Format: report.Lines, Escape: oneLine, Broken: func(err error) { stop(fmt.Errorf("stderr: %w", err)) }}
	file, terminal := streams.terminal()
	switch {
	case f.progress == "json":
		style.Format, style.Escape = report.JSON, func(s string) string { return string(escapeJSON([]byte(s))) }
	case f.progress == "terminal" || terminal && f.progress != "lines" && f.progress != "plain":
		to, style.Format = streams.rawErr, report.Terminal
		style.Color = f.colored()
		if terminal {
			style.Width, style.Height, _ = term.GetSize(int(file.Fd())) // 0 if unknown
		}
	}
	return report.NewPrinter(to, style)
}

// terminal returns stderr and whether it is a terminal that can be redrawn.
func (s Streams) terminal() (*os.File, bool) {
	file, isFile := s.rawErr.(*os.File)
	return file, isFile && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// thisRun describes this process and its CI run to others.
func thisRun() rollout.Run {
	run := ci.Run(os.Getenv)
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	who := run.System
	if run.ID != "" {
		who += " run " + run.ID
	}
	if who == "" {
		who = "canarize"
	}
	run.Canarize = buildVersion().Version
	run.Holder = fmt.Sprintf("%s on %s, process %d (%s)", who, host, os.Getpid(), rand.Text()[:6])
	return run
}
