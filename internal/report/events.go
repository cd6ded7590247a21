// Package report tells people and programs what happens to releases: events as
// they come, where a release stands, and afterwards what was decided and why.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Format is a way to print events.
type Format string

// The formats.
const (
	Lines    Format = "lines"    // one line per event, with its time as RFC 3339 has it
	JSON     Format = "json"     // one JSON object per line
	Terminal Format = "terminal" // what is under way is redrawn in one line
)

// Style says how events are printed.
type Style struct {
	Format Format
	Color  bool                // on a terminal
	Width  int                 // of the terminal in columns; 0: unknown
	Escape func(string) string // makes foreign text harmless
	// Broken is told, once, that nobody reads what is printed.
	Broken func(error)
}

// Printer prints events. It is safe for concurrent use.
type Printer struct {
	to    io.Writer
	style Style

	mu     sync.Mutex
	drawn  int    // lines that are to be redrawn
	kept   string // the last line that stays on the terminal
	live   live
	broken bool
}

// NewPrinter makes a Printer that prints to a writer.
func NewPrinter(to io.Writer, style Style) *Printer { return &Printer{to: to, style: style} }

// Print prints an event.
func (p *Printer) Print(e rollout.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.style.Format {
	case JSON:
		text, err := json.Marshal(e)
		if err != nil { // it has nothing that JSON could not say
			text = []byte("{}")
		}
		p.write(p.style.Escape(string(text)) + "\n")
	case Terminal:
		p.draw(e)
	case Lines:
		if e.Kind == rollout.EventJudged { // progress behind it says the same, and more
			return
		}
		p.write(e.Time.UTC().Format(time.RFC3339) + " " + p.line(e) + "\n")
	}
}

// Close takes away what would have been redrawn.
func (p *Printer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(p.clear())
}

// clear takes away what is to be redrawn (ECMA-48: cursor up, erase in line).
func (p *Printer) clear() string {
	if p.drawn == 0 {
		return ""
	}
	text := "\r\x1b[2K" + strings.Repeat("\x1b[1A\x1b[2K", p.drawn-1)
	p.drawn = 0
	return text
}

// line is an event in one line.
func (p *Printer) line(e rollout.Event) string { return p.oneLine(e.Text) }

func (p *Printer) oneLine(text string) string {
	return p.style.Escape(strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(text))
}

// draw lets an event stay on the terminal, and redraws beneath it what is under way.
func (p *Printer) draw(e rollout.Event) {
	text := p.clear()
	if line := p.line(e); e.Kind != rollout.EventProgress && line != p.kept { // what the judge says may then be asked for
		text += e.Time.Local().Format(time.TimeOnly) + " " + p.colored(e, line) + "\n"
		p.kept = line
	}
	lines := p.live.take(e)
	for i, line := range lines {
		lines[i] = "  " + p.cut(p.oneLine(line))
	}
	p.drawn = len(lines)
	p.write(text + strings.Join(lines, "\n"))
}

// cut shortens a text to what fits in the line, so that it can be redrawn.
func (p *Printer) cut(text string) string {
	room := p.style.Width - len("  …") - 1
	if runes := []rune(text); p.style.Width > 0 && len(runes) > max(room, 0) {
		return string(runes[:max(room, 0)]) + "…"
	}
	return text
}

// colored marks what a person has to look at (ECMA-48, SGR).
func (p *Printer) colored(e rollout.Event, text string) string {
	codes := map[rollout.EventKind]int{rollout.EventFailed: 31, rollout.EventHeld: 33, rollout.EventCorrected: 33, rollout.EventCancelled: 33, rollout.EventWaiting: 33, rollout.EventPhase: 1}
	code, found := codes[e.Kind]
	switch {
	case e.Kind != rollout.EventPhase:
	case e.Phase == rollout.Promoted:
		code = 32
	case e.Phase == rollout.Rejected:
		code = 31
	}
	if !p.style.Color || !found {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, text)
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
