package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/ci"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/spool"
	"github.com/canarize/canarize/internal/wiring"
)

// registerCI adds the flag of a verb that a CI system follows.
func (f *engineFlags) registerCI(flags *pflag.FlagSet) {
	flags.StringVar(&f.ci, "ci", "auto", "the CI system that is told what happens: `auto`, none, azure-pipelines, github")
}

// pipeline tells the CI system that a verb runs under what happens; without one it
// says nothing. Its lines go to stderr, where the events are: agents read both
// streams, and stdout may be a file. They pass the escaping, because they are
// commands; package ci makes the text in them harmless.
type pipeline struct {
	system ci.System // nil: none
	log    io.Writer
	spool  *spool.Spool
	end    string // of the group
}

// pipeline finds the CI system. Where programs read the events, it is told nothing
// unless it was named.
func (f *engineFlags) pipeline(streams Streams) (*pipeline, error) {
	name := f.ci
	if name == "" || name == "auto" && f.progress == "json" {
		name = "none"
	}
	system, err := wiring.CISystem(name, os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("--ci %w", err)
	}
	return &pipeline{system: system, log: streams.rawErr, spool: streams.spool}, nil
}

// say writes lines to the log, without waiting for its reader. An error is found by
// whoever writes events there.
func (p *pipeline) say(lines string) { p.spool.PutText(p.log, lines) }

// begin folds what follows, up to finish, under a title.
func (p *pipeline) begin(title string) {
	if p.system == nil {
		return
	}
	var begin string
	begin, p.end = p.system.Group(oneLine(title))
	p.say(begin)
}

func (p *pipeline) finish() {
	p.say(p.end)
	p.end = ""
}

func (p *pipeline) notice(level ci.Level, weight int, text string) {
	if p.system != nil {
		p.say(p.system.Notify(ci.Notice{Level: level, Text: oneLine(text), Weight: weight}))
	}
}

// tell raises what somebody has to see. A hold ends in an error, which is told then.
func (p *pipeline) tell(e rollout.Event) {
	switch e.Kind {
	case rollout.EventPhase:
		p.notice(ci.Progress, e.Weight, e.Text)
	case rollout.EventFailed, rollout.EventCorrected, rollout.EventCancelled, rollout.EventWaiting:
		p.notice(ci.Warning, e.Weight, e.Text)
	}
}

// fail raises the error that ends the verb, and returns it.
func (p *pipeline) fail(err error) error {
	if err != nil {
		p.notice(ci.Error, 0, err.Error())
	}
	return err
}

// versionDigits is how much of the digest of a plan names a version to later steps.
const versionDigits = 12

// mostSummary is far below what the pages of CI systems take.
const mostSummary = 30_000

// publish hands over how the release was left. That the page of a run misses a
// summary is no reason to fail a release.
func (p *pipeline) publish(release runner.Release, s rollout.State, dryRun bool, streams Streams) {
	if p.system == nil || s.Phase == rollout.None || dryRun {
		return
	}
	r := report.Of(release.Namespace, release.Name, s, time.Now(), buildVersion().Version)
	lines, err := p.system.Publish(ci.Outcome{
		Release: release.Name, State: r.State(), Weight: s.Weight, Plan: s.Plan[:min(len(s.Plan), versionDigits)], Over: !s.Phase.Active(),
		Summary: []byte(report.Markdown(r, report.MarkdownOptions{Max: mostSummary, Escape: Escape})),
	})
	p.say(lines)
	if err != nil {
		p.spool.PutText(streams.Err, "canarize: "+oneLine(err.Error())+"; the release goes on without it\n")
	}
}

// annotations are those that the CI system's users look for on objects.
func (p *pipeline) annotations() map[string]string {
	if a, ok := p.system.(ci.Annotator); ok {
		return a.Annotations()
	}
	return nil
}
