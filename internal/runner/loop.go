package runner

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Watcher measures a release while its canary gets traffic.
type Watcher interface {
	// Look waits for the next result at a weight in percent, and returns the judgement.
	Look(ctx context.Context, weight int) (rollout.Judged, error)
	// Guard watches while the weight is being changed. If it sees a catastrophe before
	// ctx ends, it returns the judgement and true.
	Guard(ctx context.Context) (judged rollout.Judged, catastrophe bool)
	// Mended tells that somebody else had changed the canary's routes, and that they were
	// set right since the last look.
	Mended()
	// Approve tells that a person finds right how a metric differs. It reports whether that
	// is news.
	Approve(metric string) bool
}

// Gatekeeper asks gates.
type Gatekeeper interface {
	// Ask waits until a gate agrees and returns who answered. The error says why the gate
	// does not agree.
	Ask(ctx context.Context, gate rollout.Gate) (by string, err error)
}

// Course says how a run carries out a release.
type Course struct {
	// Watch starts watching a release whose canary stands in the cluster.
	Watch      func(ctx context.Context, plan rollout.Plan, s rollout.State) (Watcher, error)
	Gates      []rollout.Gate
	Gatekeeper Gatekeeper // needed with Gates
	First      int        // the smallest share of the ramp, in percent
	// Override ignores a hold. Unverified continues although no gateway can verify a
	// share.
	Override, Unverified bool
	Unchanged            bool   // release although nothing changes, see ErrEqual
	Version              string // of an analysis: the expected version; "" accepts every version
}

// Run carries out a release to its end: it deploys, and then follows the judge. It
// continues an earlier run of the same plan, with its evidence. It holds the lock of the
// release all the time. However it ends, no canary keeps traffic that nobody watches,
// except with Options.HoldOnCancel.
func (r *Runner) Run(ctx context.Context, release Release, run rollout.Run, plan *rollout.Plan, how Course) (rollout.State, error) {
	return r.work(ctx, release, run, func(held context.Context, s *session) error {
		digest, err := rollout.Digest(plan.Stable, plan.Canary)
		if err != nil {
			return err
		}
		if err := s.load(held); err != nil {
			return err
		}
		s.engaged = s.state.Guarded && s.state.Phase.Active() // an earlier run died and left its share
		return s.follow(held, how, plan, rollout.Course{
			Run: run, Plan: digest, Keep: r.Keep, Gates: how.Gates, First: how.First, Override: how.Override, Unverified: how.Unverified,
		})
	})
}

// Analyze watches a release for a time, or until the judge has decided; 0 means no time
// limit. It changes no weight, except that a rejected canary gets no traffic any more.
// The verdict is in State.Judged.
func (r *Runner) Analyze(ctx context.Context, release Release, run rollout.Run, how Course, length time.Duration) (rollout.State, error) {
	return r.work(ctx, release, run, func(held context.Context, s *session) error {
		if err := s.load(held); err != nil {
			return err
		}
		if !s.state.Is(how.Version) {
			return RefusedError{rollout.Mismatch(s.state, how.Version)}
		}
		// A release found healthy at an earlier share is still watched at this one.
		healthy := length > 0 && s.state.Judged.Healthy()
		if length > 0 {
			how.Watch = timed(how.Watch, s.Now().Add(length), s.Now)
		}
		return s.follow(held, how, nil, rollout.Course{Run: run, Override: how.Override, Analyze: true, Healthy: healthy})
	})
}

// course holds what a session knows while it follows a release to its end.
type course struct {
	how     Course
	is      rollout.Course
	plan    *rollout.Plan // of a run; nil for an analysis
	heard   rollout.Heard
	people  *people
	gates   *gates  // nil before the first look
	watcher Watcher // nil before the first look

	peopleReadAt time.Time // when people's statements were last known
	announced    string    // what the last progress event said a look waits for
	stored       time.Time // when evidence was last stored
	checked      time.Time // when the share was last checked
	unstored     bool      // there is evidence worth storing
	mended       bool      // routes were set right, and the watcher does not know yet
}

