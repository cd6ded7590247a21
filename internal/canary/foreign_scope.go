package canary

import (
	"maps"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// scope is the namespaces in which an object selects pods.
type scope struct {
	own    string                      // the only one, or
	covers func(namespace string) bool // those for which it returns true
}

func everywhere() scope { return scope{covers: func(string) bool { return true }} }

func nowhere() scope { return scope{covers: func(string) bool { return false }} }

func (in scope) contains(namespace string) bool {
	if in.covers == nil {
		return namespace == in.own
	}
	return in.covers(namespace)
}

// scopeOf returns the scope of a selector in an object of a kind that is not known. at
// holds the mappings in which the kind may say it: namespaces, namespaceSelector. An
// object without a namespace may be of a cluster-wide kind.
func (x *index) scopeOf(o *manifest.Object, at ...*manifest.Node) scope {
	for _, n := range at {
		if names := namespaceNames(manifest.Get(n, "namespaces")); len(names) > 0 {
			return scope{covers: func(ns string) bool { return slices.Contains(names, ns) }}
		}
		if s := manifest.Get(n, "namespaceSelector"); s != nil {
			return x.scopeOfSelector(s)
		}
	}
	if o.Namespace() == "" || inRootNamespace(o) {
		return everywhere()
	}
	return scope{own: o.Namespace()}
}

// scopeOfSelector reads a namespaceSelector: a label selector, any and matchNames as in a
// ServiceMonitor, or an expression of Calico.
func (x *index) scopeOfSelector(n *manifest.Node) scope {
	if names := namespaceNames(n); len(names) > 0 {
		return scope{covers: func(ns string) bool { return slices.Contains(names, ns) }}
	}
	if manifest.IsScalar(n) {
		return x.scopeOfExpression(n.Value)
	}
	if manifest.IsTrue(manifest.Get(n, "any")) {
		return everywhere()
	}
	return scope{covers: func(ns string) bool {
		matches, known := x.matchesNamespace(n, ns)
		return matches || !known
	}}
}

// scopeOfExpression reads a namespaceSelector of Calico. The labels of a namespace that is
// not in the input are not known, except its name.
func (x *index) scopeOfExpression(text string) scope {
	q, err := parseCalico(text)
	if err != nil || q.keys["global()"] {
		return nowhere() // global() takes what has no namespace
	}
	return scope{covers: func(ns string) bool {
		labels := map[string]string{calicoPrefix + "name": ns, namespaceName: ns}
		known, found := x.namespaces[ns]
		maps.Copy(labels, known)
		for key := range q.keys {
			if _, has := labels[key]; !has && !found {
				return true // it may
			}
		}
		return q.takes(pod{labels: labels})
	}}
}

// namespaceNames reads a list of names, alone or under matchNames.
func namespaceNames(n *manifest.Node) []string {
	var names []string
	for _, item := range slices.Concat(manifest.Items(n), manifest.Items(n, "matchNames")) {
		names = append(names, item.Value)
	}
	return names
}

// rootNamespaces are the usual namespaces of meshes whose objects there are about the pods
// of all namespaces, by the end of the API group: Istio's root namespace, and the system
// namespaces of Kuma and Kong Mesh.
var rootNamespaces = map[string][]string{".istio.io": {"istio-system"}, "kuma.io": {"kuma-system", "kong-mesh-system"}}

func inRootNamespace(o *manifest.Object) bool {
	for end, namespaces := range rootNamespaces {
		if strings.HasSuffix(o.Group(), end) && slices.Contains(namespaces, o.Namespace()) {
			return true
		}
	}
	return false
}
