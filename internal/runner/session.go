package runner

import (
	"cmp"
	"context"
	"errors"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// session is the work of one process on one release. It passes facts to rollout.Next and
// carries out the actions that follow.
type session struct {
	actor
	lock    Hold // nil without a lock
	engaged bool // this process must leave the release in a safe state
	course  *course
}

func (r *Runner) session(release Release) *session {
	return &session{actor: actor{ledger: ledger{Runner: r, release: release}}}
}

// actor carries out actions on the cluster, and reads from it what rollout.Next has to
// know.
type actor struct {
	ledger
	state   rollout.State
	plan    rollout.Plan
	tested  string                         // digest, set by WaitCanary
	proof   rollout.Proof                  // of the last Verify
	configs map[manifest.ID]map[string]any // the canary's, as compared with what was tested
	secrets map[manifest.ID]map[string]any // the canary's, as applied

	confirmed   bool // the plan is the one the canary was deployed with
	doubtful    bool // the record is not confirmed; the routes were found by label
	fresh       bool // no earlier canary can have traffic
	touched     bool // stable objects may be of the new version
	bypassCache bool // read routes from the API server, not from a watch

	sure    func(context.Context) error // waits until the lock is certainly held; nil without a lock
	mayGrow func(context.Context) error // returns why the weight may not grow; nil if it always may
}

// load reads the stored record of the release.
func (s *session) load(ctx context.Context) error {
	state, plan, err := s.read(ctx)
	if err != nil {
		return err
	}
	s.state, s.plan = state, plan
	s.touched = s.state.Phase == rollout.Promoting
	s.expose()
	return nil
}

// expose reports to Exposed whether the canary has or may have traffic.
func (s *session) expose() {
	if s.Exposed != nil {
		unknown := s.state.Verified != 0 && s.state.Phase != rollout.Deploying
		s.Exposed(s.state.Phase.Active() && (s.state.Weight > 0 || s.state.Peak > 0 || unknown))
	}
}

func (s *session) spec() rollout.Spec { return rollout.Spec{Limit: s.Router.Limit(s.plan.Routes)} }

// next applies a fact and emits the events that follow.
func (s *session) next(fact rollout.Fact) []rollout.Action {
	actions, events := s.decide(fact)
	s.emit(events, fact)
	return actions
}

// decide applies a fact and returns the actions and events that follow.
func (s *session) decide(fact rollout.Fact) ([]rollout.Action, []rollout.Event) {
	before := s.state.Total
	state, actions := rollout.Next(s.spec(), s.state, rollout.Observation{Time: s.Now(), Fact: fact})
	s.state = state
	s.expose()
	return actions, state.History[max(0, len(state.History)-(state.Total-before)):]
}

// emit emits the events that follow from a fact.
func (s *session) emit(events []rollout.Event, fact rollout.Fact) {
	failed, _ := fact.(rollout.Failed)
	for _, e := range events {
		if e.Kind == rollout.EventFailed {
			e.Cause = failed.Err
		}
		s.Emit(e)
	}
}

// drive applies a fact and carries out what follows from it, to the end.
func (s *session) drive(ctx context.Context, fact rollout.Fact) error {
	actions, err := s.announce(ctx, fact)
	if err != nil {
		return err
	}
	var stopped error
	var broke rollout.ActionKind
	for len(actions) > 0 {
		s.proof = ""
		action, err := s.perform(ctx, actions)
		if ctx.Err() != nil {
			return endedBy(ctx, err)
		}
		fact = rollout.Finished{Tested: s.tested, Proof: s.proof}
		if err != nil {
			stopped, broke = also(stopped, err), cmp.Or(broke, action.Kind)
			fact = rollout.Failed{Action: action, Reason: err.Error(), Err: err, Untouched: errors.As(err, new(untouchedError)), Objected: errors.As(err, new(objectionError)), Unready: errors.As(err, new(NotReadyError)), Taken: takenOf(err), Proof: s.proof}
		}
		braked := s.state.Braked
		if actions = s.next(fact); s.state.Braked && !braked && s.state.Phase != rollout.Shifting {
			stopped, broke = nil, "" // the brake replaces the gateway
		}
		if len(actions) == 0 && s.course != nil && s.state.Phase == rollout.Standing {
			s.course.unstored = true // the next look stores it
			break
		}
		if err := s.save(ctx); err != nil {
			return s.offFirst(ctx, actions, err)
		}
	}
	s.engaged = s.course != nil
	if stopped != nil {
		return StoppedError{s.state, broke, stopped}
	}
	return nil
}

// also joins an error with an earlier one. If the gateway does not give the wanted share,
// and then not 0 % either, the first error says everything.
func also(earlier, err error) error {
	if notTaken(earlier) && notTaken(err) {
		return earlier
	}
	return errors.Join(earlier, err)
}

func notTaken(err error) bool {
	var r *rollout.Refusal
	return errors.As(err, &r) && r.Code == rollout.RefusedNotTaken
}

// endedBy returns the error of work that ended with its context: the cause of the
// context, joined with any other error.
func endedBy(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || errors.Is(err, cause) {
		return cause
	}
	return errors.Join(err, cause)
}

// announce applies a fact and stores the new state before any action that follows.
func (s *session) announce(ctx context.Context, fact rollout.Fact) ([]rollout.Action, error) {
	before := s.state
	actions, events := s.decide(fact)
	if len(actions) > 0 && actions[0].Kind == rollout.Refuse {
		s.emit(events, fact)
		return nil, RefusedError{actions[0].Reason}
	}
	s.raising = s.course != nil && raises(before, fact)
	err := s.save(ctx)
	if s.raising = false; errors.Is(err, errNewStatements) {
		s.state = before
		s.expose()
		return nil, err
	}
	s.emit(events, fact)
	s.engaged = s.course != nil || len(actions) > 0
	if err != nil {
		return nil, s.offFirst(ctx, actions, err)
	}
	if s.course != nil {
		s.course.peopleReadAt = s.Now()
	}
	return actions, nil
}

// raises reports whether a fact gives the canary more traffic, or promotes it.
func raises(s rollout.State, fact rollout.Fact) bool {
	request, is := fact.(rollout.Request)
	return is && (request.Verb == rollout.Promote || request.Verb == rollout.Shift && request.Weight > s.Weight)
}

// offFirst takes the traffic off the canary although the state could not be stored. A
// weight of 0 is right for whoever comes next.
func (s *session) offFirst(ctx context.Context, actions []rollout.Action, cause error) error {
	off := rollout.Action{Kind: rollout.SetWeight}
	if len(actions) == 0 || actions[0] != off || errors.Is(cause, ErrChanged) {
		return cause
	}
	_, err := s.perform(ctx, actions[:1])
	return errors.Join(cause, err)
}

func (s *session) save(ctx context.Context) error { return s.store(ctx, s.state) }
