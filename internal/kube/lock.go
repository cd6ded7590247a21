package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// Lock says how to take a lock, which is a Lease.
type Lock struct {
	// Holder says who takes it, for others to read: which run of which pipeline on
	// which machine. It has to differ between any two processes.
	Holder string
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

// ErrLost is why the context of a lock has ended when somebody else has taken the
// lock, or it could not be renewed in time.
var ErrLost = errors.New("the lock was lost")

// Acquire takes the lock of a name and renews it in the background until release
// is called, even when ctx has ended: somebody who has to clean up still holds it.
// held ends with ctx, and with the cause ErrLost when the lock is lost. release
// deletes the Lease; an error of it only means that others have to wait a little.
//
// A Lease whose holder does not renew it is taken over. Clocks of other machines
// are not trusted for that: whoever is late by the clock is watched for one more
// interval of renewal.
func (c *Cluster) Acquire(ctx context.Context, namespace, name string, how Lock) (held context.Context, release func(context.Context) error, err error) {
	if how.Duration == 0 {
		how.Duration = time.Minute
	}
	ref := Ref{Group: coordination.GroupName, Kind: "Lease", Namespace: namespace, Name: name}
	resource, err := c.at(ctx, ref, "v1")
	if err != nil {
		return nil, nil, err
	}
	l := &lease{Cluster: c, how: how, ref: ref, resource: resource}
	if err := l.acquire(ctx); err != nil {
		return nil, nil, err
	}
	held, lose := context.WithCancelCause(ctx)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() { l.renew(renewing, lose) })
	return held, func(ctx context.Context) error {
		stop()
		done.Wait()
		lose(context.Canceled)
		return l.release(ctx)
	}, nil
}

// lease is a lock that is being taken or held. Its version belongs to whoever
// takes it, then to the goroutine that renews it, then to whoever releases it.
type lease struct {
	*Cluster
	how      Lock
	ref      Ref
	resource dynamic.ResourceInterface
	last     leaseVersion // as this holder wrote it
}

// leaseVersion is a Lease at a moment; the zero value means that there is none.
// The UID has to be told: the API server would make a Lease again that was deleted.
type leaseVersion struct {
	uid     types.UID
	version string
}

func versionOf(l *coordination.Lease) leaseVersion { return leaseVersion{l.UID, l.ResourceVersion} }

func (l *lease) acquire(ctx context.Context) error {
	for over := (leaseVersion{}); ; {
		taken, other, err := l.take(ctx, over)
		switch {
		case errors.Is(err, ErrChanged): // what was stale is gone
			over = leaseVersion{}
			continue
		case err != nil || taken:
			return failed(l.ref, "acquire", err)
		}
		if over, err = l.await(ctx, other); err != nil {
			return err
		}
	}
}

// take writes the Lease: a new one, or over the version of a stale one. When
// somebody else has it, that is given instead.
func (l *lease) take(ctx context.Context, over leaseVersion) (taken bool, other *coordination.Lease, err error) {
	object, err := l.object(over)
	if err != nil {
		return false, nil, err
	}
	after, err := again(ctx, l.Cluster, doing{"PUT", l.ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		after, err := put(ctx, l.resource, object)
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || over != (leaseVersion{}) && apierrors.IsNotFound(err) {
			return l.found(ctx, over, err)
		}
		return after, err
	})
	if err != nil {
		return false, nil, err
	}
	now, err := parseLease(after)
	if err != nil {
		return false, nil, err
	}
	if holderOf(now) != l.how.Holder {
		return false, now, nil
	}
	l.last = versionOf(now)
	return true, nil, nil
}

// found reads the Lease after a write was refused. A conflict over a Lease nobody
// has touched passes, as does one over a Lease that is gone by now.
func (l *lease) found(ctx context.Context, over leaseVersion, refused error) (*unstructured.Unstructured, error) {
	now, err := l.resource.Get(ctx, l.ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) && over != (leaseVersion{}):
		return nil, ErrChanged
	case apierrors.IsNotFound(err) || err == nil && now.GetResourceVersion() == over.version:
		return nil, busyError{refused}
	case err != nil:
		return nil, busyError{err}
	}
	return now, nil
}

