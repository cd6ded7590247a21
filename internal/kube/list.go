package kube

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// pageSize limits the objects in one answer of the API server.
const pageSize = 500

// List reads all objects of a kind in a namespace that match a label selector such as
// "a=b,c". The namespace "" means all namespaces. Objects of a cluster-scoped kind are in
// none. A kind that is not served has no objects.
func (c *Cluster) List(ctx context.Context, kind Ref, selector string) ([]map[string]any, error) {
	resource, namespaced, err := c.resource(ctx, kind, "")
	if IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !namespaced {
		kind.Namespace = ""
	}
	items, err := c.list(ctx, resource, kind.Namespace, metav1.ListOptions{LabelSelector: selector})
	return items, failed(kind, "list", err)
}

func (c *Cluster) list(ctx context.Context, r schema.GroupVersionResource, namespace string, page metav1.ListOptions) ([]map[string]any, error) {
	var objects []map[string]any
	page.Limit = pageSize
	for {
		list, err := withRetry(ctx, c, operation{"LIST", Ref{Kind: r.Resource, Namespace: namespace}}, func(ctx context.Context) (*unstructured.UnstructuredList, error) {
			return c.client.Resource(r).Namespace(namespace).List(ctx, page)
		})
		if err != nil {
			return nil, err
		}
		for _, item := range list.Items {
			objects = append(objects, item.Object)
		}
		if page.Continue = list.GetContinue(); page.Continue == "" {
			return objects, nil
		}
	}
}
