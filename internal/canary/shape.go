package canary

import (
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// shape is what the value at a path has to be where it is present.
type shape struct {
	path string // keys joined by dots
	want string // mapping, list, number, string, or list of mappings
}

const listOfMappings = "list of mappings"

var podShapes = []shape{
	{"metadata", "mapping"},
	{"spec", "mapping"},
	{"spec.containers", listOfMappings},
	{"spec.initContainers", listOfMappings},
	{"spec.volumes", listOfMappings},
	{"spec.imagePullSecrets", listOfMappings},
	{"spec.affinity", "mapping"},
	{"spec.topologySpreadConstraints", listOfMappings},
}

var workloadShapes = []shape{
	{"spec", "mapping"},
	{"spec.replicas", "number"},
	{"spec.selector", "mapping"},
	{"spec.template", "mapping"},
}

// shapesOf are the shapes of the fields that canarize reads or writes. What it
// does not look at is the API server's business.
func shapesOf(kind string) []shape {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		return workloadShapes
	case "Service":
		return []shape{{"spec", "mapping"}, {"spec.selector", "mapping"}, {"spec.ports", listOfMappings}, {"spec.type", "string"}}
	case "HorizontalPodAutoscaler":
		return []shape{{"spec", "mapping"}, {"spec.scaleTargetRef", "mapping"}, {"spec.minReplicas", "number"}, {"spec.maxReplicas", "number"}}
	case "NetworkPolicy":
		return []shape{{"spec", "mapping"}, {"spec.podSelector", "mapping"}, {"spec.ingress", listOfMappings}, {"spec.egress", listOfMappings}}
	case "PodDisruptionBudget", "ServiceMonitor", "PodMonitor":
		return []shape{{"spec", "mapping"}, {"spec.selector", "mapping"}}
	}
	return nil
}

func checkShapes(o *manifest.Object, root *manifest.Node, prefix string, shapes []shape) error {
	for _, s := range shapes {
		n := root
		keys := strings.Split(s.path, ".")
		for _, key := range keys {
			n = manifest.Get(n, key)
		}
		if n == nil {
			continue
		}
		if !s.fits(n) {
			return o.Errorf(n, "%s%s is a %s, not a %s", prefix, s.path, manifest.KindName(n), s.want)
		}
	}
	return nil
}

func (s shape) fits(n *manifest.Node) bool {
	if s.want != listOfMappings {
		return manifest.KindName(n) == s.want
	}
	if !manifest.IsList(n) {
		return false
	}
	for _, item := range manifest.Items(n) {
		if !manifest.IsMap(item) {
			return false
		}
	}
	return true
}
