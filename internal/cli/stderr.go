package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/spool"
)

// Verbs that move traffic never wait for whoever reads stderr: a pager, a terminal
// after Ctrl-S or a log collector that hangs must not keep them from watching the
// canary or from taking the traffic off it. What they say goes through a spool.
const (
	maxProgress = 256         // lines of progress that wait for a reader
	patience    = time.Second // for a reader that has stopped, at the end
)

// classOf says what may be dropped when nobody reads. What is left has a small
// number: a release stores it too, and the judge changes its mind once an interval
// at most.
func classOf(e rollout.Event) spool.Class {
	if e.Kind == rollout.EventProgress {
		return spool.Droppable
	}
	return spool.Kept
}

// print has a printer print an event, without waiting.
func (s Streams) print(printer *report.Printer, e rollout.Event) {
	s.spool.Put(classOf(e), func() { printer.Print(e) })
}

// showMissing has a printer say how much progress was dropped.
func (s Streams) showMissing(printer *report.Printer) {
	s.spool.OnDropped(func(n int) {
		text := fmt.Sprintf("%d lines of progress are left out, because nobody read them in time", n)
		printer.Print(rollout.Event{Time: time.Now().UTC(), Kind: rollout.EventProgress, Text: text})
	})
}

// note says what happens in one line, without waiting: for verbs that have no
// printer.
func (s Streams) note(e rollout.Event) {
	s.spool.Put(classOf(e), func() { fmt.Fprintln(s.Err, oneLine(e.Text)) })
}

// result has the result of a verb that must not wait printed on stdout. Where that leads
// to the same place as stderr, and nobody reads there, it is left for whoever may read
// again before the program ends; for a stdout of its own it waits, as programs do.
func (s Streams) result(print func() error) error {
	if s.spool.Flush() || !s.onePlace() {
		return print()
	}
	s.spool.Put(spool.Kept, func() { _ = print() })
	s.spool.Flush()
	return nil
}

// onePlace says whether stdout and stderr lead to the same place.
func (s Streams) onePlace() bool {
	out, isFile := s.Out.(*os.File)
	errs, isToo := s.rawErr.(*os.File)
	if !isFile || !isToo {
		return false
	}
	a, failed := out.Stat()
	b, failedToo := errs.Stat()
	return failed == nil && failedToo == nil && os.SameFile(a, b)
}

// lastWord is the message that a verb ends with; "" is none. A verb that must not
// wait, or was interrupted, does not wait for its reader here, either.
func (s Streams) lastWord(ctx context.Context, message string) {
	if message != "" {
		message = "canarize: " + oneLine(message) + "\n"
	}
	if s.spool.Used() || ctx.Err() != nil {
		s.spool.PutText(s.Err, message)
		s.spool.Flush()
		return
	}
	// An error of stderr cannot be told to anybody.
	_, _ = fmt.Fprint(s.Err, message)
}
