package kube

import "slices"

// Access says who may release what.
type Access struct {
	// Namespace is that of the releases, and of the account.
	Namespace string
	// GatewayNamespace is that of Emissary's pods.
	GatewayNamespace string
	// Account is the ServiceAccount under which canarize runs.
	Account string
	// PodMetrics says that the metric source pods is used.
	PodMetrics bool
}

// accessName is the name of the Roles and of what binds them.
const accessName = "canarize"

// grant is what may be done to resources of an API group.
type grant struct {
	group            string
	resources, verbs []string
}

// written are the verbs for objects that are applied, followed and deleted.
var written = []string{"get", "list", "watch", "create", "patch", "delete"}

// grants are what a release needs in its own namespace: its objects, its state and
// its lock, and the pods' reasons for not being ready.
var grants = []grant{
	{"", []string{"configmaps"}, []string{"get", "list", "watch", "create", "update", "patch", "delete"}}, // the state of releases too
	{"", []string{"secrets"}, []string{"get", "create", "patch", "delete"}},
	{"", []string{"services"}, written},
	{"", []string{"pods"}, []string{"list", "watch"}},
	{"apps", []string{"deployments", "statefulsets"}, written},
	{"autoscaling", []string{"horizontalpodautoscalers"}, written},
	{"coordination.k8s.io", []string{"leases"}, []string{"get", "list", "watch", "create", "update", "delete"}},
	{"getambassador.io", []string{"mappings", "tcpmappings"}, written},
	{"monitoring.coreos.com", []string{"podmonitors", "servicemonitors"}, written},
	{"networking.k8s.io", []string{"networkpolicies"}, written},
	{"policy", []string{"poddisruptionbudgets"}, written},
}

// metricGrants are what the metric source pods needs beside them: whoever may get
// pods/proxy can send requests to every port of every pod.
var metricGrants = []grant{{"", []string{"pods/proxy"}, []string{"get"}}}

// gatewayGrants are what a release needs where Emissary runs, to see what its pods
// really do.
var gatewayGrants = []grant{
	{"", []string{"pods"}, []string{"list", "watch"}},
	// A WebSocket is opened by GET, SPDY by POST.
	{"", []string{"pods/portforward"}, []string{"get", "create"}},
}

// Permissions are the objects that give an account the least that a release needs:
// the account, and a Role with its binding in each of the two namespaces.
func (a Access) Permissions() []map[string]any {
	account := newObject("v1", "ServiceAccount", a.Namespace, a.Account)
	grants := grants
	if a.PodMetrics {
		grants = slices.Concat(grants, metricGrants)
	}
	if a.GatewayNamespace == a.Namespace {
		return append([]map[string]any{account}, a.role(a.Namespace, accessName, slices.Concat(grants, gatewayGrants[1:]))...)
	}
	out := append([]map[string]any{account}, a.role(a.Namespace, accessName, grants)...)
	// Several namespaces may have their releases looked at by the same gateway.
	return append(out, a.role(a.GatewayNamespace, accessName+"-"+a.Namespace, gatewayGrants)...)
}

func (a Access) role(namespace, name string, grants []grant) []map[string]any {
	const api = "rbac.authorization.k8s.io"
	var rules []any
	for _, g := range grants {
		rules = append(rules, map[string]any{"apiGroups": anyList(g.group), "resources": anyList(g.resources...), "verbs": anyList(g.verbs...)})
	}
	role := newObject(api+"/v1", "Role", namespace, name)
	role["rules"] = rules
	binding := newObject(api+"/v1", "RoleBinding", namespace, name)
	binding["roleRef"] = map[string]any{"apiGroup": api, "kind": "Role", "name": name}
	binding["subjects"] = []any{map[string]any{"kind": "ServiceAccount", "name": a.Account, "namespace": a.Namespace}}
	return []map[string]any{role, binding}
}

func newObject(version, kind, namespace, name string) map[string]any {
	return map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": name, "namespace": namespace}}
}

func anyList(texts ...string) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = text
	}
	return out
}
