package redact

import (
	"encoding/json"
	"maps"
	"strings"
)

// LastApplied is the annotation in which kubectl apply keeps the whole of what it was
// given.
const LastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Object is a decoded object without the content of Secrets: its own if it is one,
// that of the Secrets in it if it is a list, and the one that kubectl apply keeps. What
// has no secrets is given back as it is; nothing of what was given is changed.
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

// Objects are Object of each.
func Objects(objects []map[string]any) []map[string]any {
	kept := make([]map[string]any, len(objects))
	for i, o := range objects {
		kept[i] = Object(o)
	}
	return kept
}

// inItems are the objects of a list; those of a list of Secrets may say no kind.
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

// isSecret says whether an object is a Secret of the core group.
func isSecret(object map[string]any) bool {
	kind, _ := object["kind"].(string)
	version, _ := object["apiVersion"].(string)
	return kind == "Secret" && !strings.Contains(version, "/")
}

// keepsSecret says whether the annotation of kubectl apply holds a Secret. What cannot
// be read may be one.
func keepsSecret(object map[string]any) bool {
	kept, found := annotations(object)[LastApplied]
	if !found {
		return false
	}
	text, _ := kept.(string)
	var applied any
	return json.Unmarshal([]byte(text), &applied) != nil || holdsSecret(applied)
}

// holdsSecret says whether there is a Secret anywhere in a value.
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

// dropLastApplied drops the annotation of an object that is a copy already.
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
