// Package runner carries out what package rollout decides, through small
// interfaces, and tells what happens as events. Whatever it does is stored
// first: it can be killed at any instant, and the next process goes on.
package runner

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// Runner carries releases out. All fields but Options are needed.
type Runner struct {
	Objects   Objects
	Workloads Workloads
	Router    Router
	Store     Store
	Lock      Lock
	Inbox     Inbox
	// Now is the clock, and Wait pauses for a duration or until the context ends.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
	// Emit is told what happens, in order.
	Emit func(rollout.Event)
	Options
}

// Options are what the user can choose.
type Options struct {
	ReadyTimeout time.Duration // for pods to become ready
	HoldOnCancel bool          // keep the weight when interrupted
	Force        bool          // take stable's fields over from other owners
}

// Release names a release.
type Release struct{ Namespace, Name string }

func (r Release) String() string { return r.Namespace + "/" + r.Name }

// RefusedError is that nothing was done because the state of the release is not
// one for it.
type RefusedError struct{ rollout.Refusal }

func (e RefusedError) Error() string { return e.Text }

// StoppedError is that an action failed and the release stopped where it was
// safe.
type StoppedError struct {
	State  rollout.State      // as it was left
	Action rollout.ActionKind // the last one that failed, if one did
	Err    error
}

func (e StoppedError) Error() string { return e.Err.Error() }
func (e StoppedError) Unwrap() error { return e.Err }

// ErrInterrupted is that the context ended and traffic went back to stable, or
// stayed as Options.HoldOnCancel says.
var ErrInterrupted = errors.New("interrupted")

// cleanUp is how long the way out may take once the context has ended. A CI
// system kills 7.5 seconds after it interrupts.
const cleanUp = 5 * time.Second

// Load reads what is remembered of a release.
func (r *Runner) Load(ctx context.Context, release Release) (rollout.State, error) {
	s := session{Runner: r, release: release}
	err := s.load(ctx)
	return s.state, err
}

// Do does what is asked for and returns how the release was left. plan is that
// of a deployment; the other verbs go by the one that is stored.
func (r *Runner) Do(ctx context.Context, release Release, asked rollout.Asked, plan *rollout.Plan) (rollout.State, error) {
	if asked.Verb == rollout.Reject {
		if err := r.offAtOnce(ctx, release, asked); err != nil {
			return rollout.State{}, err
		}
	}
	held, unlock, err := r.Lock.Acquire(ctx, release.Namespace, release.Name, asked.Run.Holder)
	if err != nil {
		return rollout.State{}, err
	}
	defer unlock()
	s := session{Runner: r, release: release}
	err = s.do(held, asked, plan)
	if ctx.Err() != nil && s.busy {
		err = s.cancel(ctx)
	}
	return s.state, err
}

// offAtOnce takes traffic off the canary without waiting for another process to
// let go of the release, and asks that one to reject it: a weight of 0 is right
// whatever it does.
func (r *Runner) offAtOnce(ctx context.Context, release Release, asked rollout.Asked) error {
	s := session{Runner: r, release: release}
	if err := s.load(ctx); err != nil || !s.state.Phase.Active() {
		return err
	}
	if err := s.setWeight(ctx, rollout.Action{Kind: rollout.SetWeight}); err != nil {
		return err
	}
	if s.state.Phase != rollout.Standing && s.state.Phase != rollout.Shifting {
		return nil
	}
	return s.say(ctx, func(said *rollout.Said) { said.Rejected = "asked for by " + asked.Run.Holder })
}

// session is the work of one process on one release.
type session struct {
	*Runner
	release Release
	record  Record
	state   rollout.State
	plan    rollout.Plan
	tested  string                         // digest, from WaitCanary
	configs map[manifest.ID]map[string]any // of the canary, as they were compared with what was tested
	secrets map[manifest.ID]map[string]any // of the canary, as they were applied
	unsure  []byte                         // state of which nobody knows whether it was stored
	busy    bool                           // actions are announced and not done
	resumed bool                           // a process before this one began to promote

	watching   bool      // of a run: there may be traffic that nobody else watches
	remembered time.Time // when evidence was stored last
}

