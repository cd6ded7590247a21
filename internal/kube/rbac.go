package kube

import (
	"cmp"
	"reflect"
	"slices"
)

// Grant allows verbs on resources of an API group.
type Grant struct {
	Group     string
	Resources []string // with their subresources: pods/portforward
	Verbs     []string
}

// Granted holds the grants in a namespace.
type Granted struct {
	Namespace string
	Grants    []Grant
}

// Access describes the permissions of an account.
type Access struct {
	Namespace string    // of the account and of the releases
	Account   string    // the ServiceAccount that runs canarize
	Granted   []Granted // may have several entries for a namespace, and equal grants
	// Optional holds the grants without which something is not checked. Denied does not
	// ask for them: whoever misses one says so.
	Optional []Granted
}

// accessName is the name of the Roles and RoleBindings.
const accessName = "canarize"

// Written returns the grant that a Cluster needs to apply, watch and delete objects.
func Written(group string, resources ...string) Grant {
	return Grant{group, resources, []string{"get", "list", "watch", "create", "patch", "delete"}}
}

// ReleaseGrants returns what a release needs in its own namespace, sorted by API group:
// its objects, its record and its lock, its pods, and its routes. They are here because
// the verbs depend on how this package applies, watches, records and locks.
func ReleaseGrants(routes ...Grant) []Grant {
	grants := append([]Grant{
		{"", []string{"configmaps"}, []string{"get", "list", "watch", "create", "update", "patch", "delete"}}, // also for the records of releases
		{"", []string{"secrets"}, []string{"get", "create", "patch", "delete"}},
		Written("", "services"),
		{"", []string{"pods"}, []string{"list", "watch"}},
		Written("apps", "deployments", "statefulsets"),
		Written("autoscaling", "horizontalpodautoscalers"),
		{"coordination.k8s.io", []string{"leases"}, []string{"get", "list", "watch", "create", "update", "delete"}},
		Written("monitoring.coreos.com", "podmonitors", "servicemonitors"),
		Written("networking.k8s.io", "networkpolicies"),
		Written("policy", "poddisruptionbudgets"),
	}, routes...)
	slices.SortStableFunc(grants, func(a, b Grant) int { return cmp.Compare(a.Group, b.Group) })
	return grants
}

// PageGrants returns what Pages needs. With get on pods/proxy, an account can send
// requests to every port of every pod.
func PageGrants() []Grant { return []Grant{{"", []string{"pods/proxy"}, []string{"get"}}} }

// TunnelGrants returns what Follow and Forward need: to list and watch pods, and to
// open tunnels to them.
func TunnelGrants() []Grant {
	return []Grant{
		{"", []string{"pods"}, []string{"list", "watch"}},
		// A WebSocket is opened by GET, SPDY by POST.
		{"", []string{"pods/portforward"}, []string{"get", "create"}},
	}
}

// Listed returns the grant that Cluster.List needs.
func Listed(group string, resources ...string) Grant {
	return Grant{group, resources, []string{"list"}}
}

// byNamespace returns one entry for each namespace, with each grant once.
func byNamespace(some []Granted) []Granted {
	var all []Granted
	for _, granted := range some {
		at := slices.IndexFunc(all, func(g Granted) bool { return g.Namespace == granted.Namespace })
		if at < 0 {
			at = len(all)
			all = append(all, Granted{Namespace: granted.Namespace})
		}
		for _, grant := range granted.Grants {
			if !slices.ContainsFunc(all[at].Grants, func(g Grant) bool { return reflect.DeepEqual(g, grant) }) {
				all[at].Grants = append(all[at].Grants, grant)
			}
		}
	}
	return all
}

// Permissions returns the objects that grant the permissions: the ServiceAccount, and a
// Role with its RoleBinding in each namespace.
func (a Access) Permissions() []map[string]any {
	objects := []map[string]any{newObject("v1", "ServiceAccount", a.Namespace, a.Account)}
	for _, granted := range byNamespace(slices.Concat(a.Granted, a.Optional)) {
		name := accessName
		if granted.Namespace != a.Namespace { // other namespaces of releases may have a Role there too
			name += "-" + a.Namespace
		}
		objects = append(objects, a.role(granted.Namespace, name, granted.Grants)...)
	}
	return objects
}

func (a Access) role(namespace, name string, grants []Grant) []map[string]any {
	const api = "rbac.authorization.k8s.io"
	var rules []any
	for _, g := range grants {
		rules = append(rules, map[string]any{"apiGroups": anyList(g.Group), "resources": anyList(g.Resources...), "verbs": anyList(g.Verbs...)})
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
