package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Lock holds the options of a lock, which is a Lease.
type Lock struct {
	// Holder identifies the process for other users: which run of which pipeline on
	// which machine. It must be unique for each process.
	Holder string
	// Labels are put on the Lease, so that a list can select it.
	Labels map[string]string
	// Duration is how long the lock is valid without a renewal, in whole seconds; 0
	// means a minute. The lock is renewed three times in that time.
	Duration time.Duration
	// Wait waits until another holder releases the lock or stops renewing it. Without
	// it, Acquire fails with a *HeldError.
	Wait bool
	// Waiting, if not nil, is called with each holder that Acquire waits for.
	Waiting func(holder string)
}

// HeldError reports that another process holds a lock.
type HeldError struct {
	Ref     Ref
	Holder  string
	Renewed time.Time // by the holder's clock
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s: held by %s, which renewed it at %s; wait until it has finished", e.Ref, e.Holder, e.Renewed.UTC().Format(time.RFC3339))
}

// ErrLost is the cause of a lock's context after the lock was lost: somebody else holds
// it, or it can no longer be acquired.
var ErrLost = errors.New("the lock was lost")

// Held is an acquired lock. It is safe for concurrent use.
type Held struct {
	lease *lease
	ctx   context.Context
	lose  context.CancelCauseFunc
	stop  context.CancelFunc // of the renewals
	done  sync.WaitGroup     // of the renewals

	mu      sync.Mutex
	until   time.Time     // nobody else can acquire it before
	lost    error         // why it is lost for good
	refused error         // why the last renewal failed, if the reason is permanent
	changed chan struct{} // closed at the next change of these fields
}

// Acquire acquires the lock of a name and renews it in the background until Release is
// called. The renewals continue after ctx ends, so the lock is held during a cleanup.
//
// Acquire takes over a Lease that its holder no longer renews. It does not trust the
// clocks of other machines: a Lease that looks late is watched for one more interval of
// renewal.
//
// If somebody deletes the Lease, it is created again at once. An outage of the API
// server that lasts longer than Duration does not lose the lock: it is renewed when the
// server is back, unless somebody else has acquired it. A caller that must not act in
// the meantime calls Sure. What others did between a deletion and the next renewal
// shows in the versions of the objects that the lock guards.
func (c *Cluster) Acquire(ctx context.Context, namespace, name string, how Lock) (*Held, error) {
	if how.Duration == 0 {
		how.Duration = time.Minute
	}
	ref := leaseRef(namespace, name)
	resource, err := c.locate(ctx, ref, "v1")
	if err != nil {
		return nil, err
	}
	l := &lease{Cluster: c, how: how, ref: ref, resource: resource}
	if err := l.acquire(ctx); err != nil {
		return nil, err
	}
	h := &Held{lease: l, changed: make(chan struct{})}
	h.renewed()
	h.ctx, h.lose = context.WithCancelCause(ctx)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	l.Cluster = c.Persistent() // from now on, a renewal is retried without a limit
	h.done.Go(func() { h.renew(renewing) })
	return h, nil
}

// Context returns a context that ends with the context of Acquire, and with the cause
// ErrLost when somebody else has the lock. An outage of the API server does not end it;
// call Sure.
func (h *Held) Context() context.Context { return h.ctx }

// Sure returns nil at once while nobody else can have the lock. After that it waits
// until the lock is renewed or acquired again. Its error is the reason why the lock is
// lost, the permanent reason why it cannot be renewed, or the cause of ctx.
func (h *Held) Sure(ctx context.Context) error {
	for {
		h.mu.Lock()
		until, lost, refused, changed := h.until, h.lost, h.refused, h.changed
		h.mu.Unlock()
		switch {
		case lost != nil:
			return lost
		case h.lease.options.Now().Before(until):
			return nil
		case refused != nil:
			return refused
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: not renewed for %s, so another process may hold it: %w", h.lease.ref, h.lease.how.Duration, context.Cause(ctx))
		}
	}
}

// Release ends the renewals and deletes the Lease, unless somebody else holds it. After
// an error, others have to wait until the Lease expires.
func (h *Held) Release(ctx context.Context) error {
	h.stop()
	h.done.Wait()
	h.lose(context.Canceled)
	return h.lease.release(ctx)
}

// change changes the state of the lock and wakes its waiters.
func (h *Held) change(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
	close(h.changed)
	h.changed = make(chan struct{})
}

// renewed records that the Lease was written at lease.written.
func (h *Held) renewed() {
	h.change(func() { h.until, h.refused = h.lease.written.Add(h.lease.how.Duration), nil })
}

// renewals is how often a Lease is renewed within its duration.
const renewals = 3

// renew renews the lock until ctx ends or the lock is lost.
func (h *Held) renew(ctx context.Context) {
	for Pause(ctx, h.lease.how.Duration/renewals) == nil {
		lost, err := h.lease.extend(ctx)
		switch {
		case lost:
			h.change(func() { h.lost = err })
			h.lose(err)
			return
		case err != nil:
			h.change(func() { h.refused = err })
		default:
			h.renewed()
		}
	}
}

// extend renews the lock, or acquires it again if it has no holder. An error without
// lost is permanent, such as a missing permission, but is retried all the same.
func (l *lease) extend(ctx context.Context) (lost bool, err error) {
	for over := l.last; ; {
		taken, other, err := l.write(ctx, over)
		switch {
		case errors.Is(err, ErrChanged): // somebody deleted it
			over = leaseVersion{}
		case isNamespaceGone(err):
			return true, fmt.Errorf("%w: %w", ErrLost, failed(l.ref, "renew", err))
		case err != nil || taken:
			return false, failed(l.ref, "renew", err)
		case holderOf(other) != nobody:
			return true, fmt.Errorf("%s: %w to %s", l.ref, ErrLost, holderOf(other))
		default: // somebody emptied it
			over = versionOf(other)
		}
	}
}
