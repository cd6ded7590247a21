package hub

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// hold is an acquired lock.
type hold struct {
	*kube.Held
	ctx     context.Context
	release func()
}

// newHold converts a lock of package kube to a runner.Hold, with the runner's own cause
// for a lost lock.
func newHold(held *kube.Held, release func()) hold {
	// A child of held.Context() could end before its own cause is set.
	ctx, lose := context.WithCancelCause(context.WithoutCancel(held.Context()))
	end := context.AfterFunc(held.Context(), func() { lose(lost(context.Cause(held.Context()))) })
	return hold{held, ctx, func() { end(); lose(nil); release() }}
}

func lost(err error) error {
	if errors.Is(err, kube.ErrLost) {
		return fmt.Errorf("%w: %w", runner.ErrLockLost, err)
	}
	return err
}

// Context implements runner.Hold.
func (h hold) Context() context.Context { return h.ctx }

// Sure implements runner.Hold.
func (h hold) Sure(ctx context.Context) error { return lost(h.Held.Sure(ctx)) }

// Release implements runner.Hold.
func (h hold) Release() { h.release() }

// Alive implements runner.Lock.
func (c *cluster) Alive(ctx context.Context, namespace, name string) (bool, error) {
	state, err := c.kube.LockState(ctx, namespace, rollout.RecordName(name))
	return state.Alive(c.now()), err
}