// await watches a Lease of somebody else until it is gone, or stale in a version.
func (l *lease) await(ctx context.Context, other *coordination.Lease) (stale leaseVersion, err error) {
	if !l.late(other) && !l.how.Wait {
		return leaseVersion{}, &HeldError{Ref: l.ref, Holder: holderOf(other), Renewed: renewed(other)}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	seen, told := leaseVersion{}, ""
	patience := time.AfterFunc(l.grace(other), func() { cancel(errStale) })
	defer patience.Stop()
	err = l.Watch(ctx, l.ref, func(object map[string]any) (bool, error) {
		if object == nil {
			seen = leaseVersion{}
			return true, nil
		}
		now, err := parseLease(&unstructured.Unstructured{Object: object})
		if err != nil {
			return false, err
		}
		if now.ResourceVersion != other.ResourceVersion && !l.late(now) && !l.how.Wait {
			return false, &HeldError{Ref: l.ref, Holder: holderOf(now), Renewed: renewed(now)}
		}
		if seen != versionOf(now) {
			seen = versionOf(now)
			patience.Reset(l.grace(now))
		}
		if holder := holderOf(now); holder != told && l.how.Waiting != nil {
			told = holder
			l.how.Waiting(holder)
		}
		return false, nil
	})
	if errors.Is(err, errStale) {
		return seen, nil
	}
	return leaseVersion{}, err
}

var errStale = errors.New("not renewed in time")

// late says whether a Lease should have been renewed by now, by the clocks of both.
func (l *lease) late(other *coordination.Lease) bool {
	return l.options.Now().Sub(renewed(other)) > duration(other)
}

// grace is how long a Lease may stay unchanged, while it is watched, before it is
// taken over.
func (l *lease) grace(other *coordination.Lease) time.Duration {
	if l.late(other) {
		return duration(other)/renewals + time.Second
	}
	return duration(other)
}

// renewals is how often a Lease is renewed within its duration.
const renewals = 3

// renew keeps the lock until ctx ends or the lock is lost.
func (l *lease) renew(ctx context.Context, lose context.CancelCauseFunc) {
	deadline := time.AfterFunc(l.how.Duration, func() {
		lose(fmt.Errorf("%s: %w: it could not be renewed for %s", l.ref, ErrLost, l.how.Duration))
	})
	defer deadline.Stop()
	for pause(ctx, l.how.Duration/renewals) == nil {
		renewing, cancel := context.WithTimeout(ctx, l.how.Duration)
		taken, other, err := l.take(renewing, l.last)
		cancel()
		switch {
		case err == nil && taken:
			deadline.Reset(l.how.Duration)
		case err == nil:
			lose(fmt.Errorf("%s: %w to %s", l.ref, ErrLost, holderOf(other)))
			return
		case errors.Is(err, ErrChanged):
			lose(fmt.Errorf("%s: %w: somebody has deleted it", l.ref, ErrLost))
			return
		}
	}
}

// release deletes the Lease, unless it has become somebody else's.
func (l *lease) release(ctx context.Context) error {
	err := l.deleteVersion(ctx, l.ref, l.resource, l.last.version)
	if !errors.Is(err, ErrChanged) {
		return err
	}
	// A renewal may have been done whose answer did not come.
	object, err := l.Fresh(ctx, l.ref)
	if err != nil || object == nil {
		return err
	}
	now, err := parseLease(&unstructured.Unstructured{Object: object})
	if err != nil || holderOf(now) != l.how.Holder {
		return err
	}
	err = l.deleteVersion(ctx, l.ref, l.resource, now.ResourceVersion)
	if errors.Is(err, ErrChanged) {
		return nil
	}
	return err
}

func (l *lease) object(over leaseVersion) (*unstructured.Unstructured, error) {
	now, seconds := metav1.NewMicroTime(l.options.Now()), int32(l.how.Duration/time.Second)
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&coordination.Lease{
		TypeMeta:   metav1.TypeMeta{APIVersion: coordination.SchemeGroupVersion.String(), Kind: "Lease"},
		ObjectMeta: metav1.ObjectMeta{Namespace: l.ref.Namespace, Name: l.ref.Name, UID: over.uid, ResourceVersion: over.version},
		Spec:       coordination.LeaseSpec{HolderIdentity: &l.how.Holder, LeaseDurationSeconds: &seconds, RenewTime: &now},
	})
	return &unstructured.Unstructured{Object: fields}, err
}

func parseLease(u *unstructured.Unstructured) (*coordination.Lease, error) {
	var out coordination.Lease
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

func holderOf(l *coordination.Lease) string {
	if l.Spec.HolderIdentity == nil {
		return "nobody"
	}
	return *l.Spec.HolderIdentity
}

func renewed(l *coordination.Lease) time.Time {
	if l.Spec.RenewTime == nil {
		return time.Time{}
	}
	return l.Spec.RenewTime.Time
}

func duration(l *coordination.Lease) time.Duration {
	if l.Spec.LeaseDurationSeconds == nil {
		return 0
	}
	return time.Duration(*l.Spec.LeaseDurationSeconds) * time.Second
}
