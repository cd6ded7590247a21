package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/analysis"
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
	// Ask waits until a gate agrees; the error says why it does not.
	Ask(ctx context.Context, gate rollout.Gate) error
}

// Course is how a release is carried out by a run.
type Course struct {
	// Watch begins to watch a release whose canary stands in the cluster.
	Watch      func(ctx context.Context, plan rollout.Plan, s rollout.State) (Watcher, error)
	Gates      []rollout.Gate
	Gatekeeper Gatekeeper // needed with Gates
}

// errCatastrophe interrupts an action.
var errCatastrophe = errors.New("the canary's requests are failing")

// Run carries a release out to its end: it deploys, and then does what the judge
// says. A run of the same plan before this one is gone on with, with its evidence.
// The release is locked all the time. Whatever ends it leaves no traffic on a canary
// that nobody watches, but for Options.HoldOnCancel.
func (r *Runner) Run(ctx context.Context, release Release, asked rollout.Asked, plan *rollout.Plan, course Course) (rollout.State, error) {
	return r.locked(ctx, release, asked, func(held context.Context, s *session) error {
		return s.run(held, asked, plan, course)
	})
}

// Analyze watches a release that stands in the cluster for a time, 0 without an end,
// or until the judge has decided. It moves no weight, but that a canary that is
// rejected gets no traffic any more. The verdict is in State.Judged.
func (r *Runner) Analyze(ctx context.Context, release Release, asked rollout.Asked, course Course, length time.Duration) (rollout.State, error) {
	return r.locked(ctx, release, asked, func(held context.Context, s *session) error {
		return s.analyze(held, asked, course, length)
	})
}

// locked does something of length with a release.
func (r *Runner) locked(ctx context.Context, release Release, asked rollout.Asked, do func(context.Context, *session) error) (rollout.State, error) {
	held, unlock, err := r.Lock.Acquire(ctx, release.Namespace, release.Name, asked.Run.Holder)
	if err != nil {
		return rollout.State{}, err
	}
	defer unlock()
	s := session{Runner: r, release: release}
	err = do(held, &s)
	switch {
	case ctx.Err() != nil && (s.busy || s.watching):
		err = s.cancel(ctx)
	case held.Err() == nil && s.watching && s.state.Phase.Active():
		err = s.withdraw(held, err)
	}
	return s.state, err
}

// withdraw leaves a release that the run cannot go on with.
func (s *session) withdraw(ctx context.Context, err error) error {
	if s.state.Held != "" || s.state.Weight == 0 || err == nil {
		return err
	}
	stopped := s.drive(ctx, rollout.Withdrawn{Reason: err.Error()})
	return StoppedError{State: s.state, Err: errors.Join(err, stopped)}
}

func (s *session) run(ctx context.Context, asked rollout.Asked, plan *rollout.Plan, course Course) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	first, err := s.first(ctx, asked, plan)
	if err != nil {
		return err
	}
	if first.Verb == rollout.Deploy {
		if err := s.preflight(ctx, plan); err != nil {
			return err
		}
	}
	s.watching = s.state.Phase.Active() && s.state.Weight > 0
	if err := s.step(ctx, first, plan); err != nil {
		return s.backOut(ctx, asked, err)
	}
	s.watching = s.state.Phase.Active()
	if s.state.Phase != rollout.Standing {
		return nil
	}
	return s.follow(ctx, asked, course)
}

