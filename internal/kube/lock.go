package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Lock says how to take a lock, which is a Lease.
type Lock struct {
	// Holder says who takes it, for others to read: which run of which pipeline on
	// which machine. It has to differ between any two processes.
	Holder string
	// Labels are put on the Lease, so that a list of Leases can select it.
	Labels map[string]string
	// Duration is how long the lock is good without being renewed, in whole
	// seconds; 0 means a minute. It is renewed three times as often.
	Duration time.Duration
	// Wait says to wait for another holder to release the lock or to stop renewing
	// it, instead of failing with a *HeldError.
	Wait bool
	// Waiting, if not nil, is called with each holder that is waited for.
	Waiting func(holder string)
}

// HeldError says that somebody else holds a lock.
type HeldError struct {
	Ref     Ref
	Holder  string
	Renewed time.Time // by the holder's clock
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s: held by %s, which renewed it at %s; wait until it has finished", e.Ref, e.Holder, e.Renewed.UTC().Format(time.RFC3339))
}

// ErrLost is why the context of a lock has ended: the lock is somebody else's, or it
// cannot be had any more.
var ErrLost = errors.New("the lock was lost")

// Held is a lock that was acquired. It is safe for concurrent use.
type Held struct {
	lease *lease
	ctx   context.Context
	lose  context.CancelCauseFunc
	stop  context.CancelFunc // of the renewals
	done  sync.WaitGroup     // of the renewals

	mu      sync.Mutex
	until   time.Time     // nobody else can have it before
	lost    error         // why it is lost for good
	refused error         // why the last renewal failed for a reason that does not pass by itself
	changed chan struct{} // closed at the next change of any of these
}

// Acquire takes the lock of a name and renews it in the background until Release is
// called, even when ctx has ended: somebody who has to clean up still holds it.
//
// A Lease whose holder does not renew it is taken over. Clocks of other machines
// are not trusted for that: whoever is late by the clock is watched for one more
// interval of renewal.
//
// A Lease that somebody deletes is taken again at once, and an API server that is away
// for longer than the lock is good ends nothing: the lock is renewed as soon as the
// server is back, unless somebody else has taken it. Whoever must not act meanwhile
// asks Sure. What others did between a deletion and the next renewal is noticed by the
// versions of the objects that the lock guards.
func (c *Cluster) Acquire(ctx context.Context, namespace, name string, how Lock) (*Held, error) {
	if how.Duration == 0 {
		how.Duration = time.Minute
	}
	ref := leaseRef(namespace, name)
	resource, err := c.at(ctx, ref, "v1")
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
	l.Cluster = c.Persistent() // from now on: a renewal is not given up
	h.done.Go(func() { h.renew(renewing) })
	return h, nil
}

// Context ends with the context of Acquire, and with the cause ErrLost when somebody
// else has the lock. It does not end because the API server is away: ask Sure.
func (h *Held) Context() context.Context { return h.ctx }

// Sure returns nil at once while nobody else can have the lock. After that it waits
// until the lock is renewed or taken again. It returns why the lock is lost, why it
// cannot be renewed when that does not pass by itself, or the cause of ctx.
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
			return fmt.Errorf("%s: not renewed for longer than %s, somebody else may have it: %w", h.lease.ref, h.lease.how.Duration, context.Cause(ctx))
		}
	}
}

// Release ends the renewals and deletes the Lease, unless it is somebody else's. An
// error only means that others have to wait a little.
func (h *Held) Release(ctx context.Context) error {
	h.stop()
	h.done.Wait()
	h.lose(context.Canceled)
	return h.lease.release(ctx)
}

// change changes what is known of the lock, and wakes up whoever waits for it.
func (h *Held) change(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
	close(h.changed)
	h.changed = make(chan struct{})
}

// renewed notes that the Lease was written as of lease.written.
func (h *Held) renewed() {
	h.change(func() { h.until, h.refused = h.lease.written.Add(h.lease.how.Duration), nil })
}

// renewals is how often a Lease is renewed within its duration.
const renewals = 3

// renew keeps the lock until ctx ends or the lock is lost.
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

// extend renews the lock, taking it again if nobody has it. An error that is no loss
// does not pass by itself, as a missing permission; it is tried again all the same.
func (l *lease) extend(ctx context.Context) (lost bool, err error) {
	for over := l.last; ; {
		taken, other, err := l.take(ctx, over)
		switch {
		case errors.Is(err, ErrChanged): // somebody has deleted it
			over = leaseVersion{}
		case isNamespaceGone(err):
			return true, fmt.Errorf("%w: %w", ErrLost, failed(l.ref, "renew", err))
		case err != nil || taken:
			return false, failed(l.ref, "renew", err)
		case holderOf(other) != nobody:
			return true, fmt.Errorf("%s: %w to %s", l.ref, ErrLost, holderOf(other))
		default: // somebody has emptied it
			over = versionOf(other)
		}
	}
}
