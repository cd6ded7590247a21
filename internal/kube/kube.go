// Package kube talks to a cluster, as kubectl would: the same kubeconfig, the
// same contexts. So far it only reads.
package kube

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Target says which cluster is meant, as kubectl's flags of the same names do;
// empty fields mean kubectl's defaults.
type Target struct{ Kubeconfig, Context string }

func (t Target) config() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = t.Kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: t.Context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w; see kubectl config get-contexts", err)
	}
	return config, nil
}

const emissaryGroup = "getambassador.io"

// emissaryKinds are the resources by which Emissary decides about routes.
var emissaryKinds = []string{"mappings", "tcpmappings", "hosts", "listeners", "modules"}

// pageSize bounds one answer of the API server.
const pageSize = 500

// EmissaryObjects reads from a cluster everything by which Emissary decides
// about routes: its own resources in the version the server prefers, and the
// Services and Ingresses, whose annotations may carry Mappings. namespace ""
// means all of them.
func EmissaryObjects(ctx context.Context, target Target, namespace string) ([]map[string]any, error) {
	config, err := target.config()
	if err != nil {
		return nil, err
	}
	resources, err := emissaryResources(config)
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", config.Host, err)
	}
	var objects []map[string]any
	for _, r := range resources {
		page := metav1.ListOptions{Limit: pageSize}
		for {
			list, err := client.Resource(r).Namespace(namespace).List(ctx, page)
			if err != nil {
				return nil, explain(config, r, err)
			}
			for _, item := range list.Items {
				objects = append(objects, item.Object)
			}
			if page.Continue = list.GetContinue(); page.Continue == "" {
				break
			}
		}
	}
	return objects, nil
}

// emissaryResources asks the server which version of Emissary's resources it
// prefers and which of them it has.
func emissaryResources(config *rest.Config) ([]schema.GroupVersionResource, error) {
	resources := []schema.GroupVersionResource{{Version: "v1", Resource: "services"}, {Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", config.Host, err)
	}
	groups, err := client.ServerGroups()
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", config.Host, err)
	}
	at := slices.IndexFunc(groups.Groups, func(g metav1.APIGroup) bool { return g.Name == emissaryGroup })
	if at < 0 {
		return nil, fmt.Errorf("cluster %s: it does not serve %s; is Emissary-ingress installed?", config.Host, emissaryGroup)
	}
	version := groups.Groups[at].PreferredVersion
	list, err := client.ServerResourcesForGroupVersion(version.GroupVersion)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %s: %w", config.Host, version.GroupVersion, err)
	}
	for _, r := range list.APIResources {
		if slices.Contains(emissaryKinds, r.Name) {
			resources = append(resources, schema.GroupVersionResource{Group: emissaryGroup, Version: version.Version, Resource: r.Name})
		}
	}
	return resources, nil
}

func explain(config *rest.Config, r schema.GroupVersionResource, err error) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("cluster %s: not allowed to list %s; grant the verb list on %s, or name a namespace with -n", config.Host, r.Resource, r.GroupResource())
	}
	return fmt.Errorf("cluster %s: listing %s: %w", config.Host, r.Resource, err)
}