func (s *session) load(ctx context.Context) error {
	record, err := s.Store.Load(ctx, s.release.Namespace, s.release.Name)
	if err != nil || record.Version == "" {
		return err
	}
	s.record = record
	if s.state, err = rollout.ParseState(record.State); err != nil {
		return fmt.Errorf("release %s: %w", s.release, err)
	}
	s.resumed = s.state.Phase == rollout.Promoting
	if len(record.Plan) > 0 {
		if s.plan, err = rollout.Unpack(record.Plan); err != nil {
			return fmt.Errorf("release %s: %w", s.release, err)
		}
	}
	return nil
}

func (s *session) do(ctx context.Context, asked rollout.Asked, plan *rollout.Plan) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	return s.step(ctx, asked, plan)
}

func (s *session) limit() int {
	for _, route := range s.plan.Routes {
		if route.Canary.Kind == "TCPMapping" {
			return 50 // w/(w+100) with w at most 100
		}
	}
	return 100
}

func (s *session) next(fact rollout.Fact) []rollout.Action {
	before := s.state.Total
	state, actions := rollout.Next(rollout.Spec{Limit: s.limit()}, s.state, rollout.Observation{Time: s.Now(), Fact: fact})
	s.state = state
	for _, e := range state.History[max(0, len(state.History)-(state.Total-before)):] {
		s.Emit(e)
	}
	return actions
}

// drive observes fact and carries out what follows from it, to the end.
func (s *session) drive(ctx context.Context, fact rollout.Fact) error {
	var stopped error
	var broke rollout.ActionKind
	for {
		actions := s.next(fact)
		if len(actions) > 0 && actions[0].Kind == rollout.Refuse {
			return RefusedError{actions[0].Reason}
		}
		s.busy = len(actions) > 0
		if err := s.save(ctx); err != nil {
			return s.offFirst(ctx, actions, err)
		}
		if len(actions) == 0 {
			if stopped != nil {
				return StoppedError{s.state, broke, stopped}
			}
			return nil
		}
		action, err := s.perform(ctx, actions)
		if ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		fact = rollout.Finished{Tested: s.tested}
		if err != nil {
			stopped, broke = errors.Join(stopped, err), cmp.Or(broke, action.Kind)
			fact = rollout.Failed{Action: action, Reason: err.Error(), Untouched: !s.resumed && errors.As(err, new(untouchedError))}
		}
	}
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
	if err != nil || bytes.Equal(text, s.record.State) {
		return err
	}
	record := Record{Version: s.record.Version, State: text, Plan: s.record.Plan}
	if !s.state.Phase.Active() {
		record.Plan = nil // there is nothing left to promote
	}
	if s.state.Phase == rollout.None {
		return nil
	}
	version, err := s.Store.Save(ctx, s.release.Namespace, s.release.Name, record)
	if errors.Is(err, ErrChanged) && s.unsure != nil {
		// The interrupted write before this one was taken all the same.
		if stored, failed := s.Store.Load(ctx, s.release.Namespace, s.release.Name); failed == nil && bytes.Equal(stored.State, s.unsure) {
			record.Version = stored.Version
			version, err = s.Store.Save(ctx, s.release.Namespace, s.release.Name, record)
		}
	}
	if err != nil {
		s.unsure = text
		return fmt.Errorf("release %s: %w", s.release, err)
	}
	record.Version = version
	s.record, s.unsure = record, nil
	return nil
}

// cancel leaves the release safe after the context has ended. There is little
// time, so traffic goes first and is written down then: whoever finds the old
// state finds less traffic than it says, which harms nobody.
func (s *session) cancel(ctx context.Context) error {
	out, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer stop()
	actions := s.next(rollout.Cancelled{Hold: s.HoldOnCancel})
	_, err := s.perform(out, actions)
	if err = errors.Join(err, s.save(out)); err != nil {
		return fmt.Errorf("interrupted, and traffic may still reach the canary: %w; run canarize reject %s -n %s", err, s.release.Name, s.release.Namespace)
	}
	return ErrInterrupted
}
