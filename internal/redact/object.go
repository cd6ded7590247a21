package redact

import (
	"encoding/json"
	"maps"
	"strings"
)

// LastApplied is the annotation in which kubectl apply stores the whole applied object.
const LastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Object removes the content of Secrets from a decoded object: from the object if it is a
// Secret, from the Secrets in a list, and from the annotation of kubectl apply. It never
// changes its argument, and returns it if it contains no Secret.
func Object(object map[string]any) map[string]any {
	secret := isSecret(object)
	items, list := object["items"].([]any)
	if !list && !secret && !keepsSecret(object) {
		return object
	}
	object = maps.Clone(object)
	if secret {
		delete(object, "data")
		delete(object, "stringData")
	}
	if list {
		object["items"] = inItems(items, object["kind"] == "SecretList")
	}
	if secret || keepsSecret(object) {
		dropLastApplied(object)
	}
	return object
}

// Objects calls Object for each object.
func Objects(objects []map[string]any) []map[string]any {
	kept := make([]map[string]any, len(objects))
	for i, o := range objects {
		kept[i] = Object(o)
	}
	return kept
}

// inItems redacts the objects of a list. secrets says that the list is a SecretList,
// whose items may have no kind.
func inItems(items []any, secrets bool) []any {
	kept := make([]any, len(items))
	for i, item := range items {
		kept[i] = item
		object, is := item.(map[string]any)
		if is && secrets {
			object = maps.Clone(object)
			object["kind"], object["apiVersion"] = "Secret", "v1"
		}
		if is {
			kept[i] = Object(object)
		}
	}
	return kept
}

// isSecret reports whether an object is a Secret of the core group.
func isSecret(object map[string]any) bool {
	kind, _ := object["kind"].(string)
	version, _ := object["apiVersion"].(string)
	return kind == "Secret" && !strings.Contains(version, "/")
}

// keepsSecret reports whether the annotation of kubectl apply contains a Secret. An
// annotation that cannot be parsed may contain one.
func keepsSecret(object map[string]any) bool {
	kept, found := annotations(object)[LastApplied]
	if !found {
		return false
	}
	text, _ := kept.(string)
	var applied any
	return json.Unmarshal([]byte(text), &applied) != nil || holdsSecret(applied)
}

// holdsSecret reports whether a value contains a Secret at any depth.
func holdsSecret(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		if isSecret(v) || v["kind"] == "SecretList" {
			return true
		}
		for _, field := range v {
			if holdsSecret(field) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if holdsSecret(item) {
				return true
			}
		}
	}
	return false
}

func annotations(object map[string]any) map[string]any {
	meta, _ := object["metadata"].(map[string]any)
	all, _ := meta["annotations"].(map[string]any)
	return all
}

// dropLastApplied removes the annotation of kubectl apply. The caller has cloned the
// object itself, but not its metadata.
func dropLastApplied(object map[string]any) {
	all := annotations(object)
	if _, found := all[LastApplied]; !found {
		return
	}
	meta, _ := object["metadata"].(map[string]any)
	meta, all = maps.Clone(meta), maps.Clone(all)
	delete(all, LastApplied)
	meta["annotations"] = all
	if len(all) == 0 {
		delete(meta, "annotations")
	}
	object["metadata"] = meta
}
