package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/similar"
	"github.com/canarize/canarize/internal/simulate/peer"
	"github.com/canarize/canarize/internal/spool"
)

// demoFlags are the unparsed flags of demo.
type demoFlags struct {
	engine   engineFlags // only how events are shown
	course   courseFlags
	scenario string
	envoy    bool
	speed    float64
	output   string
	page     pageFlags
}

// newcomers is the scenario that a newcomer sees.
const newcomers = "errors"

func newDemo(streams Streams) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo [flags]",
		Short: "See a bad version being caught, without a cluster",
		Long: `Demo releases a new version of a small shop in this process, with nothing to set up. 200
users a second send real requests over loopback, through a gateway with weights, to
servers of both versions. The cluster is an API server in memory; the engine, the
judge, the verification of shares and the record are those of every release.

On a terminal it opens a page in your browser, where you can break either version, kill
the process that releases, hold, approve and reject. The page answers only on this
machine, to those who have its address. Without a browser you see the same on the
terminal.

By default 5 % of the new version's requests fail. --scenario list prints the other
scenarios.

With --envoy the gateway is a real Envoy: the one that the environment variable ENVOY
names, or else the one in PATH.

Exit codes: 0 the release ended as the scenario says, or you changed its course on the
page; 1 it did not; 5 interrupted.`,
		Example: `  canarize demo
  canarize demo --scenario crash --no-browser -o json
  canarize demo --scenario good --report report.html`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.scenario == "list" {
				return outside(listDemos(streams.Out))
			}
			options, err := f.options()
			if err != nil {
				return err
			}
			f.page.asked = cmd.Flags().Changed("port")
			return f.play(cmd.Context(), options, streams)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.scenario, "scenario", newcomers, "`NAME` of a scenario; list prints them")
	flags.BoolVar(&f.envoy, "envoy", false, "send the requests through a real Envoy")
	flags.Float64Var(&f.speed, "speed", 1, "divide all waiting by `NUMBER`, 1 to 4; the users send as many more requests")
	flags.StringVarP(&f.output, "output", "o", "", "output `FORMAT`: json")
	f.page.register(flags)
	f.course.register(flags)
	f.engine.registerProgress(flags)
	return cmd
}

// options parses and checks the flags.
func (f *demoFlags) options() (demo.Options, error) {
	scenario, known := demo.FindScenario(f.scenario)
	switch {
	case !known:
		var names []string
		for _, s := range demo.Scenarios() {
			names = append(names, s.Name)
		}
		return demo.Options{}, fmt.Errorf("--scenario %q: %sknown: %s", f.scenario, similar.Hint(similarName(f.scenario, names)), strings.Join(names, ", "))
	case !(f.speed >= 1 && f.speed <= 4):
		return demo.Options{}, fmt.Errorf("--speed %v: expected a number from 1 to 4", f.speed)
	case f.output != "" && f.output != "json":
		return demo.Options{}, unknownOutput(f.output, "json")
	}
	if err := errors.Join(f.page.check(), f.engine.check(), checkReports(f.course.reports)); err != nil {
		return demo.Options{}, err
	}
	options := demo.Options{Scenario: scenario, Speed: f.speed, Run: thisRun()}
	if f.envoy {
		path, err := demo.FindEnvoy(os.Getenv)
		if err != nil {
			return options, outside(err)
		}
		options.Envoy = path
	}
	return options, nil
}

