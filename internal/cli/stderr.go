package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/saying"
	"github.com/canarize/canarize/internal/spool"
)

// Verbs that move traffic never block on stderr: a pager, a terminal after Ctrl-S or a
// log collector that hangs must not keep them from watching the canary or from taking the
// traffic off it. Their output goes through a spool.
const (
	maxProgress = 256         // lines of progress that may wait for a reader
	patience    = time.Second // with a reader that has stopped, at the end
)

// classOf decides which events may be dropped if nobody reads. There are few others: a
// release stores them too, and the judge changes its mind at most once an interval.
func classOf(e rollout.Event) spool.Class {
	if e.Kind == rollout.EventProgress {
		return spool.Droppable
	}
	return spool.Kept
}

// print prints an event without blocking.
func (s Streams) print(printer *report.Printer, e rollout.Event) {
	s.spool.Put(classOf(e), func() { printer.Print(e) })
}

// showDropped makes a printer report dropped lines of progress.
func (s Streams) showDropped(printer *report.Printer) {
	s.spool.OnDropped(func(n int) {
		text := fmt.Sprintf("%d lines of progress were dropped because nobody read them in time", n)
		printer.Print(rollout.Event{Time: time.Now().UTC(), Kind: rollout.EventProgress, Text: text})
	})
}

// printLine prints an event as one line without blocking. Verbs without a printer use it.
func (s Streams) printLine(e rollout.Event) {
	s.spool.Put(classOf(e), func() { fmt.Fprintln(s.Err, oneLine(e.Text)) })
}

// result prints the result of a verb on stdout. If stdout is the same output as stderr
// and nobody reads it, result does not block: the spool prints the result if somebody
// reads before the program ends. It blocks on any other stdout, as programs do.
func (s Streams) result(print func() error) error {
	if s.spool.Flush() || !s.sameOutput() {
		return print()
	}
	s.spool.Put(spool.Kept, func() { _ = print() })
	s.spool.Flush()
	return nil
}

// sameOutput reports whether stdout and stderr are the same file, pipe or terminal.
func (s Streams) sameOutput() bool {
	out, isFile := s.Out.(*os.File)
	errs, isToo := s.rawErr.(*os.File)
	if !isFile || !isToo {
		return false
	}
	a, failed := out.Stat()
	b, failedToo := errs.Stat()
	return failed == nil && failedToo == nil && os.SameFile(a, b)
}

// printFinal prints the message that ends a verb, if there is one. It does not block if
// the verb used the spool or was interrupted.
func (s Streams) printFinal(ctx context.Context, message string, code saying.Code) {
	if message != "" {
		message = "canarize: " + saying.Mark(oneLine(message), code) + "\n"
	}
	if s.spool.Used() || ctx.Err() != nil {
		s.spool.PutText(s.Err, message)
		s.spool.Flush()
		return
	}
	// There is no place to report an error of stderr.
	_, _ = fmt.Fprint(s.Err, message)
}
