package kube

import (
	"context"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// User is the name by which the API server knows whoever asks (SelfSubjectReview, which
// Kubernetes allows whoever is logged in).
func (c *Cluster) User(ctx context.Context) (string, error) {
	reviews := schema.GroupVersionResource{Group: "authentication.k8s.io", Version: "v1", Resource: "selfsubjectreviews"}
	review := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}}
	answer, err := again(ctx, c, doing{http.MethodPost, Ref{Kind: "SelfSubjectReview"}}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return c.client.Resource(reviews).Create(ctx, review, metav1.CreateOptions{})
	})
	if err != nil {
		return "", fmt.Errorf("asking the API server who this is: %w", err)
	}
	name, _, err := unstructured.NestedString(answer.Object, "status", "userInfo", "username")
	return name, err
}
