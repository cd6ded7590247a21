package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"github.com/rogpeppe/go-internal/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// same reports whether a write left the content of an object unchanged. The version may
// differ, because a controller may have written the status.
func same(before, after map[string]any) bool {
	return reflect.DeepEqual(content(before), content(after))
}

// Same reports whether the object existed before, and has the same content but for some
// annotations.
func (c Change) Same(but map[string]string) bool {
	if c.Before == nil || c.After == nil {
		return false
	}
	return same(without(c.Before, but), without(c.After, but))
}

// without returns a copy of an object without some annotations.
func without(object map[string]any, annotations map[string]string) map[string]any {
	out := runtime.DeepCopyJSON(object)
	metadata, _ := out["metadata"].(map[string]any)
	all, _ := metadata["annotations"].(map[string]any)
	for key := range annotations {
		delete(all, key)
	}
	if len(all) == 0 {
		delete(metadata, "annotations")
	}
	return out
}

// bookkeeping lists the fields of metadata in which the API server records an object's
// history. They change although nobody wants another content.
var bookkeeping = [...]string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"}

// content returns an object without its history and status.
func content(object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	out := runtime.DeepCopyJSON(object)
	delete(out, "status")
	if metadata, isObject := out["metadata"].(map[string]any); isObject {
		for _, field := range bookkeeping {
			delete(metadata, field)
		}
	}
	return out
}

// merged approximates the result of applying an object: maps are merged, and everything
// else is replaced. Lists that the API server merges, such as containers, are merged by
// name.
func merged(before, object map[string]any) map[string]any {
	if before == nil {
		return runtime.DeepCopyJSON(object)
	}
	out := maps.Clone(before)
	for key, wanted := range object {
		out[key] = mergedValue(before[key], wanted)
	}
	return out
}

func mergedValue(before, wanted any) any {
	switch wanted := wanted.(type) {
	case map[string]any:
		if old, isObject := before.(map[string]any); isObject {
			return merged(old, wanted)
		}
	case []any:
		if old, isList := before.([]any); isList {
			return mergedList(old, wanted)
		}
	}
	return runtime.DeepCopyJSONValue(wanted)
}

// mergedList merges each wanted element with the old one of the same name, so that the
// server's defaults do not count as a difference.
func mergedList(before, wanted []any) []any {
	byName := map[string]any{}
	for i, old := range before {
		byName[nameIn(old, i)] = old
	}
	out := make([]any, len(wanted))
	for i, w := range wanted {
		out[i] = mergedValue(byName[nameIn(w, i)], w)
	}
	return out
}

func nameIn(element any, i int) string {
	if fields, isObject := element.(map[string]any); isObject {
		if name, found := fields["name"].(string); found {
			return "name " + name
		}
	}
	return fmt.Sprint("index ", i)
}

// Diff returns a unified diff of changes, without the API server's bookkeeping. For a
// Secret it shows only which keys differ, never a value.
func Diff(changes []Change) ([]byte, error) {
	var out bytes.Buffer
	for _, change := range changes {
		before, after := masked(change.Before, change.After)
		old, err := text(before)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", change.Ref, err)
		}
		now, err := text(after)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", change.Ref, err)
		}
		from, to := change.Ref.String(), change.Ref.String()
		if before == nil {
			from = "/dev/null"
		}
		if after == nil {
			to = "/dev/null"
		}
		_, hunks, _ := bytes.Cut(diff.Diff(from, old, to, now), []byte("\n"))
		out.Write(hunks) // without the line "diff OLD NEW", which patch does not know
	}
	return out.Bytes(), nil
}

func text(object map[string]any) ([]byte, error) {
	if object == nil {
		return nil, nil
	}
	return yaml.Marshal(object)
}

// masked returns the contents of two versions of an object. In a Secret, each value is
// replaced by a text that is equal only for equal values.
func masked(before, after map[string]any) (old, now map[string]any) {
	old, now = content(before), content(after)
	isSecret := func(o map[string]any) bool {
		return (&unstructured.Unstructured{Object: o}).GroupVersionKind().GroupKind().String() == "Secret"
	}
	if !isSecret(old) && !isSecret(now) {
		return old, now
	}
	for _, field := range []string{"data", "stringData"} {
		a, _ := old[field].(map[string]any)
		b, _ := now[field].(map[string]any)
		equal := map[string]bool{}
		for key := range a {
			equal[key] = reflect.DeepEqual(a[key], b[key])
		}
		maskValues(a, equal, "(masked, old)")
		maskValues(b, equal, "(masked, new)")
		for _, o := range []map[string]any{old, now} {
			if _, isMap := o[field].(map[string]any); !isMap && o[field] != nil { // an invalid type, which may contain anything
				o[field] = "(masked)"
			}
		}
	}
	for _, o := range []map[string]any{old, now} {
		// The annotation of kubectl apply contains the values of the Secret.
		unstructured.RemoveNestedField(o, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
	}
	return old, now
}

func maskValues(values map[string]any, equal map[string]bool, otherwise string) {
	for key := range values {
		values[key] = otherwise
		if equal[key] {
			values[key] = "(masked)"
		}
	}
}

// normal converts an object to decoded JSON; numbers from YAML have other types.
func normal(object map[string]any) (map[string]any, error) {
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(encoded); err != nil {
		return nil, err
	}
	return u.Object, nil
}
