package kube

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// Record is the content of a record, which is stored in a ConfigMap.
type Record struct {
	// Version is the version of the ConfigMap when it was read or written; "" if there
	// is none.
	Version string
	Labels  map[string]string
	Data    map[string]string
	Binary  map[string][]byte
}

// ErrChanged reports that somebody else has changed an object since it was read.
var ErrChanged = errors.New("somebody else has changed it since it was read; read it again")

func configMap(namespace, name string) Ref {
	return Ref{Kind: "ConfigMap", Namespace: namespace, Name: name}
}

// Load reads a record; it returns the zero Record if there is none.
func (c *Cluster) Load(ctx context.Context, namespace, name string) (Record, error) {
	ref := configMap(namespace, name)
	object, err := c.Fresh(ctx, ref)
	if err != nil || object == nil {
		return Record{}, err
	}
	r, err := RecordOf(object)
	if err != nil {
		return Record{}, fmt.Errorf("%s: %w", ref, err)
	}
	return r, nil
}

// RecordOf returns the record in a ConfigMap that was watched or listed.
func RecordOf(object map[string]any) (Record, error) {
	u := unstructured.Unstructured{Object: object}
	r := Record{Version: u.GetResourceVersion(), Labels: u.GetLabels()}
	var err error
	if r.Data, _, err = unstructured.NestedStringMap(object, "data"); err != nil {
		return Record{}, err
	}
	encoded, _, err := unstructured.NestedStringMap(object, "binaryData")
	if err != nil {
		return Record{}, err
	}
	for key, value := range encoded {
		if r.Binary == nil {
			r.Binary = map[string][]byte{}
		}
		if r.Binary[key], err = base64.StdEncoding.DecodeString(value); err != nil {
			return Record{}, fmt.Errorf("binaryData.%s: %w", key, err)
		}
	}
	return r, nil
}

// Save writes a record if it still has the version r.Version; "" means that there is
// none yet. It returns the new version, or ErrChanged. If the answer of a write was
// lost, Save recognises its own content.
func (c *Cluster) Save(ctx context.Context, namespace, name string, r Record) (version string, err error) {
	ref := configMap(namespace, name)
	resource, err := c.locate(ctx, ref, "")
	if err != nil {
		return "", err
	}
	object := r.configMap(ref)
	after, err := withRetry(ctx, c, operation{http.MethodPut, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		after, err := put(ctx, resource, object)
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || r.Version != "" && apierrors.IsNotFound(err) {
			return r.settle(ctx, resource, object, err)
		}
		return after, err
	})
	switch {
	case errors.Is(err, ErrChanged):
		return "", fmt.Errorf("%s: %w", ref, err)
	case err != nil:
		return "", failed(ref, "write", err)
	}
	return after.GetResourceVersion(), nil
}

func put(ctx context.Context, resource dynamic.ResourceInterface, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if object.GetResourceVersion() == "" {
		return resource.Create(ctx, object, metav1.CreateOptions{FieldManager: FieldManager})
	}
	return resource.Update(ctx, object, metav1.UpdateOptions{FieldManager: FieldManager})
}

// settle finds the reason why a write was refused: its own earlier attempt, a temporary
// conflict, or a write by somebody else.
func (r Record) settle(ctx context.Context, resource dynamic.ResourceInterface, object *unstructured.Unstructured, refused error) (*unstructured.Unstructured, error) {
	now, err := resource.Get(ctx, object.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) && r.Version == "":
		return nil, busyError{refused}
	case apierrors.IsNotFound(err):
		return nil, whyGone(ctx, resource, object)
	}
	if err != nil {
		return nil, busyError{err}
	}
	found, err := RecordOf(now.Object)
	switch {
	case err != nil:
		return nil, ErrChanged
	case found.sameAs(r):
		return now, nil
	case found.Version == r.Version:
		return nil, busyError{refused}
	}
	return nil, ErrChanged
}

// whyGone reports that somebody deleted a record or the whole namespace. In a namespace
// that is gone, the API server refuses an update with another text than a creation.
func whyGone(ctx context.Context, resource dynamic.ResourceInterface, object *unstructured.Unstructured) error {
	anew := object.DeepCopy()
	anew.SetResourceVersion("")
	_, err := resource.Create(ctx, anew, metav1.CreateOptions{FieldManager: FieldManager, DryRun: DryRunServer.option()})
	if isNamespaceGone(err) || IsTerminating(err) {
		return err
	}
	return ErrChanged
}

func (r Record) sameAs(other Record) bool {
	return maps.Equal(r.Data, other.Data) && maps.Equal(r.Labels, other.Labels) &&
		(len(r.Binary)+len(other.Binary) == 0 || reflect.DeepEqual(r.Binary, other.Binary))
}

func (r Record) configMap(ref Ref) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": ref.Kind}}
	u.SetNamespace(ref.Namespace)
	u.SetName(ref.Name)
	u.SetLabels(r.Labels)
	u.SetResourceVersion(r.Version)
	data := map[string]any{}
	for key, value := range r.Data {
		data[key] = value
	}
	u.Object["data"] = data
	if len(r.Binary) > 0 {
		binary := map[string]any{}
		for key, value := range r.Binary {
			binary[key] = base64.StdEncoding.EncodeToString(value)
		}
		u.Object["binaryData"] = binary
	}
	return u
}

// Forget deletes a record if it still has the given version. A missing record is no
// error; another version is ErrChanged.
func (c *Cluster) Forget(ctx context.Context, namespace, name, version string) error {
	ref := configMap(namespace, name)
	resource, err := c.locate(ctx, ref, "")
	if err != nil {
		return err
	}
	return c.deleteVersion(ctx, ref, resource, version)
}

func (c *Cluster) deleteVersion(ctx context.Context, ref Ref, resource dynamic.ResourceInterface, version string) error {
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &version}}
	_, err := withRetry(ctx, c, operation{http.MethodDelete, ref}, func(ctx context.Context) (types.UID, error) {
		err := resource.Delete(ctx, ref.Name, options)
		if !apierrors.IsConflict(err) {
			return "", err
		}
		now, getErr := resource.Get(ctx, ref.Name, metav1.GetOptions{})
		switch {
		case getErr != nil:
			return "", getErr
		case now.GetResourceVersion() == version:
			return "", busyError{err}
		}
		return "", ErrChanged
	})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case errors.Is(err, ErrChanged):
		return fmt.Errorf("%s: %w", ref, err)
	}
	return failed(ref, "delete", err)
}
