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

// Listing holds the objects of several kinds, and the kinds that could not be listed.
type Listing struct {
	Objects   []map[string]any
	Kinds     []Ref    // whose objects are in Objects, also those that are not served
	Forbidden []string // the kinds that may not be listed
}

// ListAllowed reads all objects of several kinds in a namespace. It leaves out the kinds
// that may not be listed.
func (c *Cluster) ListAllowed(ctx context.Context, kinds []Ref, namespace string) (Listing, error) {
	var l Listing
	for _, kind := range kinds {
		kind.Namespace = namespace
		objects, err := c.List(ctx, kind, "")
		switch {
		case IsForbidden(err):
			l.Forbidden = append(l.Forbidden, kind.Kind)
			continue
		case err != nil:
			return Listing{}, err
		}
		l.Objects = append(l.Objects, objects...)
		l.Kinds = append(l.Kinds, kind)
	}
	return l, nil
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
