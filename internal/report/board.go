package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// Pods is how many pods a workload has.
type Pods struct{ Ready, Wanted int }

// Board shows where releases stand while that changes: on a terminal it is redrawn in
// place, and elsewhere there is a line for whatever happens. It is not safe for
// concurrent use.
type Board struct {
	to     io.Writer
	style  Style
	height int
	single bool // all about one release, instead of a line about each

	printer *Printer
	drawn   []string
	told    map[string]rollout.Event // by release, the last one; nil before the first call
}

// NewBoard makes a Board for a terminal of so many lines, 0 when that is not known.
// Its Style is that of a Printer, of the format Terminal or Lines.
func NewBoard(to io.Writer, style Style, height int, single bool) *Board {
	return &Board{to: to, style: style, height: height, single: single, printer: NewPrinter(to, style)}
}

// Show shows where releases stand now. pods are those of the canaries' workloads, as
// far as they are known.
func (b *Board) Show(all []Status, pods map[manifest.ID]Pods) error {
	if b.style.Format == Lines {
		return b.tell(all)
	}
	lines := b.overview(all)
	if b.single && len(all) == 1 {
		lines = single(all[0], pods)
	}
	if b.height > 1 {
		lines = lines[:min(len(lines), b.height-1)]
	}
	for i, line := range lines {
		lines[i] = b.printer.cut(b.printer.oneLine(line))
	}
	if slices.Equal(lines, b.drawn) {
		return nil
	}
	text := b.printer.clear() + strings.Join(lines, "\n")
	b.drawn, b.printer.drawn = lines, len(lines)
	_, err := io.WriteString(b.to, text)
	return err
}

// Close leaves what is shown, and goes to the next line.
func (b *Board) Close() {
	if len(b.drawn) > 0 {
		_, _ = io.WriteString(b.to, "\n") // who has gone does not miss it
	}
}

// overview is a line about each release.
func (b *Board) overview(all []Status) []string {
	if len(all) == 0 {
		return []string{"there are no releases"}
	}
	wide := 0
	for _, s := range all {
		wide = max(wide, len(s.Namespace)+1+len(s.Release))
	}
	var lines []string
	for _, s := range all {
		lines = append(lines, fmt.Sprintf("%-*s  %-9s  %3d %%  %s", wide, s.Namespace+"/"+s.Release, s.Phase, s.Weight, s.Sentence()))
	}
	return lines
}

// lastEvents is how many events are shown of a single release.
const lastEvents = 8

// single is all that is shown of a release.
func single(s Status, pods map[manifest.ID]Pods) []string {
	s.Events = slices.DeleteFunc(slices.Clone(s.Events), func(e rollout.Event) bool { return e.Time.Before(s.Started) }) // of releases before
	wide := names(&rollout.Judged{})
	if s.Judged != nil {
		wide = names(s.Judged)
	}
	lines := []string{fmt.Sprintf("%s/%s  %s", s.Namespace, s.Release, s.Phase)}
	add := func(name, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("  %-*s ", wide, name)+fmt.Sprintf(format, args...))
	}
	if s.Phase.Active() {
		seen := "not seen yet"
		switch {
		case s.Proof == rollout.ByModelAlone:
			seen = "seen on no gateway"
		case s.Verified != nil:
			seen = fmt.Sprintf("%d %% seen", *s.Verified)
		}
		add("share", "%s  %d %% wanted, %s", sparkline(weights(s)), s.Weight, seen)
		for _, id := range s.Objects {
			if p, known := pods[id]; known {
				add("pods", "%s: %d of %d ready", id.Name, p.Ready, p.Wanted)
			}
		}
		if s.Judged != nil {
			for _, line := range evidence(s.Judged, wide) {
				lines = append(lines, "  "+line)
			}
		}
	}
	if s.Held != "" || s.Error != "" || !s.Phase.Active() {
		add("", "%s", s.Sentence())
	}
	if by := strings.TrimSpace(s.Run.System + " " + s.Run.URL); by != "" {
		add("by", "%s", by)
	}
	for _, e := range s.Events[max(0, len(s.Events)-lastEvents):] {
		add(e.Time.Local().Format(time.TimeOnly), "%3d %%  %s", e.Weight, e.Text)
	}
	return lines
}

// weights are the shares that a release has had, one after the other.
func weights(s Status) []int {
	var all []int
	for _, e := range s.Events {
		if len(all) == 0 || all[len(all)-1] != e.Weight {
			all = append(all, e.Weight)
		}
	}
	return all[max(0, len(all)-mostWeights):]
}

// tell prints what has happened since it was called last.
func (b *Board) tell(all []Status) error {
	var text strings.Builder
	line := func(s Status, at time.Time, what string) {
		fmt.Fprintf(&text, "%s %s\n", at.UTC().Format(time.RFC3339), b.printer.oneLine(fmt.Sprintf("%s/%s: %s", s.Namespace, s.Release, what)))
	}
	if len(all) == 0 && b.told == nil {
		text.WriteString("there are no releases yet\n")
	}
	if b.told == nil {
		b.told = map[string]rollout.Event{}
	}
	for _, s := range all {
		key := s.Namespace + "/" + s.Release
		last, known := b.told[key]
		if n := len(s.Events); n > 0 {
			b.told[key] = s.Events[n-1]
		}
		if !known || s.Error != "" {
			line(s, b.told[key].Time, s.Sentence())
			continue
		}
		for _, e := range since(s.Events, last) {
			line(s, e.Time, fmt.Sprintf("%d %%: %s", e.Weight, e.Text))
		}
	}
	_, err := io.WriteString(b.to, text.String())
	return err
}

// since are the events behind another one, which may be forgotten already.
func since(events []rollout.Event, last rollout.Event) []rollout.Event {
	for i := len(events) - 1; i >= 0; i-- {
		if e := events[i]; e.Time.Before(last.Time) || e.Time.Equal(last.Time) && e.Text == last.Text {
			return events[i+1:]
		}
	}
	return events
}
