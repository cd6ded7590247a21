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

// same says whether a write left an object as it was, by its content: its version
// may have been counted up meanwhile by a controller that writes its status.
func same(before, after map[string]any) bool {
	return reflect.DeepEqual(content(before), content(after))
}

// bookkeeping are the fields of metadata that the API server keeps about an
// object's history. They change without anybody wanting anything else.
var bookkeeping = [...]string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"}

// content is what somebody has asked for: an object without its history and
// without its status.
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

// merged is about what applying an object would give: objects are merged, and
// everything else is replaced. Lists that the API server would merge, such as
// containers, are merged by their names.
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

// mergedList merges each wanted element with the old one of the same name, so that
// defaults the server has filled in are no difference.
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

// Diff is a unified diff of what changes did, or with a dry run would do, without
// the API server's bookkeeping. Of a Secret it shows which keys differ, never a
// value.
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

// masked gives the contents of two versions of an object; the values of a Secret
// are replaced by whether they are the same.
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
			if _, isMap := o[field].(map[string]any); !isMap && o[field] != nil { // a mistake, with who knows what in it
				o[field] = "(masked)"
			}
		}
	}
	for _, o := range []map[string]any{old, now} {
		// What kubectl apply keeps about a Secret has its values in it.
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

// normal is a value as JSON has it: what was read from YAML has other numbers.
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
