package canary

import (
	"maps"
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// stableOnly are the Service fields whose value only one Service can have.
var stableOnly = map[string]bool{
	"clusterIP": true, "clusterIPs": true, "externalIPs": true, "loadBalancerIP": true, "loadBalancerClass": true,
	"loadBalancerSourceRanges": true, "allocateLoadBalancerNodePorts": true, "externalTrafficPolicy": true,
	"healthCheckNodePort": true, "type": true, "externalName": true,
}

// service derives the canary of a Service. It is a ClusterIP Service that
// selects the canary pods, and headless if the stable one is.
func (d *derivation) service(s *service) {
	c := d.derive(s.object)
	s.derived = c
	annotations := manifest.Get(c.Root, "metadata", "annotations")
	manifest.DeleteFunc(annotations, func(key string) bool { return hasPrefix(key, cloudPrefixes) })
	dropEmpty(manifest.Get(c.Root, "metadata"), "annotations")

	spec := manifest.Get(c.Root, "spec")
	headless := manifest.GetString(spec, "clusterIP") == "None"
	manifest.DeleteFunc(spec, func(key string) bool {
		return stableOnly[key] && !(headless && key == "clusterIP") && !(key == "type" && manifest.GetString(spec, "type") == "ClusterIP")
	})
	for _, port := range manifest.Items(spec, "ports") {
		manifest.Delete(port, "nodePort")
	}
	selector := manifest.Get(spec, "selector")
	for key, value := range sortedPairs(s.selector.equal) {
		if canary := s.canaryValue(key, value); canary != value {
			manifest.PutString(selector, key, canary)
		}
	}
	manifest.PutString(selector, TrackLabel, TrackCanary)
	d.result.Services = append(d.result.Services, manifest.Derived{Stable: s.object, Canary: c})
}

// reaches reports whether the Service leads requests to a workload that it selects: not if
// it names a port that only the pods of another one have.
func (s *service) reaches(w *workload) bool {
	return s.opens(w) || !slices.ContainsFunc(s.workloads, s.opens)
}

// opens reports whether the pods of a workload have a target port of the Service. A number
// needs no declaration.
func (s *service) opens(w *workload) bool {
	names := map[string]bool{}
	for _, list := range []string{"containers", "initContainers"} {
		for _, c := range manifest.Items(PodSpec(w.object), list) {
			for _, p := range manifest.Items(c, "ports") {
				names[manifest.GetString(p, "name")] = true
			}
		}
	}
	ports := manifest.Items(s.object.Root, "spec", "ports")
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p *manifest.Node) bool {
		target := manifest.Get(p, "targetPort")
		return target == nil || manifest.KindName(target) != "string" || names[target.Value]
	})
}

// canaryValue returns the canaries' value for a label of the Service's
// selector. All its workloads have the same one, see separate.
func (s *service) canaryValue(key, value string) string {
	for _, w := range s.workloads {
		if changed, found := w.change[key]; found && w.chosen {
			return changed
		}
	}
	return value
}

// canarySelector returns the selector of the canary Service.
func (s *service) canarySelector() selector {
	equal := maps.Clone(s.selector.equal)
	for key, value := range equal {
		equal[key] = s.canaryValue(key, value)
	}
	equal[TrackLabel] = TrackCanary
	return selector{equal: equal}
}

// hasCanary reports whether the Service selects pods of a workload that gets a
// canary.
func (s *service) hasCanary() bool {
	return slices.ContainsFunc(s.workloads, func(w *workload) bool { return w.chosen })
}
