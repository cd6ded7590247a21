package runner

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// session is the work of one process on one release.
type session struct {
	*Runner
	release Release
	lock    Hold // nil without one
	record  Record
	state   rollout.State
	plan    rollout.Plan
	tested  string                         // digest, from WaitCanary
	proof   rollout.Proof                  // from the last Verify
	configs map[manifest.ID]map[string]any // of the canary, as they were compared with what was tested
	secrets map[manifest.ID]map[string]any // of the canary, as they were applied
	unsure  []byte                         // state of which nobody knows whether it was stored

	confirmed bool // the plan is the one that the canary was deployed with
	doubtful  bool // the record is not confirmed; the routes were found by their labels

	raising bool // what is being stored gives the canary more traffic, or promotes it
	fresh   bool // no canary of a release before can have traffic

	engaged bool // this process has something to leave safely
	touched bool // stable objects may be of the new version
	course  *course
}

// RecordError reports that what is stored of a release cannot be read. What the cluster
// has of its canary can still be found by labels.
type RecordError struct{ Err error }

func (e RecordError) Error() string { return e.Err.Error() }
func (e RecordError) Unwrap() error { return e.Err }

func (s *session) load(ctx context.Context) error {
	record, err := s.Store.Load(ctx, s.release.Namespace, s.release.Name)
	if err != nil || record.Version == "" {
		return err
	}
	state, err := rollout.ParseState(record.State)
	if err != nil {
		return RecordError{fmt.Errorf("release %s: %w", s.release, err)}
	}
	if len(record.Plan) > 0 {
		if s.plan, err = rollout.Unpack(record.Plan); err != nil {
			return RecordError{fmt.Errorf("release %s: %w", s.release, err)}
		}
	}
	s.record, s.state = record, state
	s.touched = s.state.Phase == rollout.Promoting
	s.expose()
	return nil
}

// expose tells whether the canary is known to have traffic.
func (s *session) expose() {
	if s.Exposed != nil {
		unknown := s.state.Verified != 0 && s.state.Phase != rollout.Deploying
		s.Exposed(s.state.Phase.Active() && (s.state.Weight > 0 || s.state.Peak > 0 || unknown))
	}
}

func (s *session) spec() rollout.Spec { return rollout.Spec{Limit: s.limit()} }

func (s *session) limit() int {
	for _, route := range s.plan.Routes {
		if route.Canary.Kind == "TCPMapping" {
			return 50 // w/(w+100) with w at most 100
		}
	}
	return 100
}

// next tells the machine a fact, and others what happened.
func (s *session) next(fact rollout.Fact) []rollout.Action {
	actions, events := s.decide(fact)
	s.emit(events)
	return actions
}

// decide tells the machine a fact, and gives what happened.
func (s *session) decide(fact rollout.Fact) ([]rollout.Action, []rollout.Event) {
	before := s.state.Total
	state, actions := rollout.Next(s.spec(), s.state, rollout.Observation{Time: s.Now(), Fact: fact})
	s.state = state
	s.expose()
	return actions, state.History[max(0, len(state.History)-(state.Total-before)):]
}

func (s *session) emit(events []rollout.Event) {
	for _, e := range events {
		s.Emit(e)
	}
}

