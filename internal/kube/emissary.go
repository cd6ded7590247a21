package kube

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const emissaryGroup = "getambassador.io"

// emissaryKinds are the resources by which Emissary decides about routes.
var emissaryKinds = []string{"mappings", "tcpmappings", "hosts", "listeners", "modules"}

// pageSize bounds one answer of the API server.
const pageSize = 500

// EmissaryObjects reads from a cluster everything by which Emissary decides
// about routes: its own resources in the version the server prefers, and the
// Services and Ingresses, whose annotations may carry Mappings. namespace ""
// means all of them.
func (c *Cluster) EmissaryObjects(ctx context.Context, namespace string) ([]map[string]any, error) {
	resources, err := c.emissaryResources(ctx)
	if err != nil {
		return nil, err
	}
	var objects []map[string]any
	for _, r := range resources {
		items, err := c.list(ctx, r, namespace, metav1.ListOptions{})
		if apierrors.IsForbidden(err) {
			return nil, fmt.Errorf("cluster %s: not allowed to list %s; grant the verb list on %s, or read a single namespace", c.config.Host, r.Resource, r.GroupResource())
		}
		if err != nil {
			return nil, fmt.Errorf("cluster %s: listing %s: %w", c.config.Host, r.Resource, err)
		}
		objects = append(objects, items...)
	}
	return objects, nil
}

// List reads all objects of a kind in a namespace, or with "" in all of them, that
// carry labels as a selector such as "a=b,c" asks for. A kind that is not served
// has none.
func (c *Cluster) List(ctx context.Context, kind Ref, selector string) ([]map[string]any, error) {
	resource, _, err := c.resource(ctx, kind, "")
	if IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	items, err := c.list(ctx, resource, kind.Namespace, metav1.ListOptions{LabelSelector: selector})
	return items, failed(kind, "list", err)
}

func (c *Cluster) list(ctx context.Context, r schema.GroupVersionResource, namespace string, page metav1.ListOptions) ([]map[string]any, error) {
	var objects []map[string]any
	page.Limit = pageSize
	for {
		list, err := again(ctx, c, doing{"LIST", Ref{Kind: r.Resource, Namespace: namespace}}, func(ctx context.Context) (*unstructured.UnstructuredList, error) {
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

// emissaryResources asks the server which version of Emissary's resources it
// prefers and which of them it has.
func (c *Cluster) emissaryResources(ctx context.Context) ([]schema.GroupVersionResource, error) {
	resources := []schema.GroupVersionResource{{Version: "v1", Resource: "services"}, {Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}}
	groups, err := again(ctx, c, doing{"discover", Ref{Kind: "the API groups"}}, c.discovery.ServerGroupsWithContext)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", c.config.Host, err)
	}
	at := slices.IndexFunc(groups.Groups, func(g metav1.APIGroup) bool { return g.Name == emissaryGroup })
	if at < 0 {
		return nil, fmt.Errorf("cluster %s: it does not serve %s; is Emissary-ingress installed?", c.config.Host, emissaryGroup)
	}
	version := groups.Groups[at].PreferredVersion
	list, err := again(ctx, c, doing{"discover", Ref{Kind: version.GroupVersion}}, func(ctx context.Context) (*metav1.APIResourceList, error) {
		return c.discovery.ServerResourcesForGroupVersionWithContext(ctx, version.GroupVersion)
	})
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %s: %w", c.config.Host, version.GroupVersion, err)
	}
	for _, r := range list.APIResources {
		if slices.Contains(emissaryKinds, r.Name) {
			resources = append(resources, schema.GroupVersionResource{Group: emissaryGroup, Version: version.Version, Resource: r.Name})
		}
	}
	return resources, nil
}
