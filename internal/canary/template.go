package canary

import "github.com/canarize/canarize/internal/manifest"

// PodTemplate returns what the pods of an object are made from, a mapping with metadata and
// spec (k8s.io/api/core/v1, PodTemplateSpec); for a Pod, the Pod. It is nil if the object
// makes no pods.
func PodTemplate(o *manifest.Object) *manifest.Node {
	switch o.Kind() {
	case "Pod":
		return o.Root
	case "CronJob":
		return manifest.Get(o.Root, "spec", "jobTemplate", "spec", "template")
	}
	return manifest.Get(o.Root, "spec", "template")
}

// PodSpec returns the spec of the pods that an object is or makes; nil if it makes none.
func PodSpec(o *manifest.Object) *manifest.Node { return manifest.Get(PodTemplate(o), "spec") }
