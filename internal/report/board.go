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

// Pods holds the number of pods of a workload.
type Pods struct{ Ready, Wanted int }

// Board shows the state of releases while it changes. On a terminal it redraws in place;
// elsewhere it prints a line for each event. It is not safe for concurrent use.
type Board struct {
	to     io.Writer
	style  Style
	height int
	single bool // show one release in full, not a line for each

	printer *Printer
	drawn   []string
	printed map[string]rollout.Event // last printed event by release; nil before the first call
}

// NewBoard returns a Board for a terminal with so many lines, or 0 if the height is
// unknown. The format of the Style must be Terminal or Lines.
func NewBoard(to io.Writer, style Style, height int, single bool) *Board {
	return &Board{to: to, style: style, height: height, single: single, printer: NewPrinter(to, style)}
}

// Show shows the current state of releases. pods holds the pods of the canaries'
// workloads that are known.
func (b *Board) Show(all []Status, pods map[manifest.ID]Pods) error {
	if b.style.Format == Lines {
		return b.printNew(all)
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

// Close leaves the last view on the screen and begins a new line.
func (b *Board) Close() {
	if len(b.drawn) > 0 {
		_, _ = io.WriteString(b.to, "\n") // nobody reads an error on a closed output
	}
}

// overview returns a line for each release.
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

// lastEvents limits the events shown of a single release.
const lastEvents = 8

// single returns the full view of a release.
func single(s Status, pods map[manifest.ID]Pods) []string {
	s.Events = slices.DeleteFunc(slices.Clone(s.Events), func(e rollout.Event) bool { return e.Time.Before(s.Started) }) // drop events of earlier releases
	wide := nameWidth(&rollout.Judged{})
	if s.Judged != nil {
		wide = nameWidth(s.Judged)
	}
	lines := []string{fmt.Sprintf("%s/%s  %s", s.Namespace, s.Release, s.Phase)}
	add := func(name, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("  %-*s ", wide, name)+fmt.Sprintf(format, args...))
	}
	if s.Phase.Active() {
		add("share", "%s  %s", sparkline(weights(s)), s.Share())
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

// weights returns the last weights of a release in order, without repetitions.
func weights(s Status) []int {
	var all []int
	for _, e := range s.Events {
		if len(all) == 0 || all[len(all)-1] != e.Weight {
			all = append(all, e.Weight)
		}
	}
	return all[max(0, len(all)-maxWeights):]
}

// printNew prints the events since the last call.
func (b *Board) printNew(all []Status) error {
	var text strings.Builder
	line := func(s Status, at time.Time, what string) {
		fmt.Fprintf(&text, "%s %s\n", at.UTC().Format(time.RFC3339), b.printer.oneLine(fmt.Sprintf("%s/%s: %s", s.Namespace, s.Release, what)))
	}
	if len(all) == 0 && b.printed == nil {
		text.WriteString("there are no releases yet\n")
	}
	if b.printed == nil {
		b.printed = map[string]rollout.Event{}
	}
	for _, s := range all {
		key := s.Namespace + "/" + s.Release
		last, known := b.printed[key]
		if n := len(s.Events); n > 0 {
			b.printed[key] = s.Events[n-1]
		}
		if !known || s.Error != "" {
			line(s, b.printed[key].Time, s.Sentence())
			continue
		}
		for _, e := range since(s.Events, last) {
			line(s, e.Time, fmt.Sprintf("%d %%: %s", e.Weight, e.Text))
		}
	}
	_, err := io.WriteString(b.to, text.String())
	return err
}

// since returns the events after the event last. The release may have dropped that event
// already.
func since(events []rollout.Event, last rollout.Event) []rollout.Event {
	for i := len(events) - 1; i >= 0; i-- {
		if e := events[i]; e.Time.Before(last.Time) || e.Time.Equal(last.Time) && e.Text == last.Text {
			return events[i+1:]
		}
	}
	return events
}
