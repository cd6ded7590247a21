package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// ErrInterrupted reports that the process was asked to end. State.Left says how it left
// the release.
var ErrInterrupted = errors.New("interrupted")

// ErrHandover is the context cause that tells a process to change nothing: another one
// continues with the release at once.
var ErrHandover = errors.New("another process continues the release")

// ErrLockLost is the context cause of a lock that another process has taken.
var ErrLockLost = errors.New("the lock was lost")

// ErrExposed reports that traffic may still reach a canary that nobody watches.
var ErrExposed = errors.New("traffic may still reach the canary")

func exposed(err, failed error) error { return fmt.Errorf("%w, and %w: %w", err, ErrExposed, failed) }

// cleanUpTimeout is how long a process may take to leave a release once it was asked to
// end. A CI system kills it 7.5 seconds after the interrupt.
const cleanUpTimeout = 5 * time.Second

// work runs do under the lock of a release. However do ends, even by a panic, work calls
// leave.
func (r *Runner) work(ctx context.Context, release Release, run rollout.Run, do func(context.Context, *session) error) (state rollout.State, err error) {
	lock, err := r.Lock.Acquire(ctx, release.Namespace, release.Name, run.Holder)
	if err != nil {
		return rollout.State{}, r.notLocked(ctx, release, err)
	}
	defer lock.Release()
	s := r.session(release)
	s.lock, s.sure = lock, lock.Sure
	defer s.stopListening()
	finished := false
	defer func() {
		if !finished { // the panic continues afterwards
			_ = s.leave(ctx, errFault, true)
		}
	}()
	err = do(lock.Context(), s)
	finished = true
	err = s.leave(ctx, err, false)
	return s.state, err
}

var errFault = errors.New("internal error in canarize; please report it")

// leave leaves a release in a safe state. rollout.Next decides what that means. leave has
// its own time limit and waits for nobody. It sets the weight first and stores that
// afterwards: whoever finds the old state finds less traffic than it says, which harms
// nobody.
func (s *session) leave(ctx context.Context, err error, fault bool) error {
	cause := s.endCause(ctx, err)
	verb := s.course == nil && !fault && (cause == rollout.Broken || cause == rollout.Done) // Next has already decided what the failure means
	if !s.engaged || verb || err == nil && !s.state.Phase.Active() {
		return err
	}
	out, stop := outlive(ctx, s.Wait)
	defer stop()
	s.sure = nil // whoever may take the lock next finds no traffic, which is never wrong
	actions := s.next(rollout.Ended{Cause: cause, Keep: s.HoldOnCancel, Untouched: !s.touched, Reason: reasonOf(err)})
	off, failed := s.zeroTraffic(out, cause, actions)
	if cause == rollout.Interrupted {
		err = ErrInterrupted
	}
	switch {
	case failed == nil && cause == rollout.LockLost:
		err = fmt.Errorf("%w; the canary's weight was set to 0", err)
	case failed == nil:
	case off:
		err = errors.Join(err, fmt.Errorf("the canary gets no traffic, but the record could not be saved: %w", failed))
	default:
		err = exposed(err, failed)
	}
	return s.stopped(err)
}

// stopped adds the final state to the error of a stopped release.
func (s *session) stopped(err error) error {
	var stopped StoppedError
	if errors.As(err, &stopped) {
		stopped.State, stopped.Err = s.state, err
		return stopped
	}
	return err
}

// zeroTraffic carries out the actions that leave a release. off reports that the weight
// is 0, or what the user wants.
func (s *session) zeroTraffic(ctx context.Context, cause rollout.EndCause, actions []rollout.Action) (off bool, err error) {
	if len(actions) > 0 {
		if _, err := s.perform(ctx, actions[:1]); err != nil {
			return false, err
		}
	}
	if cause == rollout.LockLost { // the record now belongs to another process
		return true, nil
	}
	err = s.save(ctx)
	if errors.Is(err, ErrRecordGone) { // so that status and reject still find the release
		s.record.Version, s.record.State = "", nil
		err = s.save(ctx)
	}
	if err != nil || len(actions) < 2 {
		return true, err
	}
	return s.seeOff(ctx, cause, actions[1:])
}

// seeOff carries out the actions after the weight of 0 is written and stored: it verifies
// the weight, and brakes if the gateway does not apply it. off reports whether the canary
// gets no new requests.
func (s *session) seeOff(ctx context.Context, cause rollout.EndCause, actions []rollout.Action) (off bool, err error) {
	for len(actions) > 0 {
		braking := false
		if rest := untilBrake(actions); cause == rollout.Interrupted && len(rest) > 0 {
			actions, braking = rest, true // there is no time to verify again
		}
		ends := s.state.Ends(actions)
		action, err := s.perform(ctx, actions)
		switch {
		case err != nil:
			actions = s.next(rollout.Failed{Action: action, Reason: err.Error(), Err: err, Taken: takenOf(err)})
			if len(actions) == 0 && (braking || action.Kind == rollout.Brake) {
				return false, errors.Join(err, s.save(ctx))
			}
		case braking || !ends:
			return true, s.save(ctx)
		default:
			actions = s.next(rollout.Finished{Proof: s.proof})
		}
		if err := s.save(ctx); err != nil {
			return true, err
		}
	}
	return true, nil
}

// endCause returns why the process stops working on the release.
func (s *session) endCause(ctx context.Context, err error) rollout.EndCause {
	switch {
	case errors.Is(context.Cause(ctx), ErrHandover):
		return rollout.Handover
	case ctx.Err() != nil:
		return rollout.Interrupted
	case errors.Is(context.Cause(s.lock.Context()), ErrLockLost):
		return rollout.LockLost
	case err != nil:
		return rollout.Broken
	}
	return rollout.Done
}

// takenOf returns what the gateways do with the requests, if an error knows it.
func takenOf(err error) *rollout.Taken {
	if refused := new(rollout.Refusal); errors.As(err, &refused) {
		return refused.Taken
	}
	return nil
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// outlive returns a context that ends cleanUpTimeout after ctx.
func outlive(ctx context.Context, wait func(context.Context, time.Duration) error) (context.Context, context.CancelFunc) {
	out, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		if wait(out, cleanUpTimeout) == nil {
			stop(fmt.Errorf("it took more than %s", cleanUpTimeout))
		}
	})
	return out, func() { forget(); stop(nil) }
}

// notLocked handles an interrupt during the wait for the lock. If no live process watches
// the canary, it takes the traffic off without the lock: a weight of 0 is right whoever
// acquires it next.
func (r *Runner) notLocked(ctx context.Context, release Release, err error) error {
	if ctx.Err() == nil || errors.Is(context.Cause(ctx), ErrHandover) || r.HoldOnCancel {
		return err
	}
	out, stop := outlive(ctx, r.Wait)
	defer stop()
	s := r.session(release)
	if failed := s.load(out); failed != nil || !s.state.Guarded || !s.state.Phase.Active() {
		return err
	}
	if alive, failed := r.Lock.Alive(out, release.Namespace, release.Name); failed != nil || alive {
		return err
	}
	if failed := s.setWeight(out, rollout.Action{Kind: rollout.SetWeight}); failed != nil {
		return exposed(ErrInterrupted, failed)
	}
	return fmt.Errorf("%w; nobody was watching the canary, and its weight is 0 now", ErrInterrupted)
}
