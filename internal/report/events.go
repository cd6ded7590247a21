// Package report shows releases to people and programs: events as they happen, the
// current state, and afterwards what was decided and why.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/columns"

	"github.com/canarize/canarize/internal/rollout"
)

// Format is a format of events.
type Format string

// The formats.
const (
	Lines    Format = "lines"    // one line per event, with its time in RFC 3339
	JSON     Format = "json"     // one JSON object per line
	Terminal Format = "terminal" // events stay, and progress is redrawn beneath them
)

// Style configures how events are printed.
type Style struct {
	Format Format
	Color  bool                // color events on a terminal
	Width  int                 // columns of the terminal; 0 if unknown
	Height int                 // lines of the terminal; 0 if unknown
	Escape func(string) string // makes foreign text harmless
	// Broken is called once, when a write fails because nobody reads the output.
	Broken func(error)
}

// Printer prints events. It is safe for concurrent use.
type Printer struct {
	to    io.Writer
	style Style

	mu     sync.Mutex
	drawn  int    // lines to redraw
	kept   string // last line that stays on the terminal
	told   told   // reasons of the judge that were printed
	live   live
	broken bool
}

// NewPrinter returns a Printer that writes to an output.
func NewPrinter(to io.Writer, style Style) *Printer { return &Printer{to: to, style: style} }

// Print prints an event in the format of the Style.
func (p *Printer) Print(e rollout.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.style.Format {
	case JSON:
		text, err := json.Marshal(e)
		if err != nil { // cannot happen: JSON can represent every event
			text = []byte("{}")
		}
		p.write(p.style.Escape(string(text)) + "\n")
	case Terminal:
		p.draw(e)
	case Lines:
		if e.Kind == rollout.EventJudged { // the progress event that follows says more
			return
		}
		p.write(e.Time.UTC().Format(time.RFC3339) + " " + p.line(p.news(e)) + "\n")
	}
}

// news returns an event without the judge's reason if that was printed just before.
func (p *Printer) news(e rollout.Event) rollout.Event {
	switch {
	case e.Judged != nil:
		p.told = told{ended(e.Judged.Reason): true}
	case e.Kind == rollout.EventJudged:
		_, reason, _ := strings.Cut(e.Text, ": ")
		p.told = told{ended(reason): true}
	case len(p.told) > 0 && (e.Kind == rollout.EventAsked || e.Kind == rollout.EventHeld):
		e.Text = p.told.rest(e.Text)
	}
	return e
}

// Close erases the lines that would be redrawn.
func (p *Printer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(p.clear())
}

// clear returns the sequence that erases the drawn lines (ECMA-48: cursor up, erase in
// line).
func (p *Printer) clear() string {
	if p.drawn == 0 {
		return ""
	}
	text := "\r\x1b[2K" + strings.Repeat("\x1b[1A\x1b[2K", p.drawn-1)
	p.drawn = 0
	return text
}

// line formats an event as one line.
func (p *Printer) line(e rollout.Event) string { return p.oneLine(e.Text) }

func (p *Printer) oneLine(text string) string {
	return p.style.Escape(strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(text))
}

// draw prints an event that stays on the terminal, and redraws the progress beneath it.
func (p *Printer) draw(e rollout.Event) {
	text := p.clear()
	e = p.news(e)
	if line := p.line(e); e.Kind != rollout.EventProgress && line != p.kept { // a judgement may be followed by a request with the same text
		text += p.stays(e, line)
		p.kept = line
	}
	lines := p.live.update(e)
	for i, line := range lines {
		lines[i] = "  " + line
	}
	lines = p.fold(lines, p.style.Height)
	p.drawn = len(lines)
	p.write(text + strings.Join(lines, "\n"))
}

// stays returns an event as it stays on the terminal. It breaks between words, so that the
// terminal cuts no number.
func (p *Printer) stays(e rollout.Event, line string) string {
	head, width := e.Time.Local().Format(time.TimeOnly)+" ", 0
	if p.style.Width > 0 {
		width = max(p.style.Width-1-len(head), 1)
	}
	var text strings.Builder
	for _, part := range columns.Wrap(line, width) {
		text.WriteString(head + p.colored(e, p.oneLine(part)) + "\n")
		head = strings.Repeat(" ", len(head))
	}
	return text.String()
}

// fold fits lines into the columns and lines of the terminal, because only whole lines can
// be redrawn. No line gets the last column, after which terminals begin a new line.
func (p *Printer) fold(lines []string, height int) []string {
	width := 0
	if p.style.Width > 0 {
		width = max(p.style.Width-1, 1)
	}
	var all []string
	for _, line := range lines {
		for _, part := range columns.Fold(p.oneLine(line), width) {
			all = append(all, p.oneLine(part)) // folding may bring a mark to the beginning of a line
		}
	}
	if height > 1 {
		all = all[:min(len(all), height-1)]
	}
	return all
}

// colored colors the events that a person should notice (ECMA-48, SGR).
func (p *Printer) colored(e rollout.Event, text string) string {
	if code := eventColor(e); p.style.Color && code != 0 {
		return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, text)
	}
	return text
}

// eventColor returns the color of an event; 0 for none.
func eventColor(e rollout.Event) int {
	switch e.Kind {
	case rollout.EventFailed:
		return red
	case rollout.EventHeld, rollout.EventCorrected, rollout.EventCancelled, rollout.EventWaiting:
		return yellow
	case rollout.EventPhase:
		switch e.Phase {
		case rollout.Promoted:
			return green
		case rollout.Rejected:
			return red
		}
		return bold
	}
	return 0
}

func (p *Printer) write(text string) {
	if p.broken {
		return
	}
	if _, err := io.WriteString(p.to, text); err != nil {
		p.broken = true
		if p.style.Broken != nil {
			p.style.Broken(err)
		}
	}
}
