package cli

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/canarize/canarize/internal/ci"
	"github.com/canarize/canarize/internal/ci/azurepipelines"
	"github.com/canarize/canarize/internal/ci/github"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/spool"
)

// evil is text that would control a terminal, a CI agent or a browser.
const evil = "x\x1b[2J\x9b31m\u202e\r\n::error::a\n##vso[task.complete]b\n##[error]c\n| [l](javascript:y) <script>z</script> `"

// fill sets every string in a value to the evil text, and gives every list one element.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[rollout.Phase]() && v.Type() != reflect.TypeFor[rollout.EventKind]() {
			v.SetString(evil)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 { // raw JSON of the judge
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0))
		}
	}
}

// ours matches what canarize itself writes: sequences that redraw and color a terminal,
// and commands for a CI system.
var (
	ours    = regexp.MustCompile(`\x1b\[(2K|1A|[0-9]{1,2}m)|\r\x1b\[2K`)
	command = regexp.MustCompile(`^(##\[(end)?group\]|##vso\[(task\.(setprogress|logissue|setvariable|uploadsummary)|build\.addbuildtag)[ \]]|::(group|endgroup|error|warning)[: ])`)
)

// harmful returns the part of a text that would control a terminal or an agent.
func harmful(text string) string {
	text = ours.ReplaceAllString(text, "")
	for _, r := range text {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return fmt.Sprintf("%q", r)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		line = command.ReplaceAllString(line, "")
		if strings.Contains(line, "##vso[") || strings.Contains(line, "##[") || strings.HasPrefix(strings.TrimSpace(line), "::") {
			return line
		}
	}
	return ""
}

// TestForeignText: no output of a release controls a terminal, an agent or a browser,
// whatever foreign text the release contains.
func TestForeignText(t *testing.T) {
	for where, text := range shown(t) {
		if found := harmful(text); found != "" {
			t.Errorf("%s: %s in %q", where, found, text)
		}
	}
}

func shown(t *testing.T) map[string]string {
	t.Helper()
	var s rollout.State
	fill(reflect.ValueOf(&s).Elem())
	out, now := map[string]string{}, time.Unix(1_700_000_000, 0)
	s.Phase, s.Started, s.History[0].Time = rollout.Standing, now, now
	for _, kind := range []rollout.EventKind{rollout.EventFailed, rollout.EventWaiting, rollout.EventPhase, rollout.EventProgress, rollout.EventJudged} {
		e := s.History[0]
		e.Kind = kind
		s.History = append(s.History, e)
	}
	r := report.Of(evil, evil, s, now, evil)
	for _, format := range []string{"html", "markdown", "junit", "json"} {
		text, err := rendered(r, format, 0)
		if err != nil {
			t.Fatal(format, err)
		}
		out[format] = string(text)
	}
	for _, format := range []report.Format{report.Lines, report.JSON, report.Terminal} {
		var events, board bytes.Buffer
		style := report.Style{Format: format, Escape: oneLine, Color: true, Width: 80}
		if format == report.JSON {
			style.Escape = func(s string) string { return string(escapeJSON([]byte(s))) }
		}
		printer := report.NewPrinter(&events, style)
		for _, e := range s.History {
			printer.Print(e)
		}
		printer.Close()
		out["events, "+string(format)] = events.String()
		for _, single := range []bool{true, false} {
			b := report.NewBoard(&board, style, 30, single)
			pods := map[manifest.ID]report.Pods{s.Objects[0]: {}}
			if err := b.Show([]report.Status{r.Status}, pods); err != nil && format != report.JSON {
				t.Fatal(err)
			}
			later := r.Status
			later.Events = append(later.Events, later.Events[0])
			if err := b.Show([]report.Status{later}, pods); err != nil && format != report.JSON {
				t.Fatal(err)
			}
		}
		if format != report.JSON { // a board does not print JSON
			out["board, "+string(format)] = board.String()
		}
	}
	for name, system := range map[string]ci.System{
		"Azure Pipelines": azurepipelines.Agent{Getenv: os.Getenv, Write: func(string, []byte) (string, error) { return evil, nil }},
		"GitHub Actions": github.Runner{Output: func([]byte) error { return nil }, Summary: func(text []byte) error {
			out["the summary"] = string(text)
			return fmt.Errorf("cannot: %s", evil)
		}},
	} {
		var log bytes.Buffer
		p := pipeline{system: system, log: &log, spool: spool.New(spool.Options{MaxDroppable: 100, Patience: time.Minute})}
		p.begin(evil)
		for _, e := range s.History {
			p.notify(e)
		}
		_ = p.fail(fmt.Errorf("error: %s", evil))
		p.publish(runner.Release{Namespace: evil, Name: evil}, s, false, Streams{Err: escaping{&log}})
		p.finish()
		p.spool.Flush()
		out[name] = log.String()
	}
	return out
}
