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

// DryRun says how much of a write really happens.
type DryRun int

const (
	// DryRunNone writes.
	DryRunNone DryRun = iota
	// DryRunClient only reads and compares.
	DryRunClient
	// DryRunServer has the API server check everything and write nothing.
	DryRunServer
)

func (d DryRun) option() []string {
	if d == DryRunServer {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// Write says how to write.
type Write struct {
	DryRun DryRun
	// Force takes over fields that somebody else owns.
	Force bool
	// Only are labels of what may be deleted: an object that lacks one of them, or has
	// another value, is skipped. nil deletes whatever is named.
	Only map[string]string
}

// Result is what a write did to an object.
type Result string

// What can become of an object.
const (
	Created    Result = "created"
	Configured Result = "configured"
	Unchanged  Result = "unchanged"
	Deleted    Result = "deleted"
	// Skipped is an object that was not deleted, for the reason that Change gives.
	Skipped Result = "skipped"
)

// Change is what happened to one object, or with a dry run would.
type Change struct {
	Ref    Ref
	Result Result
	// Before and After are the object in the cluster; nil where there is none.
	Before, After map[string]any
	// Reason says why an object was skipped.
	Reason string
}

// Apply writes objects with server-side apply as the field manager "canarize", in
// the order given, and stops at the first error; the changes until then are
// returned with it. Applying what is there already writes nothing. Fields that
// others own are a *ConflictError unless how.Force is set.
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
	resource, err := c.at(ctx, ref, u.GroupVersionKind().Version)
	if err != nil {
		return Change{}, err
	}
	before, err := c.last(ctx, ref, resource)
	if err == nil && how.DryRun == DryRunNone {
		before, err = c.adopt(ctx, ref, resource, before)
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
	if how.DryRun == DryRunServer && apierrors.IsInvalid(err) && adoptable(before) {
		change.After, err = c.tryReplace(ctx, ref, resource, object)
	}
	if err != nil {
		return Change{}, err
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

// tryReplace has the API server check an object beside nothing of the earlier version.
// Applied in a dry run, it is merged with the fields that adopt would take over and the
// new version no longer has, and a value beside its valueFrom is no valid object.
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
	after, err := again(ctx, c, doing{http.MethodPatch, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return resource.Patch(ctx, ref.Name, types.JSONPatchType, text, metav1.PatchOptions{FieldManager: FieldManager, DryRun: DryRunServer.option()})
	})
	if err != nil {
		return nil, failed(ref, "apply", err)
	}
	return after.Object, nil
}

// serverApply applies an object. A field may still be owned by canarize itself, by
// the patch of a weight or a scale, or in a dry run by what adopt would take over:
// the API server takes that for another owner.
func (c *Cluster) serverApply(ctx context.Context, ref Ref, resource served, object map[string]any, how Write) (map[string]any, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	options := metav1.PatchOptions{FieldManager: FieldManager, DryRun: how.DryRun.option(), Force: &how.Force}
	after, err := again(ctx, c, doing{http.MethodPatch, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		after, err := resource.Patch(ctx, ref.Name, types.ApplyPatchType, text, options)
		return after, busy(err)
	})
	owners := ownersOf(err)
	own := false
	for _, manager := range []string{FieldManager, clientSideApply} {
		_, found := owners[manager]
		own = own || found
		delete(owners, manager)
	}
	switch {
	case len(owners) > 0:
		return nil, &ConflictError{Ref: ref, Fields: owners}
	case own && !how.Force:
		how.Force = true
		return c.serverApply(ctx, ref, resource, object, how)
	case err != nil:
		return nil, failed(ref, "apply", err)
	}
	if how.DryRun == DryRunNone {
		c.cached.saw(resource.key, after.Object)
	}
	return after.Object, nil
}

// Get reads an object; nil when it, or its kind, does not exist.
func (c *Cluster) Get(ctx context.Context, ref Ref) (map[string]any, error) {
	return c.get(ctx, ref, c.read)
}

// Fresh reads from the API server. Get may answer from a watch, which lags by an event
// and, when it has silently stopped working, by more than a minute. Whoever watches the
// object by the same Cluster sees what was read.
func (c *Cluster) Fresh(ctx context.Context, ref Ref) (map[string]any, error) {
	return c.get(ctx, ref, c.fresh)
}

func (c *Cluster) get(ctx context.Context, ref Ref, read func(context.Context, Ref, served) (map[string]any, error)) (map[string]any, error) {
	resource, err := c.at(ctx, ref, "")
	switch {
	case IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return read(ctx, ref, resource)
}

// read is an object as it is known, or otherwise fresh.
func (c *Cluster) read(ctx context.Context, ref Ref, resource served) (map[string]any, error) {
	if object, current := c.cached.read(ctx, resource.key); current {
		return object, nil
	}
	return c.fresh(ctx, ref, resource)
}

func (c *Cluster) fresh(ctx context.Context, ref Ref, resource served) (map[string]any, error) {
	before := c.cached.version(resource.key)
	u, err := again(ctx, c, doing{http.MethodGet, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return resource.Get(ctx, ref.Name, metav1.GetOptions{})
	})
	if apierrors.IsNotFound(err) {
		c.cached.gone(resource.key, before)
		return nil, nil
	}
	if err != nil {
		return nil, failed(ref, "get", err)
	}
	c.cached.saw(resource.key, u.Object)
	return u.Object, nil
}

// last is an object as it was seen last, which is read if it never was.
func (c *Cluster) last(ctx context.Context, ref Ref, resource served) (map[string]any, error) {
	if object := c.cached.last(resource.key); object != nil {
		return object, nil
	}
	return c.read(ctx, ref, resource)
}

// Delete removes objects and, in the background, what they own. Each is the one that
// was seen last, or is read now: another that has taken its name meanwhile stays. With
// how.Only it is deleted in exactly the version whose labels were looked at. What is not
// there is unchanged. It goes on after an error, so that as little as possible is left,
// and returns the first.
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
	resource, err := c.at(ctx, ref, "")
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
		// What lacks a label by an earlier read may have it by now.
		if !errors.Is(err, ErrChanged) && (now || change.Result != Skipped) {
			return change, err
		}
		if before, err = c.fresh(ctx, ref, resource); err != nil {
			return Change{}, err
		}
	}
}

// deleteThis deletes an object as it was read, and gives ErrChanged when its labels have
// to be looked at again.
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
		defer c.cached.deleted(resource.key) // also by a request whose answer is lost
	}
	options := metav1.DeleteOptions{Preconditions: &only, PropagationPolicy: &background, DryRun: how.DryRun.option()}
	_, err := again(ctx, c, doing{http.MethodDelete, ref}, func(ctx context.Context) (none, error) {
		return none{}, c.conflictOver(ctx, ref, resource, u, how, resource.Delete(ctx, ref.Name, options))
	})
	switch {
	case errors.Is(err, ErrChanged):
		return change, err
	case apierrors.IsConflict(err):
		change.Result, change.Reason = Skipped, "another object has taken its name since it was read"
	case err != nil && !apierrors.IsNotFound(err): // gone: perhaps by a request whose answer was lost
		return Change{}, failed(ref, "delete", err)
	}
	return change, nil
}

// lacking says which of the wanted labels an object lacks; "" when it has all.
func lacking(labels, wanted map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if value, found := labels[key]; !found || value != wanted[key] {
			return fmt.Sprintf("it does not carry the label %s=%s", key, wanted[key])
		}
	}
	return ""
}

type none struct{}

// conflictOver finds out what a conflict was about. If the object is still the one that
// was read, somebody else wrote it at the same moment: the deletion is tried again, and
// where its labels count they are looked at again.
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