// drive tells the machine a fact and carries out what follows from it, to the end.
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
			return errors.Join(err, context.Cause(ctx))
		}
		fact = rollout.Finished{Tested: s.tested, Proof: s.proof}
		if err != nil {
			stopped, broke = errors.Join(stopped, err), cmp.Or(broke, action.Kind)
			fact = rollout.Failed{Action: action, Reason: err.Error(), Untouched: errors.As(err, new(untouchedError)), Objected: errors.As(err, new(objectionError)), Unready: errors.As(err, new(NotReadyError)), Proof: s.proof}
		}
		actions = s.next(fact)
		if len(actions) == 0 && s.course != nil && s.state.Phase == rollout.Standing {
			s.course.unstored = true // the look that comes stores it
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

// announce tells the machine a fact and stores what follows from it, before anything of
// that is done.
func (s *session) announce(ctx context.Context, fact rollout.Fact) ([]rollout.Action, error) {
	before := s.state
	actions, events := s.decide(fact)
	if len(actions) > 0 && actions[0].Kind == rollout.Refuse {
		s.emit(events)
		return nil, RefusedError{actions[0].Reason}
	}
	s.raising = s.course != nil && raises(before, fact)
	err := s.save(ctx)
	if s.raising = false; errors.Is(err, errSpoken) {
		s.state = before
		s.expose()
		return nil, err
	}
	s.emit(events)
	s.engaged = s.course != nil || len(actions) > 0
	if err != nil {
		return nil, s.offFirst(ctx, actions, err)
	}
	if s.course != nil {
		s.course.known = s.Now()
	}
	return actions, nil
}

// raises says whether a fact gives the canary more traffic, or promotes it.
func raises(s rollout.State, fact rollout.Fact) bool {
	asked, is := fact.(rollout.Asked)
	return is && (asked.Verb == rollout.Promote || asked.Verb == rollout.Shift && asked.Weight > s.Weight)
}

// offFirst takes traffic off the canary though the state could not be stored:
// whoever comes next finds a weight of 0, which is never wrong.
func (s *session) offFirst(ctx context.Context, actions []rollout.Action, cause error) error {
	off := rollout.Action{Kind: rollout.SetWeight}
	if len(actions) == 0 || actions[0] != off || errors.Is(cause, ErrChanged) {
		return cause
	}
	_, err := s.perform(ctx, actions[:1])
	return errors.Join(cause, err)
}

// save stores the state when it differs from the one that is stored.
func (s *session) save(ctx context.Context) error {
	text, err := json.Marshal(s.state)
	if err != nil || bytes.Equal(text, s.record.State) || s.state.Phase == rollout.None {
		return err
	}
	record := Record{Version: s.record.Version, State: text, Plan: s.record.Plan, Said: s.record.Said}
	if !s.state.Phase.Active() {
		record.Plan = nil // there is nothing left to promote
	}
	version, err := s.Store.Save(ctx, s.release.Namespace, s.release.Name, record)
	if errors.Is(err, ErrChanged) {
		version, err = s.saveAgain(ctx, record, err)
	}
	if errors.Is(err, errSpoken) {
		return err
	}
	if err != nil {
		s.unsure = text
		return fmt.Errorf("release %s: %w", s.release, err)
	}
	record.Said = s.record.Said
	record.Version = version
	s.record, s.unsure = record, nil
	return nil
}

// saveAgain stores a record over one that has another version than expected, if what
// is in it is this process's own: as it was stored last, or by a write before this one
// that was interrupted and taken all the same. Others may have left a mark that they
// have spoken; then nothing is raised before that was read.
func (s *session) saveAgain(ctx context.Context, record Record, refused error) (version string, err error) {
	for n := 1; ; n++ { // every word that somebody leaves makes the record another one
		stored, err := s.Store.Load(ctx, s.release.Namespace, s.release.Name)
		if err != nil {
			return "", errors.Join(refused, err)
		}
		own := bytes.Equal(stored.State, s.record.State) && bytes.Equal(stored.Plan, s.record.Plan)
		if !own && (s.unsure == nil || !bytes.Equal(stored.State, s.unsure)) {
			if stored.Version == "" {
				return "", errRecordGone
			}
			return "", refused
		}
		if stored.Said != s.record.Said {
			s.record.Said, s.record.Version, s.record.State = stored.Said, stored.Version, stored.State
			if s.course != nil {
				s.course.people.called()
			}
			if s.raising {
				return "", errSpoken
			}
		}
		record.Version, record.Said = stored.Version, stored.Said
		version, err = s.Store.Save(ctx, s.release.Namespace, s.release.Name, record)
		if !errors.Is(err, ErrChanged) || n == attempts {
			return version, err
		}
	}
}

// errSpoken reports that somebody said something before what was to be done was stored.
var errSpoken = errors.New("somebody has said something about the release")

// errRecordGone reports that somebody deleted the record while a process worked.
var errRecordGone = errors.New("somebody has deleted what is remembered of the release; see canarize doctor for what is left of the canary")
