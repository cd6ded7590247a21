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

// registerCI adds the flag of a verb that informs the CI system.
func (f *engineFlags) registerCI(flags *pflag.FlagSet) {
	flags.StringVar(&f.ci, "ci", "auto", "CI `SYSTEM` to inform about the release: auto, none, azure-pipelines, github")
}

// pipeline informs the CI system that runs a verb. Its lines go to stderr like the
// events, because agents read both streams and stdout may be a file. The lines are
// commands, so they bypass the escaping of stderr; package ci makes the text in them
// harmless.
type pipeline struct {
	system ci.System // nil if there is none
	log    io.Writer
	spool  *spool.Spool
	end    string // ends the folded section
}

// pipeline detects the CI system. With --progress=json a program reads the events, so
// only an explicit --ci selects a system.
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

// write puts lines into the log without blocking. It ignores errors, because the printer
// of events, which writes to the same stream, reports them.
func (p *pipeline) write(lines string) { p.spool.PutText(p.log, lines) }

// begin folds the lines until finish under a title.
func (p *pipeline) begin(title string) {
	if p.system == nil {
		return
	}
	var begin string
	begin, p.end = p.system.Group(oneLine(title))
	p.write(begin)
}

func (p *pipeline) finish() {
	p.write(p.end)
	p.end = ""
}

func (p *pipeline) notice(level ci.Level, code string, weight int, text string) {
	if p.system != nil {
		p.write(p.system.Notify(ci.Notice{Level: level, Code: code, Text: oneLine(text), Weight: weight}))
	}
}

// notify shows an event that somebody has to see. A hold ends in an error, which fail
// shows.
func (p *pipeline) notify(e rollout.Event) {
	switch e.Kind {
	case rollout.EventPhase:
		p.notice(ci.Progress, e.Code, e.Weight, e.Text)
	case rollout.EventFailed, rollout.EventCorrected, rollout.EventCancelled, rollout.EventWaiting:
		p.notice(ci.Warning, e.Code, e.Weight, e.Text)
	}
}

// fail shows the error that ends the verb, and returns it.
func (p *pipeline) fail(err error) error {
	if err != nil {
		p.notice(ci.Error, string(codeOf(err.Error(), err)), 0, err.Error())
	}
	return err
}

// versionDigits is the number of digits of the plan's digest that later steps get.
const versionDigits = 12

// maxSummary is far below the limits of the CI systems' pages.
const maxSummary = 30_000

// publish passes the state of the release to the CI system. A missing summary on the page
// of a run does not fail the release.
func (p *pipeline) publish(release runner.Release, s rollout.State, dryRun bool, streams Streams) {
	if p.system == nil || s.Phase == rollout.None || dryRun {
		return
	}
	r := report.Of(release.Namespace, release.Name, s, time.Now(), buildVersion().Version)
	lines, err := p.system.Publish(ci.Outcome{
		Release: release.Name, State: r.State(), Weight: s.Weight, Plan: s.Plan[:min(len(s.Plan), versionDigits)], Over: !s.Phase.Active() || s.Parked(),
		Summary: []byte(report.Markdown(r, report.MarkdownOptions{Max: maxSummary, Escape: Escape})),
	})
	p.write(lines)
	if err != nil {
		p.spool.PutText(streams.Err, "canarize: "+codedLine(err.Error()+"; the release continues without it")+"\n")
	}
}

// annotations returns the annotations that users of the CI system expect on objects.
func (p *pipeline) annotations() map[string]string {
	if a, ok := p.system.(ci.Annotator); ok {
		return a.Annotations()
	}
	return nil
}