// follow carries out decisions until there is nothing left to do.
func (s *session) follow(ctx context.Context, how Course, plan *rollout.Plan, is rollout.Course) error {
	c := &course{how: how, is: is, plan: plan, people: &people{}}
	s.course, s.mayGrow, s.onMark = c, s.readBeforeGrowth, c.people.recordMarked
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.heard.Answers = c.gates.answers()
		d := rollout.Decide(s.spec(), is, s.state, c.heard)
		var err error
		switch d.Do {
		case rollout.DoApply:
			err = s.carryOut(ctx, d.Fact)
		case rollout.DoLook:
			err = s.look(ctx, d.Why)
		case rollout.DoRead:
			s.readPeople(ctx)
		case rollout.DoAsk:
			c.gates.ask(d.Gate)
		case rollout.DoEnd:
			return s.ended(d)
		}
		if err != nil {
			return err
		}
	}
}

// ended returns the error of a course that has come to its end; nil if it succeeded.
func (s *session) ended(d rollout.Decision) error {
	c := s.course
	switch {
	case d.Why == nil:
		return nil
	case d.Unbegun:
		return RefusedError{d.Why}
	case c.heard.Failed != nil:
		return StoppedError{State: s.state, Action: c.heard.Failed.Action.Kind, Err: d.Why}
	}
	return StoppedError{State: s.state, Err: d.Why}
}

// carryOut passes the decided fact to Next and carries out the actions. The next decision
// sees the outcome.
func (s *session) carryOut(ctx context.Context, fact rollout.Fact) error {
	c := s.course
	err := s.begin(ctx, fact)
	if err == nil {
		err = s.move(ctx, fact)
	}
	var refused RefusedError
	var stopped StoppedError
	switch {
	case ctx.Err() != nil:
		return endedBy(ctx, err)
	case errors.Is(err, errNewStatements):
		c.heard.People = c.people.status(s.state.Started) // then decide again
	case errors.As(err, new(objectionError)) && s.state.Held == "":
	case errors.As(err, &refused) && c.heard.Begun:
		c.heard.Refused = refused.Refusal
	case errors.As(err, &stopped):
		c.heard.Begun = true
		c.heard.Failed = &rollout.Failed{Action: rollout.Action{Kind: stopped.Action}, Reason: stopped.Error(), Err: stopped.Err, Unready: errors.As(err, new(NotReadyError))}
	case err != nil:
		return err
	default:
		if !c.heard.Begun {
			c.heard.Reached = s.state.Weight
		}
		c.heard.Begun, c.heard.Failed = true, nil
	}
	return nil
}

// errCatastrophe and errRejected interrupt a change of the weight.
var (
	errCatastrophe = errors.New("the canary's requests are failing")
	errRejected    = errors.New("somebody rejects the release")
)

// move carries out a fact. While the weight changes, the watcher keeps looking for a
// catastrophe, and people can reject the release. Both interrupt the change, and the next
// decision takes them into account.
func (s *session) move(ctx context.Context, fact rollout.Fact) error {
	c := s.course
	request, is := fact.(rollout.Request)
	s.bypassCache = c.heard.Stale
	if is && request.Verb == rollout.Shift && c.heard.Judged != nil {
		c.checked, c.heard.Stale = c.heard.Judged.Time, false
	}
	if !is || request.Verb != rollout.Shift || c.watcher == nil {
		return s.step(ctx, fact, c.plan)
	}
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer c.people.onReject(func() { stop(errRejected) })()
	watched := make(chan *rollout.Judged, 1)
	go func() {
		judged, catastrophe := c.watcher.Guard(working)
		if !catastrophe {
			watched <- nil
			return
		}
		stop(errCatastrophe)
		watched <- &judged
	}()
	err := s.step(working, fact, nil)
	cause := context.Cause(working)
	stop(nil)
	if judged := <-watched; judged != nil {
		s.judged(*judged)
	}
	c.heard.People = c.people.status(s.state.Started)
	if ctx.Err() == nil && (errors.Is(cause, errCatastrophe) || errors.Is(cause, errRejected)) {
		return nil
	}
	return err
}

