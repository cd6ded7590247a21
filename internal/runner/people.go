package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/manifest"
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

// Say leaves word to whoever works on a release, now or later.
func (r *Runner) Say(ctx context.Context, release Release, change func(*rollout.Said)) (rollout.State, error) {
	s := session{Runner: r, release: release}
	err := s.load(ctx)
	switch {
	case err != nil:
		return s.state, err
	case s.state.Phase != rollout.Standing && s.state.Phase != rollout.Shifting:
		return s.state, RefusedError{rollout.Refusal{Text: "there is no canary whose release could go on" + rollout.PhaseNote(s.state.Phase) + "; see canarize status"}}
	}
	return s.state, s.say(ctx, change)
}

// inbox is the object onto which people write: the canary's first workload.
func (s *session) inbox() manifest.ID { return s.plan.Workloads[0].Canary }

// heard is what people said so far.
func (s *session) heard(ctx context.Context) (rollout.Said, error) {
	workload, err := s.Objects.Get(ctx, s.inbox())
	if err != nil {
		return rollout.Said{}, err
	}
	meta, _ := workload["metadata"].(map[string]any)
	written, _ := meta["annotations"].(map[string]any)
	annotations := map[string]string{}
	for key, value := range written {
		annotations[key], _ = value.(string)
	}
	return rollout.SaidOf(annotations, s.state.Started), nil
}

func (s *session) say(ctx context.Context, change func(*rollout.Said)) error {
	said, err := s.heard(ctx)
	if err != nil {
		return err
	}
	change(&said)
	return s.Inbox.Annotate(ctx, s.inbox(), said.Annotations(s.state.Started))
}

// listen begins to listen to people.
func (s *session) listen(ctx context.Context) (*people, func()) {
	listening, stop := context.WithCancel(ctx)
	p, done := &people{}, make(chan struct{})
	go func() {
		defer close(done)
		s.Inbox.Listen(listening, s.inbox(), p.hear)
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
