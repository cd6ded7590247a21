package live

import (
	"context"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/kube"
)

// shared reads values for concurrent callers: callers that want the same value share a
// reading.
type shared[K comparable, T any] struct {
	read func(ctx context.Context, of K) (T, error)

	mu   sync.Mutex
	last map[K]*lastReading[T]
}

// lastReading is the state of the readings of one value.
type lastReading[T any] struct {
	current *reading[T] // nil if none is running
	began   time.Time   // begin of the last reading
}

// reading is a reading that runs or is about to begin.
type reading[T any] struct {
	began   time.Time     // zero before; guarded by shared.mu
	waiting int           // callers; guarded by shared.mu
	done    chan struct{} // closed when value and err are set
	value   T
	err     error
	stop    context.CancelFunc
}

func newShared[K comparable, T any](read func(context.Context, K) (T, error)) *shared[K, T] {
	return &shared[K, T]{read: read, last: map[K]*lastReading[T]{}}
}

// get returns a value that is read after the call began, never an older one. Two readings
// begin at least spacing apart. If the context of a caller ends, the reading continues for
// the other callers. Without callers it ends.
func (s *shared[K, T]) get(ctx context.Context, of K, spacing time.Duration) (T, error) {
	since := time.Now()
	for {
		r, mine := s.join(ctx, of, since, spacing)
		select {
		case <-r.done:
			if mine {
				return r.value, r.err
			}
		case <-ctx.Done():
			if mine {
				s.leave(of, r)
			}
			var none T
			return none, context.Cause(ctx)
		}
	}
}

// join returns a reading that begins after since (mine is true), or the running one
// that has to end first.
func (s *shared[K, T]) join(ctx context.Context, of K, since time.Time, spacing time.Duration) (r *reading[T], mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.last[of]
	if !known {
		last = &lastReading[T]{}
		s.last[of] = last
	}
	if r := last.current; r != nil {
		if mine = r.began.IsZero() || !r.began.Before(since); mine {
			r.waiting++
		}
		return r, mine
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	r = &reading[T]{waiting: 1, done: make(chan struct{}), stop: stop}
	last.current = r
	go s.carryOut(ctx, of, last, r, spacing-time.Since(last.began))
	return r, true
}

// carryOut reads after a pause.
func (s *shared[K, T]) carryOut(ctx context.Context, of K, last *lastReading[T], r *reading[T], pause time.Duration) {
	defer r.stop()
	defer close(r.done)
	if pause > 0 {
		r.err = kube.Pause(ctx, pause)
	}
	if r.err == nil {
		s.mu.Lock()
		r.began = time.Now()
		last.began = r.began
		s.mu.Unlock()
		r.value, r.err = s.read(ctx, of)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last.current == r {
		last.current = nil
	}
}

// leave ends a reading without callers.
func (s *shared[K, T]) leave(of K, r *reading[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.waiting--; r.waiting > 0 {
		return
	}
	r.stop()
	if last := s.last[of]; last != nil && last.current == r {
		last.current = nil // the next caller starts a new reading
	}
}

// forget drops the state of values that are no longer wanted.
func (s *shared[K, T]) forget(wanted func(K) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for of, last := range s.last {
		if last.current == nil && !wanted(of) {
			delete(s.last, of)
		}
	}
}
