package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
)

// errNews interrupts a look, because somebody said something or a gate answered.
var errNews = errors.New("there is news about the release")

// Say leaves word to whoever works on a release, now or later. Two people may speak at
// the same time: what the other one said stays.
func (r *Runner) EditStatements(ctx context.Context, release Release, version string, change func(rollout.State, *rollout.Statements) error) (rollout.State, error) {
	s := r.session(release)
	err := s.load(ctx)
	switch {
	case err != nil:
		return s.state, err
	case s.state.Phase != rollout.Standing && s.state.Phase != rollout.Shifting:
		return s.state, RefusedError{rollout.NotStanding(s.state)}
	case !s.state.Is(version):
		return s.state, RefusedError{rollout.Mismatch(s.state, version)}
	}
	return s.state, s.editStatements(ctx, func(st *rollout.Statements) error { return change(s.state, st) })
}

// inbox is the object onto which people write: the canary's first workload.
func (s *actor) inbox() (manifest.ID, error) {
	if len(s.plan.Workloads) == 0 {
		return manifest.ID{}, fmt.Errorf("release %s: %w", s.release, ErrNotConfirmed)
	}
	return s.plan.Workloads[0].Canary, nil
}

// written reads what people have written, and the version of the object they wrote on.
func (s *actor) readStatements(ctx context.Context) (annotations map[string]string, version string, err error) {
	inbox, err := s.inbox()
	if err != nil {
		return nil, "", err
	}
	workload, err := s.Objects.Fresh(ctx, inbox)
	if err != nil {
		return nil, "", err
	}
	version, _ = object.Metadata(workload)["resourceVersion"].(string)
	annotations = map[string]string{}
	for key, value := range object.Annotations(workload) {
		annotations[key], _ = value.(string)
	}
	return annotations, version, nil
}

// attempts bounds how often a word is written again because the object changed.
const maxAttempts = 20

func (s *actor) editStatements(ctx context.Context, change func(*rollout.Statements) error) error {
	inbox, err := s.inbox()
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		annotations, version, err := s.readStatements(ctx)
		if err != nil {
			return err
		}
		statements := rollout.ParseStatements(annotations, s.state.Started)
		before := statements.Annotations(s.state.Started)
		if err := change(&statements); err != nil {
			return err
		}
		after := statements.Annotations(s.state.Started)
		for key, text := range before { // what this word is not about stays as it is written
			if after[key] == text {
				delete(after, key)
			}
		}
		if len(after) == 0 {
			return nil
		}
		err = s.Inbox.Annotate(ctx, inbox, version, after)
		if errors.Is(err, ErrChanged) && n < maxAttempts {
			continue
		}
		if err != nil {
			return err
		}
		return s.mark(ctx)
	}
}

// mark leaves a mark on the record that somebody has spoken. Whoever works on the release
// finds it when it stores what it is about to do, also where its watch is silent: nothing
// is raised or promoted past a word that was said before.
func (l *ledger) mark(ctx context.Context) error {
	for n := 1; ; n++ {
		record, err := l.Store.Load(ctx, l.release.Namespace, l.release.Name)
		if err != nil || record.Version == "" {
			return err
		}
		record.Said = l.Now().UTC().Format(time.RFC3339Nano) + " " + record.Version
		if _, err = l.Store.Save(ctx, l.release.Namespace, l.release.Name, record); !errors.Is(err, ErrChanged) || n == maxAttempts {
			return err
		}
	}
}

// hear reads what people say now.
func (s *session) readPeople(ctx context.Context) {
	c := s.course
	annotations, _, err := s.readStatements(ctx)
	if err != nil {
		if c.people.readFailed() {
			s.progress("what people say about the release cannot be read, so nothing is raised or promoted: %v", err)
		}
		c.heard.People = c.people.status(s.state.Started)
		c.heard.People.Status = rollout.Unreadable
		return
	}
	c.people.setRead(annotations)
	c.peopleReadAt = s.Now()
	if c.is.Analyze && c.heard.Judged != nil { // of the weight it has nothing to know
		c.checked, c.heard.Stale = c.heard.Judged.Time, false
	}
	c.heard.People = c.people.status(s.state.Started)
	c.heard.People.Status = rollout.Current
}

// freshly is for how long what people said is taken for what they say now.
const peopleMaxAge = 2 * time.Second

// permits reads what people say before the weight grows, if that was announced some
// time ago: to make the canary larger may have taken minutes. Its error is why it may
// not grow.
func (s *session) readBeforeGrowth(ctx context.Context) error {
	c := s.course
	if s.Now().Sub(c.peopleReadAt) < peopleMaxAge {
		return nil
	}
	s.readPeople(ctx)
	switch p := c.heard.People; {
	case p.Status == rollout.Unreadable:
		return objectionError{errors.New("it cannot be read what people say")}
	case p.Rejected != nil:
		return objectionError{errRejected}
	case p.Hold != nil:
		return objectionError{errors.New("on hold: " + p.Hold.String())}
	}
	return nil
}

// objectionError reports that the weight was not moved, because a person objects or may.
type objectionError struct{ error }

// people is what people say about a release while a process works on it, as far as it
// was heard.
type people struct {
	listening sync.WaitGroup
	end       context.CancelFunc // of the listening

	mu          sync.Mutex
	annotations map[string]string
	wake        context.CancelCauseFunc // of whoever attends
	news        bool                    // since the last attend
	failed      bool                    // reading failed last
	current     bool                    // it was read, and the watch works since
	live        bool                    // the watch has begun to work
	marked      bool                    // the record says that somebody has spoken since
	started     time.Time
	rejected    func() // is called when somebody rejects the release
}

// listen begins to listen to people.
func (s *session) listen(ctx context.Context) {
	p := s.course.people
	inbox, err := s.inbox()
	if err != nil { // then it cannot be read either, and nothing is raised
		return
	}
	listening, stop := context.WithCancel(ctx)
	p.end, p.started = stop, s.state.Started
	p.listening.Go(func() {
		s.Inbox.Listen(listening, inbox, p.observe)
		p.invalidate(false)
	})
}

func (p *people) stop() {
	if p.end != nil {
		p.end()
		p.listening.Wait()
	}
}

// hear takes in what a watch of people's words has seen.
func (p *people) observe(annotations map[string]string) {
	p.mu.Lock()
	p.annotations, p.live = annotations, true
	call := p.rejected
	statements := rollout.ParseStatements(annotations, p.started)
	p.mu.Unlock()
	if call != nil && statements.Rejected != nil {
		call()
	}
	p.wakeUp()
}

// read takes in what was read.
func (p *people) setRead(annotations map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.annotations, p.failed, p.marked = annotations, false, false
	p.current = p.live
}

// called notes that somebody has spoken, as the record says.
func (p *people) recordMarked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current, p.marked = false, true
}

// unheard forgets that it is known what people say: it has to be read. live is that the
// watch still works.
func (p *people) invalidate(live bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current, p.live = false, p.live && live
}

// deaf notes that reading failed, and says whether that is new.
func (p *people) readFailed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.failed
	p.failed = true
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

// said is what is known of what people said. While the watch works and the record has no
// mark of another word, that is what they say now; otherwise it has to be read before it
// permits anything.
func (p *people) status(started time.Time) rollout.People {
	p.mu.Lock()
	defer p.mu.Unlock()
	people := rollout.People{Statements: rollout.ParseStatements(p.annotations, started), Changed: p.marked}
	if p.current && p.live {
		people.Status = rollout.Current
	}
	return people
}
