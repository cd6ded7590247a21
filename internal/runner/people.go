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

// errNews interrupts a look because somebody made a statement or a gate answered.
var errNews = errors.New("there is news about the release")

// EditStatements changes the statements about a release for the process that works on it,
// now or later. Two people may do so at the same time: neither overwrites the other.
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

// inbox returns the object that carries the statements: the canary's first workload.
func (s *actor) inbox() (manifest.ID, error) {
	if len(s.plan.Workloads) == 0 {
		return manifest.ID{}, fmt.Errorf("release %s: %w", s.release, ErrNotConfirmed)
	}
	return s.plan.Workloads[0].Canary, nil
}

// readStatements returns the annotations with people's statements, and the version of
// their object.
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

// maxAttempts bounds how often a write is retried because the object changed.
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
		for key, text := range before { // leave the other annotations alone
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

// mark marks the record: there are new statements. The process that works on the release
// finds the mark when it stores its next state, even if its watch is silent. So it raises
// and promotes nothing without having read the statements made before.
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

// readPeople reads people's current statements.
func (s *session) readPeople(ctx context.Context) {
	c := s.course
	annotations, _, err := s.readStatements(ctx)
	if err != nil {
		if c.people.readFailed() {
			s.progress("holds and approvals cannot be read, so nothing is raised or promoted: %v", err)
		}
		c.heard.People = c.people.status(s.state.Started)
		c.heard.People.Status = rollout.Unreadable
		return
	}
	c.people.setRead(annotations)
	c.peopleReadAt = s.Now()
	if c.is.Analyze && c.heard.Judged != nil { // an analysis does not check the weight
		c.checked, c.heard.Stale = c.heard.Judged.Time, false
	}
	c.heard.People = c.people.status(s.state.Started)
	c.heard.People.Status = rollout.Current
}

// peopleMaxAge is how long statements count as current after they were read.
const peopleMaxAge = 2 * time.Second

// readBeforeGrowth reads people's statements before the weight grows, if the state was
// stored some time ago: scaling the canary may have taken minutes. It returns why the
// weight may not grow.
func (s *session) readBeforeGrowth(ctx context.Context) error {
	c := s.course
	if s.Now().Sub(c.peopleReadAt) < peopleMaxAge {
		return nil
	}
	s.readPeople(ctx)
	switch p := c.heard.People; {
	case p.Status == rollout.Unreadable:
		return objectionError{errors.New("holds and approvals cannot be read")}
	case p.Rejected != nil:
		return objectionError{errRejected}
	case p.Hold != nil:
		return objectionError{errors.New("on hold: " + p.Hold.String())}
	}
	return nil
}

// objectionError reports that the weight was not changed because a person objects, or may
// object.
type objectionError struct{ error }

// people caches people's statements while a process works on a release.
type people struct {
	listening sync.WaitGroup
	end       context.CancelFunc // ends the listener

	mu          sync.Mutex
	annotations map[string]string
	wake        context.CancelCauseFunc // ends the context of attend
	news        bool                    // something is new since the last attend
	failed      bool                    // the last read failed
	current     bool                    // statements were read, and the watch has worked since
	live        bool                    // the watch works
	marked      bool                    // the record's mark changed after the last read
	started     time.Time
	rejected    func() // called when somebody rejects the release; may be nil
}

// listen starts listening to people.
func (s *session) listen(ctx context.Context) {
	p := s.course.people
	inbox, err := s.inbox()
	if err != nil { // then reading fails, too, and nothing is raised
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

// observe caches the annotations that the watch reported.
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

// setRead caches annotations that were just read from the API server.
func (p *people) setRead(annotations map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.annotations, p.failed, p.marked = annotations, false, false
	p.current = p.live
}

// recordMarked notes that the record's mark changed.
func (p *people) recordMarked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current, p.marked = false, true
}

// invalidate makes the cache stale until the next read. live reports whether the watch
// still works.
func (p *people) invalidate(live bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current, p.live = false, p.live && live
}

// readFailed notes that a read failed. It reports whether the one before succeeded.
func (p *people) readFailed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.failed
	p.failed = true
	return !before
}

// wakeUp interrupts the current look, or the next one.
func (p *people) wakeUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.news = true
	if p.wake != nil {
		p.wake(errNews)
	}
}

// attend returns a context that ends on news or at the next call.
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

// onReject calls do when somebody rejects the release, until end is called.
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

// status returns the cached statements. They are current while the watch works and the
// record's mark is unchanged; otherwise they have to be read before they permit anything.
func (p *people) status(started time.Time) rollout.People {
	p.mu.Lock()
	defer p.mu.Unlock()
	people := rollout.People{Statements: rollout.ParseStatements(p.annotations, started), Changed: p.marked}
	if p.current && p.live {
		people.Status = rollout.Current
	}
	return people
}
