package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/canarize/canarize/internal/columns"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/saying"
)

// encode writes a value as JSON, or as equivalent YAML.
func encode(w io.Writer, value any, output string) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return err
	}
	out := escapeJSON(text.Bytes())
	if output == "yaml" {
		var err error
		if out, err = yaml.JSONToYAML(out); err != nil {
			return err
		}
		out = []byte(Escape(string(out)))
	}
	_, err := w.Write(out)
	return err
}

// printStatus prints the status of the release after a verb.
func (f *engineFlags) printStatus(streams Streams, s report.Status) error {
	if f.output != "" {
		return outside(encode(streams.Out, s, f.output))
	}
	sentence := s.Sentence()
	if s.DryRun {
		sentence = "dry run, nothing was written; the result would be: " + sentence
	}
	if outcome := s.Outcome(); outcome != "" {
		sentence += " (" + outcome + ")"
	}
	text := columns.Wrap(oneLine(fmt.Sprintf("release %s/%s: %s", s.Namespace, s.Release, sentence)), widthOf(streams.Out))
	_, err := fmt.Fprintln(streams.Out, strings.Join(text, "\n"))
	return outside(err)
}

// printEqual says that a run had nothing to release.
func (f *engineFlags) printEqual(streams Streams, release runner.Release, s rollout.State) error {
	status := report.StatusOf(release.Namespace, release.Name, s)
	status.Unchanged = true
	return f.printStatus(streams, status)
}

// printStatuses prints a table of releases, and the events of a single one.
func printStatuses(w io.Writer, all []report.Status, single bool, now time.Time, fuzzy bool, width int) error {
	var text bytes.Buffer
	t := table{columns.Table{Prose: true}}
	t.row("NAMESPACE", "RELEASE", "PHASE", "ASKED", "TAKEN", "SEEN", "STARTED", "STATUS")
	for _, s := range all {
		share := s.Share()
		t.row(s.Namespace, s.Release, string(s.Phase), share.Asked, share.Taken, share.Seen, moment(s.Started, now, fuzzy), s.Sentence())
	}
	text.WriteString(t.Fit(width))
	if single && len(all) == 1 {
		if said := all[0].TroubleLines(); len(said) > 0 {
			fmt.Fprintln(&text)
			fmt.Fprintln(&text, "What the canary's pods said:")
			for _, line := range said {
				for _, part := range columns.Fold("  "+line, width) {
					fmt.Fprintln(&text, oneLine(part))
				}
			}
		}
		if outcome := all[0].Outcome(); outcome != "" {
			fmt.Fprintln(&text)
			for _, part := range columns.Fold(outcome, width) {
				fmt.Fprintln(&text, oneLine(part))
			}
		}
		fmt.Fprintln(&text)
		e := table{columns.Table{Prose: true}}
		e.row("WHEN", "SHARE", "EVENT")
		for _, event := range all[0].News() {
			e.row(moment(event.Time, now, fuzzy), fmt.Sprintf("%d %%", event.Weight), saying.Mark(event.Text, saying.Code(event.Code)))
		}
		text.WriteString(e.Fit(width))
	}
	_, err := io.WriteString(w, Escape(text.String()))
	return err
}

// moment formats a time relative to now if fuzzy, else in RFC 3339.
func moment(t, now time.Time, fuzzy bool) string {
	if t.IsZero() {
		return "-"
	}
	if !fuzzy {
		return t.UTC().Format(time.RFC3339)
	}
	for _, unit := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if n := now.Sub(t) / unit.d; n > 0 {
			return fmt.Sprintf("%d %s ago", n, unit.name)
		}
	}
	return "just now"
}

// printTroubles prints to stderr what the canary's pods said, if that ended the release or
// stopped it. A program reads it in the status.
func (f *engineFlags) printTroubles(streams Streams, s report.Status) {
	failed := s.Held != "" || s.Phase == rollout.Rejecting || s.Phase == rollout.Rejected
	if !failed || f.progress == "json" {
		return
	}
	for i, line := range s.TroubleLines() {
		if i == 0 {
			streams.spool.PutText(streams.Err, "canarize: what the canary's pods said:\n")
		}
		streams.spool.PutText(streams.Err, "  "+oneLine(line)+"\n")
	}
}