// saveInterval is how often evidence is stored while nothing changes, and how often the
// share is checked. If the process is killed, what it counted since the last save is
// lost.
const saveInterval = time.Minute

// look waits for news from the judge, from people or from a gate. why says what it waits
// for; nil means evidence.
func (s *session) look(ctx context.Context, why *rollout.Refusal) error {
	c := s.course
	if err := s.watch(ctx); err != nil {
		return err
	}
	switch {
	case why == nil:
		c.announced = ""
	case why.Error() != c.announced:
		c.announced = why.Error()
		s.progress("%v", why)
	}
	if c.unstored && c.heard.Judged != nil { // before the first look there is no evidence to store
		if err := s.save(ctx); err != nil {
			return err
		}
		c.unstored = false
	}
	if c.mended {
		c.watcher.Mended()
		c.mended = false
	}
	for _, p := range c.heard.People.Approved {
		if c.watcher.Approve(p.Gate) {
			s.progress("the difference in %s is approved by %s", p.Gate, cmp.Or(p.By, "somebody"))
		}
	}
	judged, err := c.watcher.Look(c.people.attend(ctx), s.state.Weight)
	c.heard.People = c.people.status(s.state.Started)
	switch {
	case errors.Is(err, errNews) && ctx.Err() == nil:
		return nil
	case errors.Is(err, errTime):
		c.heard.Over, c.unstored = true, true
		return nil
	case err != nil:
		return err
	}
	s.judged(judged)
	return nil
}

// watch starts the watcher, the listener and the gates once there is a canary to watch.
func (s *session) watch(ctx context.Context) error {
	c := s.course
	if c.watcher != nil {
		return nil
	}
	watcher, err := c.how.Watch(ctx, s.plan, s.state)
	if err != nil {
		return err
	}
	c.watcher = watcher
	s.listen(ctx)
	c.gates = newGates(ctx, c.how.Gatekeeper, c.people.wakeUp)
	return nil
}

// stopListening ends what watch started. It may have to wait, so it is called after the
// traffic is off.
func (s *session) stopListening() {
	if s.course == nil {
		return
	}
	s.course.gates.stop()
	s.course.people.stop()
}

// judged records a judgement and emits it.
func (s *session) judged(judged rollout.Judged) {
	c := s.course
	last := s.state.Judged
	s.next(judged)
	c.heard.Judged = &judged
	if last == nil || last.Verdict != judged.Verdict || last.Cause != judged.Cause || judged.Time.Sub(c.stored) >= saveInterval {
		c.stored, c.unstored = judged.Time, true
	}
	if c.checked.IsZero() {
		c.checked = judged.Time
	}
	if c.heard.Stale = judged.Time.Sub(c.checked) >= saveInterval; c.heard.Stale {
		c.people.invalidate(true)
		c.heard.People.Status = rollout.NotRead
	}
	s.Emit(rollout.Event{
		Time: s.Now().UTC(), Kind: rollout.EventProgress, Phase: s.state.Phase, Weight: s.state.Weight,
		Text: judged.Sentence(), Judged: judged.Shown(),
	})
}

// errTime reports that the time of an analysis is over.
var errTime = errors.New("the time is over")

// timed wraps watch so that it watches until end.
func timed(watch func(context.Context, rollout.Plan, rollout.State) (Watcher, error), end time.Time, now func() time.Time) func(context.Context, rollout.Plan, rollout.State) (Watcher, error) {
	return func(ctx context.Context, plan rollout.Plan, s rollout.State) (Watcher, error) {
		w, err := watch(ctx, plan, s)
		return timedWatcher{w, end, now}, err
	}
}

type timedWatcher struct {
	Watcher
	end time.Time
	now func() time.Time
}

func (w timedWatcher) Look(ctx context.Context, weight int) (rollout.Judged, error) {
	if !w.now().Before(w.end) {
		return rollout.Judged{}, errTime
	}
	return w.Watcher.Look(ctx, weight)
}