// first is what a run begins with: where a run of the same plan stopped, if there
// was one.
func (s *session) first(ctx context.Context, asked rollout.Asked, plan *rollout.Plan) (rollout.Asked, error) {
	digest, err := rollout.Digest(plan.Stable, plan.Canary)
	if err != nil {
		return asked, err
	}
	asked.Verb = rollout.Deploy
	if s.state.Plan != digest {
		return asked, nil
	}
	if s.state.Held != "" && !asked.Override && s.state.Phase != rollout.Deploying {
		return asked, RefusedError{rollout.Held(s.state, s.release.Name)}
	}
	switch s.state.Phase {
	case rollout.Standing, rollout.Shifting:
		asked.Verb, asked.Weight = rollout.Shift, s.state.Weight
		said, err := s.heard(ctx)
		if err != nil {
			return asked, err
		}
		if said.Rejected != "" { // by a process that was killed then
			asked.Verb, asked.Why = rollout.Reject, said.Rejected
		}
	case rollout.Promoting, rollout.Retiring:
		asked.Verb = rollout.Promote
	case rollout.Promoted: // by an attempt of the same pipeline run before this one
		if asked.Run.System != "" && asked.Run.ID == s.state.Run.ID {
			asked.Verb = rollout.Promote
		}
	case rollout.Rejecting:
		asked.Verb = rollout.Reject
	}
	return asked, nil
}

// step does one thing that is asked for.
func (s *session) step(ctx context.Context, asked rollout.Asked, plan *rollout.Plan) error {
	asked.Name = s.release.Name
	if err := s.prepare(ctx, &asked, plan); err != nil {
		return err
	}
	return s.drive(ctx, asked)
}

// backOut rejects a release whose canary's pods do not become ready, and one that
// did not come as far as standing in the cluster. Of all other errors somebody has
// to decide what they mean.
func (s *session) backOut(ctx context.Context, asked rollout.Asked, err error) error {
	var stopped StoppedError
	if ctx.Err() != nil || !errors.As(err, &stopped) {
		return err
	}
	pods := stopped.Action == rollout.WaitCanary || stopped.Action == rollout.Scale
	if s.state.Phase != rollout.Deploying && !pods {
		return err
	}
	asked.Verb, asked.Why = rollout.Reject, err.Error()
	return s.step(ctx, asked, nil)
}

// follow does what the judge says until the release is over or held.
func (s *session) follow(ctx context.Context, asked rollout.Asked, course Course) error {
	watcher, err := course.Watch(ctx, s.plan, s.state)
	if err != nil {
		return err
	}
	people, stop := s.listen(ctx)
	defer stop()
	gates := s.gates(ctx, course)
	defer gates.stop()
	for s.state.Phase == rollout.Standing && s.state.Held == "" {
		due, err := s.look(ctx, people, watcher)
		if err != nil && !errors.Is(err, errSaid) {
			return err
		}
		noted := s.state.Total
		next := s.decide(people, gates)
		if next.Verb == "" { // otherwise the evidence is stored with what is announced
			if due || s.state.Held != "" || s.state.Total > noted {
				if err := s.save(ctx); err != nil {
					return err
				}
			}
			continue
		}
		next.Run = asked.Run
		if err := s.move(ctx, watcher, next); err != nil {
			if err := s.backOut(ctx, asked, err); err != nil {
				return err
			}
		}
	}
	if s.state.Held != "" {
		return StoppedError{State: s.state, Err: errors.New(s.state.Held)}
	}
	return nil
}

// decide is what to do now: what the judge asks for, if nobody objects. Without a
// verb it is nothing.
func (s *session) decide(people *people, gates *gates) rollout.Asked {
	said := people.said(s.state.Started)
	if said.Rejected != "" {
		return rollout.Asked{Verb: rollout.Reject, Why: said.Rejected}
	}
	if s.state.Held != "" {
		return rollout.Asked{}
	}
	next, moves := rollout.Follow(s.state, s.limit())
	if !moves && s.state.Judged != nil && s.remembered.Equal(s.state.Judged.Time) {
		// From time to time it is looked whether somebody else moved the weight.
		return rollout.Asked{Verb: rollout.Shift, Weight: s.state.Weight}
	}
	if next.Verb != rollout.Promote && (next.Verb != rollout.Shift || next.Weight < s.state.Weight) {
		return next
	}
	if said.Hold != "" {
		s.progress("nothing is raised or promoted: %s; canarize resume %s ends that", said.Hold, s.release.Name)
		return rollout.Asked{}
	}
	open, err := gates.open(next, said.Approved)
	switch {
	case err != nil:
		return rollout.Asked{Verb: rollout.Reject, Why: err.Error()}
	case !open:
		return rollout.Asked{}
	}
	return next
}

