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

// SetReplicas sets spec.replicas, and of a HorizontalPodAutoscaler
// spec.minReplicas, in one write that touches nothing else.
func (c *Cluster) SetReplicas(ctx context.Context, ref Ref, replicas int, how Write) error {
	field := "replicas"
	if ref.Kind == "HorizontalPodAutoscaler" {
		field = "minReplicas"
	}
	return c.SetNumber(ctx, ref, field, replicas, how)
}

// SetNumber sets a number of an object's spec in one write that touches nothing else, and
// checks that the API server's answer has it. IsNotFound says of the error that there is
// no such object.
func (c *Cluster) SetNumber(ctx context.Context, ref Ref, field string, n int, how Write) error {
	after, err := c.patch(ctx, ref, map[string]any{"spec": map[string]any{field: n}}, how)
	if err != nil || after == nil {
		return err
	}
	if got, found, err := unstructured.NestedInt64(after.Object, "spec", field); err != nil || !found || got != int64(n) {
		return fmt.Errorf("%s: spec.%s was set to %d, but the API server says %v; look for an admission webhook that changes it", ref, field, n, got)
	}
	return nil
}

// Annotate sets annotations in one write that touches nothing else. With the version in
// which the object was read, it is written in that version only: ErrChanged says that
// somebody else has written it since, so that the caller reads it and tries again, and no
// word of two people is lost. Without a version it is written whatever it is by now.
// IsNotFound says of the error that there is no such object.
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

// patch merges a change into an object (RFC 7396), and gives what became of it; nil
// in a dry run of the client.
func (c *Cluster) patch(ctx context.Context, ref Ref, change map[string]any, how Write) (*unstructured.Unstructured, error) {
	resource, err := c.at(ctx, ref, "")
	if err != nil || how.DryRun == DryRunClient {
		return nil, err
	}
	return c.merge(ctx, ref, resource, change, how, func(after *unstructured.Unstructured, err error) (*unstructured.Unstructured, error) {
		return after, busy(err)
	})
}

// patchIf is patch for a change of one version of the object, which ErrChanged says it is
// not. done says whether an object has the change already: by an attempt whose answer was
// lost.
func (c *Cluster) patchIf(ctx context.Context, ref Ref, change map[string]any, how Write, done func(*unstructured.Unstructured) bool) (*unstructured.Unstructured, error) {
	resource, err := c.at(ctx, ref, "")
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

// merge sends a merge patch until settle is content with the answer.
func (c *Cluster) merge(ctx context.Context, ref Ref, resource served, change map[string]any, how Write, settle func(*unstructured.Unstructured, error) (*unstructured.Unstructured, error)) (*unstructured.Unstructured, error) {
	text, err := json.Marshal(change)
	if err != nil {
		return nil, err
	}
	options := metav1.PatchOptions{FieldManager: FieldManager, DryRun: how.DryRun.option()}
	after, err := again(ctx, c, doing{http.MethodPatch, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return settle(resource.Patch(ctx, ref.Name, types.MergePatchType, text, options))
	})
	switch {
	case errors.Is(err, ErrChanged):
		return nil, fmt.Errorf("%s: %w", ref, err)
	case err != nil:
		return nil, failed(ref, "patch", err)
	}
	if how.DryRun == DryRunNone {
		c.cached.saw(resource.key, after.Object)
	}
	return after, nil
}
