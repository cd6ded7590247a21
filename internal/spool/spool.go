// Package spool stands between a program that has to go on and an output that may
// be stuck: a pager, a terminal after Ctrl-S, a log collector that hangs. Whoever
// puts something into a Spool never waits.
package spool

import (
	"io"
	"slices"
	"sync"
	"time"
)

// Class says what becomes of an entry when the output is stuck.
type Class int

// The classes.
const (
	// Kept entries are written, however long it takes. Their number is not bounded:
	// put only such things as Kept that a release has few of.
	Kept Class = iota
	// Passing entries tell how far something is. When too many of them wait, the
	// oldest is dropped: the newest says more.
	Passing
)

// Options say how a Spool behaves. Most and Patience are needed.
type Options struct {
	Most     int           // Passing entries that may wait
	Patience time.Duration // how long Flush waits for an output that does not move
}

// Spool writes what is put into it, in order, one entry at a time. It is safe for
// concurrent use. It has a goroutine only while there is something to write.
type Spool struct {
	options Options

	mu      sync.Mutex
	missing func(n int)
	waiting []entry
	put     int           // entries so far
	written int           // number of the entry that was written last
	stuck   int           // what written was when Flush gave up; -1
	working bool          // there is a goroutine that writes
	moved   chan struct{} // closed when an entry was written
}

type entry struct {
	number int
	class  Class
	write  func()
	before int // entries that were dropped in front of this one
}

// New makes an empty Spool.
func New(options Options) *Spool {
	return &Spool{options: options, missing: func(int) {}, stuck: -1, moved: make(chan struct{})}
}

// OnMissing has tell called where entries are missing, with their number, once the
// output moves again. It may write, as entries do.
func (s *Spool) OnMissing(tell func(n int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = tell
}

// Used says whether anything was put so far.
func (s *Spool) Used() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put > 0
}

// Put has an entry written behind those that were put before. It does not wait. The
// entry must not wait for this Spool.
func (s *Spool) Put(class Class, write func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put++
	s.waiting = append(s.waiting, entry{number: s.put, class: class, write: write})
	if class == Passing {
		s.drop()
	}
	if !s.working {
		s.working = true
		go s.work()
	}
}

// drop drops the oldest passing entry when too many wait.
func (s *Spool) drop() {
	oldest, n := -1, 0
	for i, e := range s.waiting {
		if e.class == Passing {
			if n++; oldest < 0 {
				oldest = i
			}
		}
	}
	if n <= s.options.Most {
		return
	}
	missing := s.waiting[oldest].before + 1
	s.waiting = slices.Delete(s.waiting, oldest, oldest+1)
	if oldest < len(s.waiting) {
		s.waiting[oldest].before += missing
	}
}

// work writes until nothing waits.
func (s *Spool) work() {
	for {
		e, missing, found := s.next()
		if !found {
			return
		}
		if e.before > 0 {
			missing(e.before)
		}
		e.write()
		s.done(e.number)
	}
}

func (s *Spool) next() (e entry, missing func(int), found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.working, s.waiting = false, nil
		return entry{}, nil, false
	}
	e = s.waiting[0]
	s.waiting[0] = entry{} // what it holds can go
	s.waiting = s.waiting[1:]
	return e, s.missing, true
}

func (s *Spool) done(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = number
	close(s.moved)
	s.moved = make(chan struct{})
}

// Flush waits until everything that was put before is written, and says whether it
// is. It gives up when nothing moves for the Patience, and from then on it does not
// wait at all until something has moved.
func (s *Spool) Flush() bool {
	s.mu.Lock()
	last := s.put
	s.mu.Unlock()
	for {
		written, stuck, moved := s.look()
		switch {
		case written >= last:
			return true
		case written == stuck:
			return false
		}
		timer := time.NewTimer(s.options.Patience)
		select {
		case <-moved:
		case <-timer.C:
			s.giveUp(written)
		}
		timer.Stop()
	}
}

func (s *Spool) look() (written, stuck int, moved chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written, s.stuck, s.moved
}

// giveUp remembers that nothing has moved since an entry was written.
func (s *Spool) giveUp(written int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written == written {
		s.stuck = written
	}
}

// Say puts a text that is Kept. An error of the writer is not found: whoever has to
// know whether somebody reads puts an entry that looks at it.
func (s *Spool) Say(to io.Writer, text string) {
	if text != "" {
		s.Put(Kept, func() { _, _ = io.WriteString(to, text) })
	}
}
