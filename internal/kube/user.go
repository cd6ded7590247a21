package kube

import (
	"context"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// User returns the name of the current user, as the API server knows it. It uses a
// SelfSubjectReview, which Kubernetes allows every logged-in user.
func (c *Cluster) User(ctx context.Context) (string, error) {
	reviews := schema.GroupVersionResource{Group: "authentication.k8s.io", Version: "v1", Resource: "selfsubjectreviews"}
	review := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}}
	answer, err := withRetry(ctx, c, operation{http.MethodPost, Ref{Kind: "SelfSubjectReview"}}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return c.client.Resource(reviews).Create(ctx, review, metav1.CreateOptions{})
	})
	if err != nil {
		return "", fmt.Errorf("get the name of the current user from the API server: %w", err)
	}
	name, _, err := unstructured.NestedString(answer.Object, "status", "userInfo", "username")
	return name, err
}
