package kubetest

import (
	"maps"
	"slices"
	"strings"
)

// kinds lists the served kinds, by group and version.
var kinds = map[string]map[string]string{
	"v1":                        {"configmaps": "ConfigMap", "secrets": "Secret", "pods": "Pod", "services": "Service", "namespaces": "Namespace"},
	"apps/v1":                   {"deployments": "Deployment"},
	"batch/v1":                  {"jobs": "Job"},
	"coordination.k8s.io/v1":    {"leases": "Lease"},
	"getambassador.io/v3alpha1": {"mappings": "Mapping", "tcpmappings": "TCPMapping"},
}

// discover answers requests for discovery; it returns nil for other paths.
func (a *API) discover(path string) any {
	kinds := maps.Clone(kinds)
	maps.Copy(kinds, a.Also)
	groups := []any{}
	for _, served := range slices.Sorted(maps.Keys(kinds)) {
		group, version, named := strings.Cut(served, "/")
		root := "/apis/" + served
		if !named {
			root = "/api/v1"
		} else {
			v := map[string]any{"groupVersion": served, "version": version}
			groups = append(groups, map[string]any{"name": group, "versions": []any{v}, "preferredVersion": v})
		}
		if path != root {
			continue
		}
		resources := []any{}
		for plural, kind := range kinds[served] {
			resources = append(resources, map[string]any{"name": plural, "kind": kind, "namespaced": kind != "Namespace", "verbs": []string{"get"}})
		}
		return map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": served, "resources": resources}
	}
	switch path {
	case "/api":
		return map[string]any{"kind": "APIVersions", "versions": []string{"v1"}}
	case "/apis":
		return map[string]any{"kind": "APIGroupList", "groups": groups}
	}
	return nil
}
