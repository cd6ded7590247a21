package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// errNews interrupts a look, because somebody said something or a gate answered.
var errNews = errors.New("there is news about the release")

// Say leaves word to whoever works on a release, now or later. Two people may speak at
// the same time: what the other one said stays.
func (r *Runner) Say(ctx context.Context, release Release, version string, change func(rollout.State, *rollout.Said) error) (rollout.State, error) {
	s := session{Runner: r, release: release}
	err := s.load(ctx)
	switch {
	case err != nil:
		return s.state, err
	case s.state.Phase != rollout.Standing && s.state.Phase != rollout.Shifting:
		return s.state, RefusedError{rollout.Refusal{Text: "there is no canary whose release could go on" + rollout.PhaseNote(s.state.Phase) + "; see canarize status"}}
	case !s.state.Is(version):
		return s.state, RefusedError{rollout.Mismatch(s.state, version)}
	}
	return s.state, s.say(ctx, func(said *rollout.Said) error { return change(s.state, said) })
}

// inbox is the object onto which people write: the canary's first workload.
func (s *session) inbox() manifest.ID { return s.plan.Workloads[0].Canary }

// written reads what people have written, and the version of the object they wrote on.
func (s *session) written(ctx context.Context) (annotations map[string]string, version string, err error) {
	workload, err := s.Objects.Fresh(ctx, s.inbox())
	if err != nil {
		return nil, "", err
	}
	meta, _ := workload["metadata"].(map[string]any)
	version, _ = meta["resourceVersion"].(string)
	all, _ := meta["annotations"].(map[string]any)
	annotations = map[string]string{}
	for key, value := range all {
		annotations[key], _ = value.(string)
	}
	return annotations, version, nil
}

// attempts bounds how often a word is written again because the object changed.
const attempts = 20

func (s *session) say(ctx context.Context, change func(*rollout.Said) error) error {
	for n := 1; ; n++ {
		annotations, version, err := s.written(ctx)
		if err != nil {
			return err
		}
		said := rollout.SaidOf(annotations, s.state.Started)
		before := said.Annotations(s.state.Started)
		if err := change(&said); err != nil {
			return err
		}
		after := said.Annotations(s.state.Started)
		for key, text := range before { // what this word is not about stays as it is written
			if after[key] == text {
				delete(after, key)
			}
		}
		if len(after) == 0 {
			return nil
		}
		err = s.Inbox.Annotate(ctx, s.inbox(), version, after)
		if !errors.Is(err, ErrChanged) || n == attempts {
			return err
		}
	}
}

// hear reads what people say now.
func (s *session) hear(ctx context.Context) {
	c := s.course
	annotations, _, err := s.written(ctx)
	if err != nil {
		if c.people.deaf() {
			s.progress("what people say about the release cannot be read, so nothing is raised or promoted: %v", err)
		}
		c.heard.People = c.people.said(s.state.Started)
		c.heard.People.Ear = rollout.Deaf
		return
	}
	c.people.read(annotations)
	c.read = s.Now()
	c.heard.People = c.people.said(s.state.Started)
	c.heard.People.Ear = rollout.Listened
}

// freshly is for how long what people said is taken for what they say now.
const freshly = 2 * time.Second

// permitted reads what people say before the weight grows, if that is not known from
// this very moment: to make the canary larger may have taken minutes. Its error is why
// it may not grow.
func (s *session) permitted(ctx context.Context) error {
	c := s.course
	if c == nil || s.Now().Sub(c.read) < freshly {
		return nil
	}
	s.hear(ctx)
	switch p := c.heard.People; {
	case p.Ear == rollout.Deaf:
		return untouchedError{errors.New("it cannot be read what people say")}
	case p.Rejected != nil:
		return untouchedError{errRejected}
	case p.Hold != nil:
		return untouchedError{errors.New("on hold: " + p.Hold.String())}
	}
	return nil
}

// people is what people say about a release while a process works on it, as far as it
// was heard.
type people struct {
	listening sync.WaitGroup
	end       context.CancelFunc // of the listening

	mu          sync.Mutex
	annotations map[string]string
	wake        context.CancelCauseFunc // of whoever attends
	news        bool                    // since the last attend
	unread      bool                    // reading failed last
	started     time.Time
	rejected    func() // is called when somebody rejects the release
}

// listen begins to listen to people.
func (s *session) listen(ctx context.Context) {
	p := s.course.people
	listening, stop := context.WithCancel(ctx)
	p.end, p.started = stop, s.state.Started
	p.listening.Go(func() { s.Inbox.Listen(listening, s.inbox(), p.hear) })
}

func (p *people) stop() {
	if p.end != nil {
		p.end()
		p.listening.Wait()
	}
}

// hear takes in what a watch of people's words has seen.
func (p *people) hear(annotations map[string]string) {
	p.mu.Lock()
	p.annotations = annotations
	call := p.rejected
	said := rollout.SaidOf(annotations, p.started)
	p.mu.Unlock()
	if call != nil && said.Rejected != nil {
		call()
	}
	p.wakeUp()
}

// read takes in what was read.
func (p *people) read(annotations map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.annotations, p.unread = annotations, false
}

// deaf notes that reading failed, and says whether that is new.
func (p *people) deaf() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.unread
	p.unread = true
	return !before
}

// wakeUp ends a look that is under way, or the next one.
func (p *people) wakeUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.news = true
	if p.wake != nil {
		p.wake(errNews)
	}
}

// attend gives a context that ends when there is news, until the next call.
func (p *people) attend(ctx context.Context) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wake != nil {
		p.wake(nil)
	}
	attending, wake := context.WithCancelCause(ctx)
	p.wake = wake
	if p.news {
		wake(errNews)
	}
	p.news = false
	return attending
}

// onReject has a function called when somebody rejects the release, until end is called.
func (p *people) onReject(do func()) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rejected = do
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.rejected = nil
	}
}

// said is what is known of what people said. It permits nothing: for that it has to be
// read.
func (p *people) said(started time.Time) rollout.People {
	p.mu.Lock()
	defer p.mu.Unlock()
	return rollout.People{Said: rollout.SaidOf(p.annotations, started), Ear: rollout.Unheard}
}
