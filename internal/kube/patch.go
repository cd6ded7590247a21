package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// SetReplicas sets spec.replicas, or spec.minReplicas of a HorizontalPodAutoscaler,
// with a patch that changes nothing else.
func (c *Cluster) SetReplicas(ctx context.Context, ref Ref, replicas int, how Write) error {
	field := "replicas"
	if ref.Kind == "HorizontalPodAutoscaler" {
		field = "minReplicas"
	}
	return c.SetNumber(ctx, ref, field, replicas, how)
}

// SetNumber sets a number in an object's spec with a patch that changes nothing else,
// and checks the number in the API server's answer. If the object does not exist,
// IsNotFound(err) is true.
func (c *Cluster) SetNumber(ctx context.Context, ref Ref, field string, n int, how Write) error {
	after, err := c.patch(ctx, ref, map[string]any{"spec": map[string]any{field: n}}, how)
	if err != nil || after == nil {
		return err
	}
	if got, found, err := unstructured.NestedInt64(after.Object, "spec", field); err != nil || !found || got != int64(n) {
		return fmt.Errorf("%s: spec.%s was set to %d, but the API server returned %v; look for an admission webhook that changes it", ref, field, n, got)
	}
	return nil
}

// Annotate sets annotations with a patch that changes nothing else. With a version, the
// patch applies to that version of the object only. If somebody else has changed the
// object since, Annotate returns ErrChanged; the caller then reads the object and
// retries, so no statement of another user is lost. Without a version, the patch
// applies to any version. If the object does not exist, IsNotFound(err) is true.
func (c *Cluster) Annotate(ctx context.Context, ref Ref, annotations map[string]string, version string, how Write) error {
	metadata := map[string]any{"annotations": annotations}
	if version == "" {
		_, err := c.patch(ctx, ref, map[string]any{"metadata": metadata}, how)
		return err
	}
	metadata["resourceVersion"] = version
	_, err := c.patchIf(ctx, ref, map[string]any{"metadata": metadata}, how, func(now *unstructured.Unstructured) bool {
		has := now.GetAnnotations()
		for key, value := range annotations {
			if got, found := has[key]; !found || got != value {
				return false
			}
		}
		return true
	})
	return err
}

// patch sends a merge patch (RFC 7396) and returns the new object; nil in a client-side
// dry run.
func (c *Cluster) patch(ctx context.Context, ref Ref, change map[string]any, how Write) (*unstructured.Unstructured, error) {
	resource, err := c.locate(ctx, ref, "")
	if err != nil || how.DryRun == DryRunClient {
		return nil, err
	}
	return c.merge(ctx, ref, resource, change, how, func(after *unstructured.Unstructured, err error) (*unstructured.Unstructured, error) {
		return after, busy(err)
	})
}

// patchIf is patch for one version of the object; it returns ErrChanged for any other
// version. done reports whether an object already has the change, because an earlier
// attempt succeeded and its answer was lost.
func (c *Cluster) patchIf(ctx context.Context, ref Ref, change map[string]any, how Write, done func(*unstructured.Unstructured) bool) (*unstructured.Unstructured, error) {
	resource, err := c.locate(ctx, ref, "")
	if err != nil || how.DryRun == DryRunClient {
		return nil, err
	}
	return c.merge(ctx, ref, resource, change, how, func(after *unstructured.Unstructured, err error) (*unstructured.Unstructured, error) {
		if !apierrors.IsConflict(err) {
			return after, err
		}
		now, getErr := resource.Get(ctx, ref.Name, metav1.GetOptions{})
		switch {
		case getErr != nil:
			return nil, busyError{getErr}
		case done(now):
			return now, nil
		}
		return nil, ErrChanged
	})
}

// merge sends a merge patch. settle turns the answer into a result, or into an error
// that may be retried.
func (c *Cluster) merge(ctx context.Context, ref Ref, resource served, change map[string]any, how Write, settle func(*unstructured.Unstructured, error) (*unstructured.Unstructured, error)) (*unstructured.Unstructured, error) {
	text, err := json.Marshal(change)
	if err != nil {
		return nil, err
	}
	options := metav1.PatchOptions{FieldManager: FieldManager, DryRun: how.DryRun.option()}
	after, err := withRetry(ctx, c, operation{http.MethodPatch, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return settle(resource.Patch(ctx, ref.Name, types.MergePatchType, text, options))
	})
	switch {
	case errors.Is(err, ErrChanged):
		return nil, fmt.Errorf("%s: %w", ref, err)
	case err != nil:
		return nil, failed(ref, "patch", err)
	}
	if how.DryRun == DryRunNone {
		c.cached.store(resource.key, after.Object)
	}
	return after, nil
}
