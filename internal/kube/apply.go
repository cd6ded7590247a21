package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// DryRun selects how much of a write is carried out.
type DryRun int

const (
	// DryRunNone writes.
	DryRunNone DryRun = iota
	// DryRunClient only reads and compares.
	DryRunClient
	// DryRunServer lets the API server check everything and write nothing.
	DryRunServer
)

func (d DryRun) option() []string {
	if d == DryRunServer {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// Write holds the options of a write.
type Write struct {
	DryRun DryRun
	// Force takes over fields that another manager owns.
	Force bool
	// Only holds labels that an object must carry to be deleted; other objects are
	// skipped. nil deletes every named object.
	Only map[string]string
}

// Result is the effect of a write on an object.
type Result string

// The effects of a write.
const (
	Created    Result = "created"
	Configured Result = "configured"
	Unchanged  Result = "unchanged"
	Deleted    Result = "deleted"
	// Skipped means that an object was not deleted; Change.Reason has the reason.
	Skipped Result = "skipped"
)

// Change is the effect of a write on one object. In a dry run it is what a real write
// would do.
type Change struct {
	Ref    Ref
	Result Result
	// Before and After hold the object before and after the write; nil if there is
	// none.
	Before, After map[string]any
	// Reason is why an object was skipped.
	Reason string
}

// Apply writes objects with server-side apply as the field manager "canarize", in the
// given order. It stops at the first error and returns the changes made until then.
// Applying an unchanged object writes nothing. If another manager owns a field, the
// error is a *ConflictError, unless how.Force is set.
func (c *Cluster) Apply(ctx context.Context, objects []map[string]any, how Write) ([]Change, error) {
	var changes []Change
	for _, o := range objects {
		change, err := c.apply(ctx, o, how)
		if err != nil {
			return changes, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func (c *Cluster) apply(ctx context.Context, object map[string]any, how Write) (Change, error) {
	ref := RefOf(object)
	object, err := normal(object)
	if err != nil {
		return Change{}, fmt.Errorf("%s: %w", ref, err)
	}
	u := unstructured.Unstructured{Object: object}
	resource, err := c.locate(ctx, ref, u.GroupVersionKind().Version)
	if err != nil {
		return Change{}, err
	}
	before, err := c.last(ctx, ref, resource)
	if err == nil && how.DryRun == DryRunNone {
		before, err = c.adopt(ctx, ref, resource, before, object)
	}
	if err != nil {
		return Change{}, err
	}
	change := Change{Ref: ref, Before: before}
	if how.DryRun == DryRunClient {
		change.After = merged(before, object)
	} else {
		change.After, err = c.serverApply(ctx, ref, resource, object, how)
	}
	if how.DryRun == DryRunServer && apierrors.IsInvalid(err) && adoptable(before, object) {
		change.After, err = c.tryReplace(ctx, ref, resource, object)
	}
	if err != nil {
		return Change{}, err
	}
	if how.DryRun == DryRunServer {
		keepReplicas(change.After, object, before)
	}
	switch {
	case before == nil:
		change.Result = Created
	case same(before, change.After):
		change.Result = Unchanged
	default:
		change.Result = Configured
	}
	return change, nil
}

// tryReplace lets the API server check an object without the fields of its earlier
// version. A dry run of apply merges the object with the fields that adopt would take
// over, also those that the new version no longer has. A value beside its valueFrom
// would then be invalid.
func (c *Cluster) tryReplace(ctx context.Context, ref Ref, resource served, object map[string]any) (map[string]any, error) {
	var patch []map[string]any
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains([]string{"apiVersion", "kind", "metadata", "status"}, key) {
			patch = append(patch, map[string]any{"op": "add", "path": "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key), "value": object[key]})
		}
	}
	text, err := json.Marshal(patch)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	after, err := withRetry(ctx, c, operation{http.MethodPatch, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return resource.Patch(ctx, ref.Name, types.JSONPatchType, text, metav1.PatchOptions{FieldManager: FieldManager, DryRun: DryRunServer.option()})
	})
	if err != nil {
		return nil, failed(ref, "apply", err)
	}
	return after.Object, nil
}

// serverApply applies an object. Fields that are ours may conflict: those of a patch by
// canarize, and in a dry run those that adopt would take over.
func (c *Cluster) serverApply(ctx context.Context, ref Ref, resource served, object map[string]any, how Write) (map[string]any, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	options := metav1.PatchOptions{FieldManager: FieldManager, DryRun: how.DryRun.option(), Force: &how.Force}
	after, err := withRetry(ctx, c, operation{http.MethodPatch, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		after, err := resource.Patch(ctx, ref.Name, types.ApplyPatchType, text, options)
		return after, busy(err)
	})
	own, others := false, map[string][]string{}
	for o, fields := range ownersOf(err) {
		if o.ours() {
			own = true
			continue
		}
		others[o.String()] = append(others[o.String()], fields...)
	}
	switch {
	case len(others) > 0:
		return nil, &ConflictError{Ref: ref, Fields: others}
	case own && !how.Force:
		how.Force = true
		return c.serverApply(ctx, ref, resource, object, how)
	case err != nil:
		return nil, failed(ref, "apply", err)
	}
	if how.DryRun == DryRunNone {
		c.cached.store(resource.key, after.Object)
	}
	return after.Object, nil
}

// Get reads an object; it returns nil if the object, or its kind, does not exist. With
// a cache, the answer may come from a watch.
func (c *Cluster) Get(ctx context.Context, ref Ref) (map[string]any, error) {
	return c.get(ctx, ref, c.read)
}

// Fresh reads from the API server. Get may answer from a watch, which lags by an event,
// or by more than a minute if it has silently stopped working. Fresh updates the cache,
// so watchers of the same Cluster see the object too.
func (c *Cluster) Fresh(ctx context.Context, ref Ref) (map[string]any, error) {
	return c.get(ctx, ref, c.fresh)
}

func (c *Cluster) get(ctx context.Context, ref Ref, read func(context.Context, Ref, served) (map[string]any, error)) (map[string]any, error) {
	resource, err := c.locate(ctx, ref, "")
	switch {
	case IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return read(ctx, ref, resource)
}

// read returns the cached object if it is current, otherwise a fresh one.
func (c *Cluster) read(ctx context.Context, ref Ref, resource served) (map[string]any, error) {
	if object, current := c.cached.read(ctx, resource.key); current {
		return object, nil
	}
	return c.fresh(ctx, ref, resource)
}

func (c *Cluster) fresh(ctx context.Context, ref Ref, resource served) (map[string]any, error) {
	before := c.cached.version(resource.key)
	u, err := withRetry(ctx, c, operation{http.MethodGet, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return resource.Get(ctx, ref.Name, metav1.GetOptions{})
	})
	if apierrors.IsNotFound(err) {
		c.cached.storeAbsent(resource.key, before)
		return nil, nil
	}
	if err != nil {
		return nil, failed(ref, "get", err)
	}
	c.cached.store(resource.key, u.Object)
	return u.Object, nil
}

// last returns the newest cached object, however old, and otherwise reads it.
func (c *Cluster) last(ctx context.Context, ref Ref, resource served) (map[string]any, error) {
	if object := c.cached.last(resource.key); object != nil {
		return object, nil
	}
	return c.read(ctx, ref, resource)
}

// Delete deletes objects and, in the background, what they own. It deletes exactly the
// object that was read last: a newer object of the same name stays. With how.Only, it
// deletes exactly the version whose labels were checked. A missing object is Unchanged.
// After an error, Delete continues with the other objects and returns the first error.
func (c *Cluster) Delete(ctx context.Context, refs []Ref, how Write) ([]Change, error) {
	var changes []Change
	var first error
	for _, ref := range refs {
		change, err := c.delete(ctx, ref, how)
		if err == nil {
			changes = append(changes, change)
		} else if first == nil {
			first = err
		}
	}
	return changes, first
}

func (c *Cluster) delete(ctx context.Context, ref Ref, how Write) (Change, error) {
	resource, err := c.locate(ctx, ref, "")
	if IsNotFound(err) {
		return Change{Ref: ref, Result: Unchanged}, nil
	}
	if err != nil {
		return Change{}, err
	}
	before, err := c.last(ctx, ref, resource)
	for now := false; ; now = true {
		switch {
		case err != nil:
			return Change{}, err
		case before == nil:
			return Change{Ref: ref, Result: Unchanged}, nil
		}
		change, err := c.deleteThis(ctx, ref, resource, before, how)
		// The labels come from an earlier read; they may have been added since.
		if !errors.Is(err, ErrChanged) && (now || change.Result != Skipped) {
			return change, err
		}
		if before, err = c.fresh(ctx, ref, resource); err != nil {
			return Change{}, err
		}
	}
}

// deleteThis deletes the object before. It returns ErrChanged if the labels have to be
// checked again.
func (c *Cluster) deleteThis(ctx context.Context, ref Ref, resource served, before map[string]any, how Write) (Change, error) {
	change := Change{Ref: ref, Result: Deleted, Before: before}
	u := unstructured.Unstructured{Object: before}
	uid, version, background := u.GetUID(), u.GetResourceVersion(), metav1.DeletePropagationBackground
	only := metav1.Preconditions{UID: &uid}
	if how.Only != nil {
		only.ResourceVersion = &version
		if change.Reason = lacking(u.GetLabels(), how.Only); change.Reason != "" {
			change.Result = Skipped
			return change, nil
		}
	}
	switch how.DryRun {
	case DryRunClient:
		return change, nil
	case DryRunNone:
		defer c.cached.deleted(resource.key) // even if the answer is lost
	}
	options := metav1.DeleteOptions{Preconditions: &only, PropagationPolicy: &background, DryRun: how.DryRun.option()}
	_, err := withRetry(ctx, c, operation{http.MethodDelete, ref}, func(ctx context.Context) (none, error) {
		return none{}, c.conflictOver(ctx, ref, resource, u, how, resource.Delete(ctx, ref.Name, options))
	})
	switch {
	case errors.Is(err, ErrChanged):
		return change, err
	case apierrors.IsConflict(err):
		change.Result, change.Reason = Skipped, "another object has this name now"
	case err != nil && !apierrors.IsNotFound(err): // not found: an earlier attempt may have deleted it
		return Change{}, failed(ref, "delete", err)
	}
	return change, nil
}

// lacking describes the first wanted label that an object lacks; "" if it has all.
func lacking(labels, wanted map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if value, found := labels[key]; !found || value != wanted[key] {
			return fmt.Sprintf("it lacks the label %s=%s", key, wanted[key])
		}
	}
	return ""
}

type none struct{}

// conflictOver finds the reason of a conflict. If the object still has the same UID,
// somebody else wrote it at the same moment: then the deletion is retried, after a new
// check of the labels if they matter.
func (c *Cluster) conflictOver(ctx context.Context, ref Ref, resource served, read unstructured.Unstructured, how Write, err error) error {
	if !apierrors.IsConflict(err) {
		return err
	}
	now, getErr := resource.Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case getErr != nil:
		return getErr
	case now.GetUID() == read.GetUID() && how.Only != nil && now.GetResourceVersion() != read.GetResourceVersion():
		return ErrChanged
	case now.GetUID() == read.GetUID():
		return busyError{err}
	}
	return err
}
