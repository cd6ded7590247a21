package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/columns"

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

// boardLine is a line of a board and its color (ECMA-48, SGR); 0 for none.
type boardLine struct {
	text  string
	color int
}

// The colors of a board.
const (
	bold   = 1
	red    = 31
	green  = 32
	yellow = 33
)

// Show shows the current state of releases. pods holds the pods of the canaries'
// workloads that are known.
func (b *Board) Show(all []Status, pods map[manifest.ID]Pods) error {
	if b.style.Format == Lines {
		return b.printNew(all)
	}
	view := b.overview(all)
	if b.single && len(all) == 1 {
		view = single(all[0], pods)
	}
	lines := b.fitted(view)
	if slices.Equal(lines, b.drawn) {
		return nil
	}
	text := b.printer.clear() + strings.Join(lines, "\n")
	b.drawn, b.printer.drawn = lines, len(lines)
	_, err := io.WriteString(b.to, text)
	return err
}

// fitted fits a view into the terminal and colors it.
func (b *Board) fitted(view []boardLine) (lines []string) {
	for _, l := range view {
		for _, text := range b.printer.fold([]string{l.text}, 0) {
			if b.style.Color && l.color != 0 {
				text = fmt.Sprintf("\x1b[%dm%s\x1b[0m", l.color, text)
			}
			lines = append(lines, text)
		}
	}
	if b.height > 1 {
		lines = lines[:min(len(lines), b.height-1)]
	}
	return lines
}

// Close leaves the last view on the screen and begins a new line.
func (b *Board) Close() {
	if len(b.drawn) > 0 {
		_, _ = io.WriteString(b.to, "\n") // nobody reads an error on a closed output
	}
}

// overview returns a line for each release.
func (b *Board) overview(all []Status) []boardLine {
	if len(all) == 0 {
		return []boardLine{{text: "there are no releases"}}
	}
	wide := 0
	for _, s := range all {
		wide = max(wide, columns.Width(s.Namespace)+1+columns.Width(s.Release))
	}
	var lines []boardLine
	for _, s := range all {
		lines = append(lines, boardLine{fmt.Sprintf("%s  %-9s  %3d %%  %s", columns.Pad(s.Namespace+"/"+s.Release, wide), s.Phase, s.Weight, s.Sentence()), s.color()})
	}
	return lines
}

// color returns the color of the state of a release; 0 for none.
func (s Status) color() int {
	return map[Tone]int{Good: green, Bad: red, Wait: yellow}[s.Tone()]
}

// lastEvents limits the events shown of a single release.
const lastEvents = 8

// single returns the full view of a release.
func single(s Status, pods map[manifest.ID]Pods) []boardLine {
	s.Events = s.News()
	wide := nameWidth(&rollout.Judged{})
	if s.Judged != nil {
		wide = nameWidth(s.Judged)
	}
	title := fmt.Sprintf("%s/%s  %s", s.Namespace, s.Release, s.Phase)
	if v := s.versions(); v != "" {
		title += "  " + v
	}
	lines := []boardLine{{title, cmp.Or(s.color(), bold)}}
	add := func(color int, name, format string, args ...any) {
		lines = append(lines, boardLine{fmt.Sprintf("  %s ", columns.Pad(name, wide)) + fmt.Sprintf(format, args...), color})
	}
	if s.Phase.Active() {
		add(0, "share", "%s  %s", sparkline(weights(s)), s.Share())
		for _, id := range s.Objects {
			if p, known := pods[id]; known {
				add(0, "pods", "%s: %d of %d ready", id.Name, p.Ready, p.Wanted)
			}
		}
		if s.Judged != nil {
			for _, line := range evidence(s.Judged, wide) {
				lines = append(lines, boardLine{text: "  " + line})
			}
			lines[len(lines)-1].color = verdictColor(string(s.Judged.Verdict)) // the verdict is the last line
		}
	}
	if s.Held != "" || s.Error != "" || !s.Phase.Active() || s.Parked() {
		add(s.color(), "", "%s", s.Sentence())
	}
	if took := s.took(); took != "" && (!s.Phase.Active() || s.Parked()) {
		add(0, "", "%s", took)
	}
	for _, line := range s.TroubleLines() {
		lines = append(lines, boardLine{text: "  " + line})
	}
	if by := strings.TrimSpace(s.Run.System + " " + s.Run.URL); by != "" {
		add(0, "by", "%s", by)
	}
	for _, e := range s.Events[max(0, len(s.Events)-lastEvents):] {
		add(eventColor(e), e.Time.Local().Format(time.TimeOnly), "%3d %%  %s", e.Weight, e.Text)
	}
	return lines
}

// verdictColor returns the color of a verdict; 0 for none.
func verdictColor(verdict string) int {
	switch verdict {
	case "promote":
		return green
	case "hold":
		return yellow
	case "reject":
		return red
	}
	return 0
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
