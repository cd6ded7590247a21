package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// SetWeight sets spec.weight of a Mapping or TCPMapping in one write that touches
// nothing else, and checks that the API server's answer has it. The weight of a
// Mapping is from 0 to 100: Emissary stops routing, or takes no changes any more,
// at others, though the API server would accept them. IsNotFound says of the
// error that there is no such Mapping.
func (c *Cluster) SetWeight(ctx context.Context, mapping Ref, weight int, how Write) error {
	if weight < 0 || weight > 100 && mapping.Kind != "TCPMapping" {
		return fmt.Errorf("%s: a weight of %d was to be written; it has to be from 0 to 100", mapping, weight)
	}
	return c.setNumber(ctx, mapping, "weight", weight, how)
}

// SetReplicas sets spec.replicas, and of a HorizontalPodAutoscaler
// spec.minReplicas, in one write that touches nothing else.
func (c *Cluster) SetReplicas(ctx context.Context, ref Ref, replicas int, how Write) error {
	field := "replicas"
	if ref.Kind == "HorizontalPodAutoscaler" {
		field = "minReplicas"
	}
	return c.setNumber(ctx, ref, field, replicas, how)
}

func (c *Cluster) setNumber(ctx context.Context, ref Ref, field string, n int, how Write) error {
	after, err := c.patch(ctx, ref, map[string]any{"spec": map[string]any{field: n}}, how)
	if err != nil || after == nil {
		return err
	}
	if got, found, err := unstructured.NestedInt64(after.Object, "spec", field); err != nil || !found || got != int64(n) {
		return fmt.Errorf("%s: spec.%s was set to %d, but the API server says %v; look for an admission webhook that changes it", ref, field, n, got)
	}
	return nil
}

// Annotate sets annotations in one write that touches nothing else. IsNotFound says
// of the error that there is no such object.
func (c *Cluster) Annotate(ctx context.Context, ref Ref, annotations map[string]string, how Write) error {
	_, err := c.patch(ctx, ref, map[string]any{"metadata": map[string]any{"annotations": annotations}}, how)
	return err
}

// patch merges a change into an object (RFC 7396), and gives what became of it; nil
// in a dry run of the client.
func (c *Cluster) patch(ctx context.Context, ref Ref, change map[string]any, how Write) (*unstructured.Unstructured, error) {
	resource, err := c.at(ctx, ref, "")
	if err != nil || how.DryRun == DryRunClient {
		return nil, err
	}
	text, err := json.Marshal(change)
	if err != nil {
		return nil, err
	}
	options := metav1.PatchOptions{FieldManager: FieldManager, DryRun: how.DryRun.option()}
	after, err := again(ctx, c, doing{http.MethodPatch, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		after, err := resource.Patch(ctx, ref.Name, types.MergePatchType, text, options)
		return after, busy(err)
	})
	if err != nil {
		return nil, failed(ref, "patch", err)
	}
	if how.DryRun == DryRunNone {
		c.view.note(resource.place, after.Object)
	}
	return after, nil
}
