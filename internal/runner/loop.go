package runner

import (
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Watcher watches a release while its canary gets traffic.
type Watcher interface {
	// Look waits until there is something new to know at a weight in percent, and
	// gives what the judge says.
	Look(ctx context.Context, weight int) (rollout.Judged, error)
	// Guard watches while the weight is being moved. It gives what the judge says of a
	// catastrophe, if there was one before ctx ended.
	Guard(ctx context.Context) (judged rollout.Judged, catastrophe bool)
}

// Gatekeeper asks gates.
type Gatekeeper interface {
	// Ask waits until a gate agrees, and gives who answered; the error says why it does
	// not agree.
	Ask(ctx context.Context, gate rollout.Gate) (by string, err error)
}

// Course is how a release is carried out by a run.
type Course struct {
	// Watch begins to watch a release whose canary stands in the cluster.
	Watch      func(ctx context.Context, plan rollout.Plan, s rollout.State) (Watcher, error)
	Gates      []rollout.Gate
	Gatekeeper Gatekeeper // needed with Gates
	First      int        // the smallest share of the ramp, in percent
	// Override goes on although the release is held, Unverified although no gateway can
	// be asked for a share.
	Override, Unverified bool
	Version              string // of an analysis: the version that is meant; "" is any
}

// Run carries a release out to its end: it deploys, and then does what the judge
// says. A run of the same plan before this one is gone on with, with its evidence.
// The release is locked all the time. Whatever ends it leaves no traffic on a canary
// that nobody watches, but for Options.HoldOnCancel.
func (r *Runner) Run(ctx context.Context, release Release, run rollout.Run, plan *rollout.Plan, how Course) (rollout.State, error) {
	return r.work(ctx, release, run, func(held context.Context, s *session) error {
		digest, err := rollout.Digest(plan.Stable, plan.Canary)
		if err != nil {
			return err
		}
		if err := s.load(held); err != nil {
			return err
		}
		s.engaged = s.state.Guarded && s.state.Phase.Active() // by a run that has died
		return s.follow(held, how, plan, rollout.Course{
			Run: run, Plan: digest, Gates: how.Gates, First: how.First, Override: how.Override, Unverified: how.Unverified,
		})
	})
}

// Analyze watches a release that stands in the cluster for a time, 0 without an end,
// or until the judge has decided. It moves no weight, but that a canary that is
// rejected gets no traffic any more. The verdict is in State.Judged.
func (r *Runner) Analyze(ctx context.Context, release Release, run rollout.Run, how Course, length time.Duration) (rollout.State, error) {
	return r.work(ctx, release, run, func(held context.Context, s *session) error {
		if err := s.load(held); err != nil {
			return err
		}
		if !s.state.Is(how.Version) {
			return RefusedError{rollout.Mismatch(s.state, how.Version)}
		}
		// What was found healthy at an earlier share is watched at this one all the same.
		healthy := length > 0 && s.state.Judged.Healthy()
		if length > 0 {
			how.Watch = timed(how.Watch, s.Now().Add(length), s.Now)
		}
		return s.follow(held, how, nil, rollout.Course{Run: run, Override: how.Override, Analyze: true, Healthy: healthy})
	})
}

// course is what a session that follows a release to its end knows.
type course struct {
	how     Course
	is      rollout.Course
	plan    *rollout.Plan // of a run
	heard   rollout.Heard
	people  *people
	gates   *gates  // nil before it is watched
	watcher Watcher // nil before it is watched

	peopleReadAt time.Time // when it was known last what people say
	announced    string    // what a look was last said to wait for
	stored       time.Time // when evidence was stored last
	checked      time.Time // when it was last looked whether the share is still there
	unstored     bool      // there is something that is worth storing
}

// follow does what is decided until there is nothing left to do.
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

// ended is the error of a course that has come to its end; nil where it succeeded.
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

// carryOut tells the machine what was decided, and does what it announces. What came of
// it is heard by the next decision.
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
		c.heard.People = c.people.status(s.state.Started) // and it is decided again
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

// begin checks what a run needs before it deploys.
func (s *session) begin(ctx context.Context, fact rollout.Fact) error {
	c := s.course
	if request, is := fact.(rollout.Request); !is || request.Verb != rollout.Deploy || c.heard.Begun {
		return nil
	}
	return s.preflight(ctx, c.plan, c.how.Unverified)
}

// errCatastrophe and errRejected interrupt a move of the weight.
var (
	errCatastrophe = errors.New("the canary's requests are failing")
	errRejected    = errors.New("somebody rejects the release")
)

// move carries a fact out. While the weight is moved the watcher goes on looking for a
// catastrophe, and people can reject: both end the move, and the next decision heeds
// them.
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

// rememberEvery is how often the evidence is stored while nothing changes, and how
// often it is looked whether the share is still there. What a killed process had
// counted since is not counted at all.
const saveInterval = time.Minute

// look waits until there is something new: from the judge, from people, or from a gate.
// why is what it waits for, nil where that is evidence.
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
	if c.unstored && c.heard.Judged != nil { // before the first look there is nothing to wait for
		if err := s.save(ctx); err != nil {
			return err
		}
		c.unstored = false
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

// watch begins to watch and to listen, once there is something to watch.
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

// deafen ends what watch began, when the way out has been taken: it may have to wait.
func (s *session) stopListening() {
	if s.course == nil {
		return
	}
	s.course.gates.stop()
	s.course.people.stop()
}

// judged takes a judgement in, and shows it.
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

// timed watches until a time.
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
