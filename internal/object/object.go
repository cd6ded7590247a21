// Package object reads single facts from decoded objects. If a field is missing or has
// another type, the result is empty. Callers must not modify the results: they are parts
// of the object. Functions that begin with With return a copy and leave the object as it
// is.
package object

import (
	"maps"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// ID returns the identity of an object.
func ID(o map[string]any) manifest.ID {
	var id manifest.ID
	version, _ := o["apiVersion"].(string)
	if group, _, grouped := strings.Cut(version, "/"); grouped {
		id.Group = group
	}
	id.Kind, _ = o["kind"].(string)
	id.Namespace, _ = Metadata(o)["namespace"].(string)
	id.Name, _ = Metadata(o)["name"].(string)
	return id
}

// Metadata returns an object's metadata.
func Metadata(o map[string]any) map[string]any { return in(o, "metadata") }

// Labels returns an object's labels.
func Labels(o map[string]any) map[string]any { return in(o, "metadata", "labels") }

// Annotations returns an object's annotations.
func Annotations(o map[string]any) map[string]any { return in(o, "metadata", "annotations") }

// Spec returns an object's spec.
func Spec(o map[string]any) map[string]any { return in(o, "spec") }

// PodSpec returns the spec of the pods that a workload makes.
func PodSpec(o map[string]any) map[string]any { return in(o, "spec", "template", "spec") }

// Replicas returns how many pods a workload asks for, or the minimum of an autoscaler.
// Without a value it returns 1, the default of Kubernetes.
func Replicas(o map[string]any) int {
	n := Spec(o)["replicas"]
	if o["kind"] == "HorizontalPodAutoscaler" {
		n = Spec(o)["minReplicas"]
	}
	switch n := n.(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	}
	return 1
}

// WithSpec returns a copy of an object with another spec.
func WithSpec(o, spec map[string]any) map[string]any {
	o = maps.Clone(o)
	o["spec"] = spec
	return o
}

// WithAnnotations returns a copy of an object with annotations added.
func WithAnnotations(o map[string]any, annotations map[string]string) map[string]any {
	meta, all := map[string]any{}, map[string]any{}
	maps.Copy(meta, Metadata(o))
	maps.Copy(all, Annotations(o))
	for key, value := range annotations {
		all[key] = value
	}
	meta["annotations"] = all
	o = maps.Clone(o)
	o["metadata"] = meta
	return o
}

func in(o map[string]any, path ...string) map[string]any {
	for _, key := range path {
		o, _ = o[key].(map[string]any)
	}
	return o
}
