package faults

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/retry"
)

// Somebody is a person with kubectl who changes the lock and the record of a release by
// hand, which nobody should do.
type Somebody struct{ client dynamic.Interface }

// NewSomebody returns somebody with the permissions of a kubeconfig.
func NewSomebody(kubeconfig string) (Somebody, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return Somebody{}, err
	}
	client, err := dynamic.NewForConfig(config)
	return Somebody{client}, err
}

var (
	leases     = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

// DeleteLock deletes the Lease of a release.
func (s Somebody) DeleteLock(ctx context.Context, namespace, release string) error {
	return s.client.Resource(leases).Namespace(namespace).Delete(ctx, "canarize-"+release, metav1.DeleteOptions{})
}

// TakeLock writes another holder into the Lease of a release.
func (s Somebody) TakeLock(ctx context.Context, namespace, release, holder string) error {
	return s.edit(ctx, leases, namespace, release, func(object map[string]any) error {
		return unstructured.SetNestedField(object, holder, "spec", "holderIdentity")
	})
}

// DeleteRecord deletes the ConfigMap of a release.
func (s Somebody) DeleteRecord(ctx context.Context, namespace, release string) error {
	return s.client.Resource(configMaps).Namespace(namespace).Delete(ctx, "canarize-"+release, metav1.DeleteOptions{})
}

// EditRecord changes the data of the ConfigMap of a release, such as its state.json.
func (s Somebody) EditRecord(ctx context.Context, namespace, release string, change func(data map[string]string)) error {
	return s.edit(ctx, configMaps, namespace, release, func(object map[string]any) error {
		data, _, err := unstructured.NestedStringMap(object, "data")
		if err != nil {
			return err
		}
		if data == nil {
			data = map[string]string{}
		}
		change(data)
		return unstructured.SetNestedStringMap(object, data, "data")
	})
}

func (s Somebody) edit(ctx context.Context, what schema.GroupVersionResource, namespace, release string, change func(map[string]any) error) error {
	objects, name := s.client.Resource(what).Namespace(namespace), "canarize-"+release
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		object, err := objects.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if err := change(object.Object); err != nil {
			return fmt.Errorf("%s %s/%s: %w", what.Resource, namespace, name, err)
		}
		_, err = objects.Update(ctx, object, metav1.UpdateOptions{FieldManager: "somebody"})
		return err
	})
}