// move does what was decided while the watcher goes on looking for a catastrophe,
// which ends it in a rejection.
func (s *session) move(ctx context.Context, watcher Watcher, asked rollout.Asked) error {
	if asked.Verb != rollout.Shift {
		return s.step(ctx, asked, nil)
	}
	working, stop := context.WithCancelCause(ctx)
	watched := make(chan *rollout.Judged, 1)
	go func() {
		judged, catastrophe := watcher.Guard(working)
		if !catastrophe {
			watched <- nil
			return
		}
		stop(errCatastrophe)
		watched <- &judged
	}()
	err := s.step(working, asked, nil)
	stop(nil)
	judged := <-watched
	if judged == nil || ctx.Err() != nil {
		return err
	}
	s.tell(*judged)
	asked.Verb, asked.Why = rollout.Reject, judged.Reason
	return s.step(ctx, asked, nil)
}

// rememberEvery is how often the evidence is stored while nothing changes. What a
// killed process had counted since is not counted at all.
const rememberEvery = time.Minute

// look asks the judge, and says whether it is due that what it says is stored. The
// error is errSaid when somebody said something before there was anything new to know.
func (s *session) look(ctx context.Context, people *people, watcher Watcher) (due bool, err error) {
	judged, err := watcher.Look(people.attend(ctx), s.state.Weight)
	if err != nil {
		return false, err
	}
	last := s.state.Judged
	s.tell(judged)
	if last != nil && last.Verdict == judged.Verdict && last.Cause == judged.Cause && judged.Time.Sub(s.remembered) < rememberEvery {
		return false, nil
	}
	s.remembered = judged.Time
	return true, nil
}

// tell takes a judgement in, and shows it.
func (s *session) tell(judged rollout.Judged) {
	s.next(judged)
	s.Emit(rollout.Event{
		Time: s.Now().UTC(), Kind: rollout.EventProgress, Phase: s.state.Phase, Weight: s.state.Weight,
		Text: judged.Sentence(), Judged: judged.Shown(),
	})
}

func (s *session) analyze(ctx context.Context, asked rollout.Asked, course Course, length time.Duration) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	switch {
	case s.state.Phase != rollout.Standing:
		return RefusedError{rollout.Refusal{Text: fmt.Sprintf("there is no canary that stands in the cluster, so there is nothing to analyze%s; see canarize status %s", rollout.PhaseNote(s.state.Phase), s.release.Name)}}
	case s.state.Held != "" && !asked.Override:
		return RefusedError{rollout.Held(s.state, s.release.Name)}
	}
	s.watching = s.state.Weight > 0
	watcher, err := course.Watch(ctx, s.plan, s.state)
	if err != nil {
		return err
	}
	people, stop := s.listen(ctx)
	defer stop()
	// What was found healthy at an earlier share is watched at this one all the same.
	healthy := length > 0 && s.state.Judged != nil && s.state.Judged.Verdict == analysis.Promote
	end := s.Now().Add(length)
	for length == 0 || s.Now().Before(end) {
		due, err := s.look(ctx, people, watcher)
		if err != nil && !errors.Is(err, errSaid) {
			return err
		}
		if due {
			if err := s.save(ctx); err != nil {
				return err
			}
		}
		if said := people.said(s.state.Started); said.Rejected != "" {
			asked.Verb, asked.Why = rollout.Reject, said.Rejected
			return s.step(ctx, asked, nil)
		}
		switch j := s.state.Judged; {
		case j == nil:
		case j.Verdict == analysis.Reject && s.state.Weight > 0:
			return s.drive(ctx, rollout.Withdrawn{Reason: j.Reason})
		case j.Verdict == analysis.Reject, j.Verdict == analysis.Promote && !healthy, j.Inconclusive:
			s.watching = false
			return nil
		}
	}
	if s.state.Judged != nil { // with what was found out since it was stored last
		if err := s.save(ctx); err != nil {
			return err
		}
	}
	s.watching = false
	return nil
}
