// Package watch caches the objects of a cluster that decide where requests go.
package watch

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// kinds returns the kinds that Emissary watches and the gateway implements.
func kinds() []schema.GroupVersionResource {
	out := []schema.GroupVersionResource{
		services(), slices(),
		{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
		{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"},
	}
	for _, plural := range []string{
		"mappings", "tcpmappings", "hosts", "modules", "listeners", "tlscontexts",
		"consulresolvers", "kubernetesendpointresolvers", "kubernetesserviceresolvers",
	} {
		out = append(out, schema.GroupVersionResource{Group: "getambassador.io", Version: "v3alpha1", Resource: plural})
	}
	return out
}

func services() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "services"}
}

func slices() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
}

// Watch is a cache of a cluster that watches keep up to date.
type Watch struct {
	stores  map[schema.GroupVersionResource]cache.Store
	changes chan struct{}
}

// Start fills a cache and returns when it is complete.
func Start(ctx context.Context, config *rest.Config) (*Watch, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	w := &Watch{stores: map[schema.GroupVersionResource]cache.Store{}, changes: make(chan struct{}, 1)}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	for _, kind := range kinds() {
		informer := factory.ForResource(kind).Informer()
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { w.changed() },
			UpdateFunc: func(any, any) { w.changed() },
			DeleteFunc: func(any) { w.changed() },
		}); err != nil {
			return nil, fmt.Errorf("watch %s: %w", kind.Resource, err)
		}
		w.stores[kind] = informer.GetStore()
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, errors.Join(fmt.Errorf("read %s from the API server", kind.Resource), context.Cause(ctx))
		}
	}
	return w, nil
}

func (w *Watch) changed() {
	select {
	case w.changes <- struct{}{}:
	default: // a change is signalled already
	}
}

// Changes returns a channel with an element if an object has changed since the last receive.
func (w *Watch) Changes() <-chan struct{} { return w.changes }

// Objects returns everything but EndpointSlices, in a fixed order. Callers must not change
// the objects.
func (w *Watch) Objects() []map[string]any {
	var out []map[string]any
	for kind := range w.stores {
		if kind != slices() {
			out = append(out, w.list(kind)...)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return identity(out[i]) < identity(out[j]) })
	return out
}

// Slices returns all EndpointSlices.
func (w *Watch) Slices() []map[string]any {
	out := w.list(slices())
	sort.SliceStable(out, func(i, j int) bool { return identity(out[i]) < identity(out[j]) })
	return out
}

func (w *Watch) list(kind schema.GroupVersionResource) []map[string]any {
	var out []map[string]any
	for _, item := range w.stores[kind].List() {
		if o, ok := item.(*unstructured.Unstructured); ok {
			out = append(out, o.Object)
		}
	}
	return out
}

func identity(o map[string]any) string {
	u := unstructured.Unstructured{Object: o}
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}
