package hub

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// hold is a lock that was taken.
type hold struct {
	*kube.Held
	ctx     context.Context
	release func()
}

// newHold is a lock of kube as runner knows it: with a cause of its own for a loss.
func newHold(held *kube.Held, release func()) hold {
	// A child of the held context could end before the cause of its own is set.
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
