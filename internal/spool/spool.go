// Package spool writes to an output that may block: a pager, a terminal after Ctrl-S, a
// log collector that hangs. Putting an entry into a Spool never blocks.
package spool

import (
	"io"
	"slices"
	"sync"
	"time"
)

// Class decides what happens to an entry while the output is blocked.
type Class int

// The classes.
const (
	// Kept entries are never dropped. Their number is not bounded: use Kept only for
	// entries that a release has few of.
	Kept Class = iota
	// Droppable entries show progress. When more than Options.MaxDroppable wait, the
	// oldest is dropped, because the newest says more.
	Droppable
)

// Options configures a Spool. Both fields are required.
type Options struct {
	MaxDroppable int           // Droppable entries that may wait
	Patience     time.Duration // how long Flush waits for an output that writes nothing
}

// Spool writes its entries in order, one at a time. It is safe for concurrent use. Its
// goroutine runs only while entries wait.
type Spool struct {
	options Options

	mu        sync.Mutex
	onDropped func(n int)
	waiting   []entry
	put       int           // entries put so far
	written   int           // number of the last entry written
	stuck     int           // value of written when Flush gave up, or -1
	writing   bool          // the goroutine runs
	progress  chan struct{} // closed and replaced when an entry is written
}

type entry struct {
	number  int
	class   Class
	write   func()
	dropped int // entries dropped directly before this one
}

// New returns an empty Spool.
func New(options Options) *Spool {
	return &Spool{options: options, onDropped: func(int) {}, stuck: -1, progress: make(chan struct{})}
}

// OnDropped sets the function that is called in place of dropped entries, with their
// number, as soon as the output accepts text again. It may write, as entries do.
func (s *Spool) OnDropped(report func(n int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onDropped = report
}

// Used reports whether any entry was put.
func (s *Spool) Used() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put > 0
}

// Put adds an entry behind those put before and returns at once. The entry must not wait
// for this Spool.
func (s *Spool) Put(class Class, write func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put++
	s.waiting = append(s.waiting, entry{number: s.put, class: class, write: write})
	if class == Droppable {
		s.drop()
	}
	if !s.writing {
		s.writing = true
		go s.writeAll()
	}
}

// drop removes the oldest droppable entry when too many wait.
func (s *Spool) drop() {
	oldest, n := -1, 0
	for i, e := range s.waiting {
		if e.class == Droppable {
			if n++; oldest < 0 {
				oldest = i
			}
		}
	}
	if n <= s.options.MaxDroppable {
		return
	}
	dropped := s.waiting[oldest].dropped + 1
	s.waiting = slices.Delete(s.waiting, oldest, oldest+1)
	if oldest < len(s.waiting) {
		s.waiting[oldest].dropped += dropped
	}
}

// writeAll writes until no entry waits.
func (s *Spool) writeAll() {
	for {
		e, onDropped, found := s.next()
		if !found {
			return
		}
		if e.dropped > 0 {
			onDropped(e.dropped)
		}
		e.write()
		s.done(e.number)
	}
}

func (s *Spool) next() (e entry, onDropped func(int), found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.writing, s.waiting = false, nil
		return entry{}, nil, false
	}
	e = s.waiting[0]
	s.waiting[0] = entry{} // for the garbage collector
	s.waiting = s.waiting[1:]
	return e, s.onDropped, true
}

func (s *Spool) done(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = number
	close(s.progress)
	s.progress = make(chan struct{})
}

// Flush waits until every entry put before the call is written, and reports whether they
// all are. It gives up when nothing is written for Options.Patience. After that it
// returns false at once until the output accepts an entry again.
func (s *Spool) Flush() bool {
	s.mu.Lock()
	last := s.put
	s.mu.Unlock()
	for {
		written, stuck, progress := s.position()
		switch {
		case written >= last:
			return true
		case written == stuck:
			return false
		}
		timer := time.NewTimer(s.options.Patience)
		select {
		case <-progress:
		case <-timer.C:
			s.giveUp(written)
		}
		timer.Stop()
	}
}

func (s *Spool) position() (written, stuck int, progress chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written, s.stuck, s.progress
}

// giveUp records that the output is stuck, unless an entry was written meanwhile.
func (s *Spool) giveUp(written int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written == written {
		s.stuck = written
	}
}

// PutText puts a text as a Kept entry. It ignores errors of the writer: to learn
// whether the output is closed, put an entry that checks the error.
func (s *Spool) PutText(to io.Writer, text string) {
	if text != "" {
		s.Put(Kept, func() { _, _ = io.WriteString(to, text) })
	}
}
