// Package runner carries out what package rollout decides, through small
// interfaces, and tells what happens as events. Whatever it does is stored
// first: it can be killed at any instant, and the next process goes on.
package runner

import (
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
)

// Runner carries releases out. All fields but Options are needed.
type Runner struct {
	Objects   Objects
	Workloads Workloads
	Router    route.Live
	Store     Store
	Lock      Lock
	Inbox     Inbox
	// Now is the clock, and Wait pauses for a duration or until the context ends.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
	// Emit is told what happens, in order. It does not block.
	Emit func(rollout.Event)
	// Exposed, if not nil, is told whether the canary is known to have traffic, or may
	// have: then nothing that could take it off is given up.
	Exposed func(bool)
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

// RefusedError reports that the request does not fit the state of the release; nothing
// was changed.
type RefusedError struct{ *rollout.Refusal }

func (e RefusedError) Unwrap() error { return e.Refusal }

// StoppedError reports that the release stopped where it is safe before it came to its
// end: an action failed, or somebody has to decide.
type StoppedError struct {
	State  rollout.State      // as it was left
	Action rollout.ActionKind // the last one that failed, if one did
	Err    error
}

func (e StoppedError) Error() string { return e.Err.Error() }
func (e StoppedError) Unwrap() error { return e.Err }

// Load reads what is remembered of a release.
func (r *Runner) Load(ctx context.Context, release Release) (rollout.State, error) {
	s := r.session(release)
	err := s.load(ctx)
	return s.state, err
}

// Do does what is asked for and returns how the release was left. plan is that
// of a deployment; the other verbs go by the one that is stored.
func (r *Runner) Do(ctx context.Context, release Release, request rollout.Request, plan *rollout.Plan) (rollout.State, error) {
	if request.Verb == rollout.Reject {
		if err := r.zeroFirst(ctx, release, request); err != nil {
			return rollout.State{}, err
		}
	}
	return r.work(ctx, release, request.Run, func(held context.Context, s *session) error {
		if err := s.load(held); err != nil {
			return err
		}
		return s.step(held, request, plan)
	})
}

// offAtOnce takes traffic off the canary without waiting for another process to
// let go of the release, and asks that one to reject it: a weight of 0 is right
// whatever it does.
func (r *Runner) zeroFirst(ctx context.Context, release Release, request rollout.Request) error {
	s := r.session(release)
	err := s.load(ctx)
	switch unreadable := errors.As(err, new(RecordError)); {
	case unreadable || err == nil && !s.state.Phase.Active():
		return s.zeroByLabel(ctx, err)
	case err != nil:
		return err
	}
	if err := s.confirmOrFind(ctx); err != nil {
		return err
	}
	if err := s.setWeight(ctx, rollout.Action{Kind: rollout.SetWeight}); err != nil {
		return err
	}
	if s.doubtful || s.state.Phase != rollout.Standing && s.state.Phase != rollout.Shifting {
		return nil
	}
	return s.editStatements(ctx, func(st *rollout.Statements) error {
		st.Rejected = &rollout.Statement{Text: "asked for by " + request.Run.Holder, At: r.Now().UTC()}
		return nil
	})
}
