//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// object holds the fields of a Kubernetes object that the checks need, and the whole object
// as JSON.
type object struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       struct {
		Selector json.RawMessage `json:"selector"` // plain labels in a Service
		Template struct {
			Metadata metadata `json:"metadata"`
		} `json:"template"`
	} `json:"spec"`

	raw json.RawMessage
}

type metadata struct {
	Name            string            `json:"name"`
	Namespace       string            `json:"namespace"`
	Labels          map[string]string `json:"labels"`
	UID             string            `json:"uid"`
	ResourceVersion string            `json:"resourceVersion"`
}

// labelSelector is the selector of a workload.
type labelSelector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values"`
	} `json:"matchExpressions"`
}

func (o object) String() string {
	return o.Kind + " " + o.Metadata.Namespace + "/" + o.Metadata.Name
}

// matches reports whether the labels satisfy the plain selector.
func matches(plain, labels map[string]string) bool {
	for k, v := range plain {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

func (s labelSelector) matches(labels map[string]string) bool {
	if !matches(s.MatchLabels, labels) {
		return false
	}
	for _, e := range s.MatchExpressions {
		value, has := labels[e.Key]
		in := has && slices.Contains(e.Values, value)
		ok := map[string]bool{"In": in, "NotIn": !in, "Exists": has, "DoesNotExist": !has}[e.Operator]
		if !ok {
			return false
		}
	}
	return true
}

// parseObjects reads one or more objects from JSON or YAML, and the items of a List.
func parseObjects(t *testing.T, text []byte) []object {
	t.Helper()
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return parseObject(t, text)
	}
	var all []object
	for _, document := range strings.Split("\n"+string(text), "\n---") {
		converted, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("parse YAML: %v\n%s", err, document)
		}
		if string(converted) != "null" {
			all = append(all, parseObject(t, converted)...)
		}
	}
	return all
}

func parseObject(t *testing.T, text []byte) []object {
	t.Helper()
	var list struct {
		Kind  string            `json:"kind"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatalf("parse JSON: %v\n%s", err, head(text))
	}
	if strings.HasSuffix(list.Kind, "List") {
		var all []object
		for _, item := range list.Items {
			all = append(all, parseObject(t, item)...)
		}
		return all
	}
	o := object{raw: bytes.Clone(text)}
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatalf("parse JSON: %v\n%s", err, head(text))
	}
	return []object{o}
}

// list returns a List of all objects without the fields that only the server may set;
// with them nobody could create an exported object.
func list(t *testing.T, all []object) []byte {
	t.Helper()
	items := make([]any, 0, len(all))
	for _, o := range all {
		var full map[string]any
		if err := json.Unmarshal(o.raw, &full); err != nil {
			t.Fatal(err)
		}
		delete(full, "status")
		if m, ok := full["metadata"].(map[string]any); ok {
			for _, key := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
				delete(m, key)
			}
		}
		items = append(items, full)
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// namespaces returns the namespaces that the objects name.
func namespaces(all []object) []string {
	seen := map[string]bool{}
	for _, o := range all {
		if o.Metadata.Namespace != "" {
			seen[o.Metadata.Namespace] = true
		}
		if o.Kind == "Namespace" {
			seen[o.Metadata.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// ofKind returns the objects of the kinds.
func ofKind(all []object, kinds ...string) []object {
	var some []object
	for _, o := range all {
		if slices.Contains(kinds, o.Kind) {
			some = append(some, o)
		}
	}
	return some
}
