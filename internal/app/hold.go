package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/runner"
)

// noLock is the lock of a dry run, which needs none.
type noLock struct{ ctx context.Context }

func (l noLock) Context() context.Context       { return l.ctx }
func (l noLock) Sure(ctx context.Context) error { return ctx.Err() }
func (l noLock) Release()                       {}

// hold is a lock that was taken.
type hold struct {
	ctx     context.Context
	release func()
}

// held makes a lock of kube one of runner, which has a cause of its own for a loss.
func held(ctx context.Context, release func()) (hold, func()) {
	own, lose := context.WithCancelCause(ctx)
	end := context.AfterFunc(ctx, func() {
		if cause := context.Cause(ctx); errors.Is(cause, kube.ErrLost) {
			lose(fmt.Errorf("%w: %w", runner.ErrLockLost, cause))
		}
	})
	return hold{own, release}, func() { end(); lose(nil) }
}

func (h hold) Context() context.Context       { return h.ctx }
func (h hold) Sure(ctx context.Context) error { return context.Cause(h.ctx) }
func (h hold) Release()                       { h.release() }

// Alive implements runner.Lock.
func (c *cluster) Alive(ctx context.Context, namespace, name string) (bool, error) { return true, nil }
