package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// errSaid interrupts a look, because somebody said something.
var errSaid = errors.New("somebody said something about the release")

// people is what people say about a release while it is worked on.
type people struct {
	mu          sync.Mutex
	annotations map[string]string
	wake        context.CancelCauseFunc // of whoever attends
	heard       bool                    // something new since attend
}

// listen begins to listen to people, who write onto the canary's first workload.
func (s *session) listen(ctx context.Context, inbox Inbox) (*people, func()) {
	listening, stop := context.WithCancel(ctx)
	p, done := &people{}, make(chan struct{})
	go func() {
		defer close(done)
		inbox.Listen(listening, s.plan.Workloads[0].Canary, p.hear)
	}()
	return p, func() { stop(); <-done }
}

func (p *people) hear(annotations map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.annotations, p.heard = annotations, true
	if p.wake != nil {
		p.wake(errSaid)
	}
}

// attend gives a context that ends when somebody says something, until the next call.
func (p *people) attend(ctx context.Context) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wake != nil {
		p.wake(nil)
	}
	attending, wake := context.WithCancelCause(ctx)
	p.wake = wake
	if p.heard {
		wake(errSaid)
	}
	p.heard = false
	return attending
}

// said is what is to be heeded now.
func (p *people) said(started time.Time) rollout.Said {
	p.mu.Lock()
	defer p.mu.Unlock()
	return rollout.SaidOf(p.annotations, started)
}