// play plays a scenario and says what became of the release.
func (f *demoFlags) play(ctx context.Context, options demo.Options, streams Streams) error {
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	printer := f.engine.printer(streams, stop)
	streams.showDropped(printer)
	tell := func(text string) {
		streams.print(printer, rollout.Event{Time: time.Now().UTC(), Kind: rollout.EventProgress, Text: text})
	}
	tell(fmt.Sprintf("scenario %s: %s", options.Scenario.Name, options.Scenario.Story))
	release := demo.Release()
	options.Emit = func(e rollout.Event) { streams.print(printer, advisedEvent(release, e)) }
	played, err := f.start(working, options, streams)
	if err != nil {
		return outside(err)
	}
	defer played.Close()
	if e := played.Envoy(); e != nil {
		tell(fmt.Sprintf("the requests go through Envoy %s, %s", e.Version, e.Path))
	}
	if played.URL != "" {
		tell("the page is at " + played.URL)
	}
	<-played.Done()
	streams.spool.Put(spool.Kept, printer.Close)
	result, err := played.Result()
	if err != nil {
		return outside(err)
	}
	status := report.StatusOf(release.Namespace, release.Name, result.State)
	f.engine.printTroubles(streams, status)
	streams.spool.Flush()
	if err := f.printResult(streams.Out, status, result); err != nil {
		return outside(err)
	}
	err = f.course.conclude(release, result.State, demoEnding(ctx, release, result))
	if played.URL != "" && ctx.Err() == nil && working.Err() == nil {
		stay(ctx, played.watched, streams)
	}
	return err
}

// demoEnding gives the ending of a demo its exit code.
func demoEnding(ctx context.Context, release runner.Release, r demo.Result) error {
	switch {
	case ctx.Err() != nil && errors.Is(r.Err, runner.ErrExposed):
		return outside(fmt.Errorf("release %s: %w", release, r.Err))
	case ctx.Err() != nil && errors.Is(r.Err, runner.ErrInterrupted):
		return interrupted(release, r.State, r.Err)
	case r.Problem != "":
		return outside(fmt.Errorf("scenario %s: %s", r.Scenario, r.Problem))
	case r.Err != nil && r.State.Held == "" && !errors.Is(r.Err, runner.ErrInterrupted): // a visitor changed the story
		return outside(fmt.Errorf("release %s: %w", release, r.Err))
	}
	return nil
}

// printResult prints what became of the release, and what to do next.
func (f *demoFlags) printResult(to io.Writer, status report.Status, r demo.Result) error {
	if f.output == "json" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(to, "%s\n", escapeJSON(text))
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n", oneLine(status.Sentence()))
	if r.Reason != "" {
		fmt.Fprintf(&b, "  %s\n", oneLine(r.Reason))
	}
	users(&b, r)
	b.WriteString("\nWith your own manifests:\n")
	for _, next := range demo.NextSteps() {
		fmt.Fprintf(&b, "  %-40s %s\n", next.Command, next.What)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// users says what the users met, and what they would have met with the rules of others.
func users(b *strings.Builder, r demo.Result) {
	seen := r.Seen
	all := seen.Stable.Requests + seen.Canary.Requests
	if seen.Canary.Requests == 0 {
		fmt.Fprintf(b, "None of %d users met the new version.\n", all)
		return
	}
	fmt.Fprintf(b, "Of %d users, %d met the new version, and it failed %d of them.", all, seen.Canary.Requests, seen.Canary.Failed)
	if r.Exposed >= 0 && r.Phase != rollout.Promoted {
		fmt.Fprintf(b, " The last one met it %.1f s after the first failure.", r.Exposed)
	}
	b.WriteString("\n")
	for _, other := range r.Others {
		if other.Verdict != "" { // it has begun
			fmt.Fprintf(b, "With the documented rules of %s it would have failed %.0f by then: %s.\n", other.Tool, other.Failed, ghostly(other))
		}
	}
}

// ghostly says where the rules of another tool stand.
func ghostly(g peer.Ghost) string {
	verbs := map[analysis.Verdict]string{analysis.Reject: "reject", analysis.Promote: "promote"}
	switch e := g.Ends; {
	case g.Verdict == analysis.Reject:
		return "they have rejected it"
	case g.Verdict == analysis.Promote:
		return "they have promoted it"
	case e != nil:
		return fmt.Sprintf("they give it %.0f %%, and %s it after %.0f min and %.0f failed requests", g.Weight, verbs[e.Verdict], e.Seconds/60, e.Failed)
	}
	return fmt.Sprintf("they give it %.0f %%, and go on", g.Weight)
}

// listDemos prints the scenarios.
func listDemos(to io.Writer) error {
	for _, s := range demo.Scenarios() {
		if _, err := fmt.Fprintf(to, "%-11s %s\n", s.Name, s.Story); err != nil {
			return err
		}
	}
	return nil
}
