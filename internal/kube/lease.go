package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// lease is a lock during its acquisition or while it is held. Its version is used first
// by Acquire, then by the goroutine that renews it, then by Release: never by two at
// once.
type lease struct {
	*Cluster
	how      Lock
	ref      Ref
	resource dynamic.ResourceInterface
	last     leaseVersion // as written by this holder
	written  time.Time    // when this holder wrote it, or began to
}

// leaseVersion identifies a version of a Lease; the zero value means no Lease. The UID
// is necessary, because otherwise the API server would create a deleted Lease again.
type leaseVersion struct {
	uid     types.UID
	version string
}

func versionOf(l *coordination.Lease) leaseVersion { return leaseVersion{l.UID, l.ResourceVersion} }

func (l *lease) acquire(ctx context.Context) error {
	for over := (leaseVersion{}); ; {
		taken, other, err := l.write(ctx, over)
		switch {
		case errors.Is(err, ErrChanged): // the stale Lease is gone
			over = leaseVersion{}
			continue
		case err == nil && !taken && holderOf(other) == nobody:
			over = versionOf(other)
			continue
		case err != nil || taken:
			return failed(l.ref, "acquire", err)
		}
		if over, err = l.await(ctx, other); err != nil {
			return err
		}
	}
}

// write creates the Lease, or replaces the stale version over. If somebody else holds
// the lock, it returns their Lease.
func (l *lease) write(ctx context.Context, over leaseVersion) (taken bool, other *coordination.Lease, err error) {
	var sent time.Time
	after, err := withRetry(ctx, l.Cluster, operation{http.MethodPut, l.ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		sent = l.options.Now() // the time of this attempt; other processes rely on it
		object, err := l.object(over, sent)
		if err != nil {
			return nil, err
		}
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
	l.last, l.written = versionOf(now), sent
	if !renewed(now).Equal(metav1.NewMicroTime(sent).Truncate(time.Microsecond)) {
		l.written = renewed(now) // an earlier attempt succeeded and its answer was lost
	}
	return true, nil, nil
}

// found reads the Lease after a write was refused. The conflict is temporary if the
// Lease is unchanged, or if it no longer exists.
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

// await watches another holder's Lease until it is deleted or stale. It returns the
// stale version.
func (l *lease) await(ctx context.Context, other *coordination.Lease) (stale leaseVersion, err error) {
	if !l.late(other) && !l.how.Wait {
		return leaseVersion{}, &HeldError{Ref: l.ref, Holder: holderOf(other), Renewed: renewed(other)}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	seen, announced := leaseVersion{}, ""
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
		if holder := holderOf(now); holder != announced && l.how.Waiting != nil {
			announced = holder
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

// late reports whether a Lease should have been renewed by now, according to the clocks
// of both machines.
func (l *lease) late(other *coordination.Lease) bool {
	return l.options.Now().Sub(renewed(other)) > duration(other)
}

// grace returns how long a watched Lease may stay unchanged before it is taken over.
func (l *lease) grace(other *coordination.Lease) time.Duration {
	if l.late(other) {
		return duration(other)/renewals + time.Second
	}
	return duration(other)
}

// release deletes the Lease, unless somebody else holds it.
func (l *lease) release(ctx context.Context) error {
	err := l.deleteVersion(ctx, l.ref, l.resource, l.last.version)
	if !errors.Is(err, ErrChanged) {
		return err
	}
	// A renewal may have succeeded although its answer was lost.
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

func (l *lease) object(over leaseVersion, sent time.Time) (*unstructured.Unstructured, error) {
	now, seconds := metav1.NewMicroTime(sent), int32(l.how.Duration/time.Second)
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&coordination.Lease{
		TypeMeta:   metav1.TypeMeta{APIVersion: coordination.SchemeGroupVersion.String(), Kind: "Lease"},
		ObjectMeta: metav1.ObjectMeta{Namespace: l.ref.Namespace, Name: l.ref.Name, Labels: l.how.Labels, UID: over.uid, ResourceVersion: over.version},
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

// nobody stands for the holder of a Lease without a holder.
const nobody = "nobody"

func holderOf(l *coordination.Lease) string {
	if l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "" {
		return nobody
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

func leaseRef(namespace, name string) Ref {
	return Ref{Group: coordination.GroupName, Kind: "Lease", Namespace: namespace, Name: name}
}

// LockState is the content of a Lease at one moment.
type LockState struct {
	// Holder identifies the holder; "" if there is none.
	Holder string
	// Renewed is the time of the last renewal, by the holder's clock.
	Renewed time.Time
	// Duration is how long the lock is valid without a renewal.
	Duration time.Duration
	// Version is the version of the Lease; "" if there is none. A new version means
	// that the Lease was renewed or taken over.
	Version string
}

// Alive reports whether the lock has a holder that renewed it in time, according to the
// clocks of both machines. A caller that does not trust the clocks compares Version
// over Duration.
func (s LockState) Alive(now time.Time) bool {
	return s.Holder != "" && now.Sub(s.Renewed) <= s.Duration
}

// LockState reads a lock from the API server; it returns the zero LockState if there is
// no Lease.
func (c *Cluster) LockState(ctx context.Context, namespace, name string) (LockState, error) {
	ref := leaseRef(namespace, name)
	object, err := c.Fresh(ctx, ref)
	if err != nil || object == nil {
		return LockState{}, err
	}
	return LockStateOf(object)
}

// LockStateOf returns the LockState of a Lease that was watched or listed.
func LockStateOf(object map[string]any) (LockState, error) {
	l, err := parseLease(&unstructured.Unstructured{Object: object})
	if err != nil {
		return LockState{}, fmt.Errorf("%s: %w", RefOf(object), err)
	}
	s := LockState{Holder: holderOf(l), Renewed: renewed(l), Duration: duration(l), Version: l.ResourceVersion}
	if s.Holder == nobody {
		s.Holder = ""
	}
	return s, nil
}
