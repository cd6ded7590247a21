// Package runner carries out what package rollout decides, through small interfaces, and
// reports what happens as events. It stores every state before it acts on it. It can be
// killed at any instant, and the next process continues.
package runner

import (
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
)

// Runner carries out releases. All fields except Examiner, Rivals, Exposed and Options are
// required.
type Runner struct {
	Objects   Objects
	Workloads Workloads
	Router    route.Live
	Store     Store
	Lock      Lock
	Inbox     Inbox
	Rivals    Rivals   // nil if nobody else releases anything
	Examiner  Examiner // nil if nobody asks why pods failed
	// Now is the clock. Wait pauses for a duration, or until the context ends.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
	// Emit receives the events in order. It must not block.
	Emit func(rollout.Event)
	// Exposed, if not nil, receives whether the canary has traffic or may have some.
	// While it may, attempts to take the traffic off must not be given up.
	Exposed func(bool)
	Options
}

// Options holds the user's choices.
type Options struct {
	ReadyTimeout time.Duration // for pods to become ready
	HoldOnCancel bool          // keep the weight when interrupted
	Force        bool          // take over fields that other owners set on stable objects
	Keep         bool          // leave a canary that a run rejects in the cluster, without traffic
}

// Release identifies a release.
type Release struct{ Namespace, Name string }

func (r Release) String() string { return r.Namespace + "/" + r.Name }

// RefusedError reports that the request does not fit the state of the release; nothing
// was changed.
type RefusedError struct{ *rollout.Refusal }

func (e RefusedError) Unwrap() error { return e.Refusal }

// StoppedError reports that the release stopped in a safe state before its end: an action
// failed, or somebody has to decide.
type StoppedError struct {
	State  rollout.State      // the state it was left in
	Action rollout.ActionKind // the last action that failed, if any
	Err    error
}

func (e StoppedError) Error() string { return e.Err.Error() }
func (e StoppedError) Unwrap() error { return e.Err }

// Load returns the stored state of a release.
func (r *Runner) Load(ctx context.Context, release Release) (rollout.State, error) {
	s := r.session(release)
	err := s.load(ctx)
	return s.state, err
}

// Do carries out a request and returns the state it left. A deployment needs plan; the
// other verbs use the stored one.
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

// zeroFirst takes the traffic off the canary before the lock is acquired: a weight of 0
// is right whatever another process does. It also asks the process that holds the lock to
// reject the release.
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
		st.Rejected = &rollout.Statement{Text: "requested by " + request.Run.Holder, At: r.Now().UTC(), Keep: request.Keep}
		return nil
	})
}
