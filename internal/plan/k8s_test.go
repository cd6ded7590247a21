package plan_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// This file models the parts of Kubernetes that the laws need. It works on decoded
// objects and was written from the documentation. It shares no code with the engine, so
// that no mistake can hide in both.

type obj = map[string]any

// dig follows a path of keys; it returns nil if a step is missing.
func dig(v any, path ...string) any {
	for _, key := range path {
		m, _ := v.(obj)
		v = m[key]
	}
	return v
}

func str(v any, path ...string) string { s, _ := dig(v, path...).(string); return s }

func list(v any, path ...string) []any { l, _ := dig(v, path...).([]any); return l }

// num reads a number of any decoded type.
func num(v any, path ...string) (int, bool) {
	switch n := dig(v, path...).(type) {
	case float64:
		return int(n), true
	case int64:
		return int(n), true
	case int:
		return n, true
	}
	return 0, false
}

func strs(v any, path ...string) map[string]string {
	m, _ := dig(v, path...).(obj)
	out := make(map[string]string, len(m))
	for k, x := range m {
		out[k], _ = x.(string)
	}
	return out
}

func kind(o obj) string { return str(o, "kind") }
func name(o obj) string { return str(o, "metadata", "name") }

// group returns the API group: the same kind in two versions is one object.
func group(o obj) string {
	g, _, found := strings.Cut(str(o, "apiVersion"), "/")
	if !found {
		return ""
	}
	return g
}

// namespace returns the namespace of an object, or the default if it names none.
func namespace(o obj) string {
	if ns := str(o, "metadata", "namespace"); ns != "" {
		return ns
	}
	return "default"
}

func identity(o obj) string {
	return fmt.Sprintf("%s/%s %s/%s", group(o), kind(o), namespace(o), name(o))
}

func isWorkload(o obj) bool {
	return group(o) == "apps" && slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, kind(o))
}

// isForeign reports whether an object only has the kind of one of Kubernetes' objects.
func isForeign(o obj) bool { return group(o) == "example.com" || group(o) == "projectcalico.org" }

func isService(o obj) bool { return kind(o) == "Service" && group(o) == "" }

// pods identifies the pods of a workload by namespace and labels.
type pods struct {
	of        obj
	namespace string
	labels    map[string]string
}

func podsOf(w obj) pods {
	return pods{w, namespace(w), strs(w, "spec", "template", "metadata", "labels")}
}

func podsIn(objects []obj) []pods {
	var all []pods
	for _, o := range objects {
		if isWorkload(o) {
			all = append(all, podsOf(o))
		}
	}
	return all
}

// equalTo matches the selector of a Service: an empty one selects nothing.
func equalTo(selector, labels map[string]string) bool {
	for k, v := range selector {
		if have, found := labels[k]; !found || have != v {
			return false
		}
	}
	return len(selector) > 0
}

// selects matches a metav1.LabelSelector: all terms must hold, and an empty one selects
// everything.
func selects(selector any, labels map[string]string) bool {
	if equal := strs(selector, "matchLabels"); len(equal) > 0 && !equalTo(equal, labels) {
		return false
	}
	for _, e := range list(selector, "matchExpressions") {
		value, found := labels[str(e, "key")]
		in := found && slices.Contains(list(e, "values"), any(value))
		holds := map[string]bool{"In": in, "NotIn": !in, "Exists": found, "DoesNotExist": !found}
		if !holds[str(e, "operator")] {
			return false
		}
	}
	return true
}

// serviceSelects reports whether a Service sends requests to pods.
func serviceSelects(s obj, p pods) bool {
	return str(s, "spec", "type") != "ExternalName" && namespace(s) == p.namespace && equalTo(strs(s, "spec", "selector"), p.labels)
}

// selectorSelects reports the same for an object with a label selector at a path.
func selectorSelects(o obj, p pods, path ...string) bool {
	return namespace(o) == p.namespace && selects(dig(o, path...), p.labels)
}

// flow returns the traffic that policies allow between two sets of pods, as seen by one
// side: the ports of every rule that admits it, or "*" if nothing restricts it. Both
// sides have to allow a connection.
func flow(policies []obj, at, peer pods, ingress bool) []string {
	isolated, rulesKey, peersKey := false, "egress", "to"
	if ingress {
		rulesKey, peersKey = "ingress", "from"
	}
	admitted := map[string]bool{}
	for _, p := range policies {
		if !restricts(p, ingress) || !selectorSelects(p, at, "spec", "podSelector") {
			continue
		}
		isolated = true
		for _, rule := range list(p, "spec", rulesKey) {
			peers := list(rule, peersKey)
			if len(peers) == 0 || slices.ContainsFunc(peers, func(x any) bool { return admits(p, x, peer) }) {
				ports, _ := json.Marshal(dig(rule, "ports"))
				admitted[string(ports)] = true
			}
		}
	}
	if !isolated {
		return []string{"*"}
	}
	return slices.Sorted(maps.Keys(admitted))
}

// restricts reports whether a policy applies to a direction
// (NetworkPolicySpec.policyTypes).
func restricts(policy obj, ingress bool) bool {
	types := list(policy, "spec", "policyTypes")
	switch {
	case len(types) > 0 && ingress:
		return slices.Contains(types, any("Ingress"))
	case len(types) > 0:
		return slices.Contains(types, any("Egress"))
	}
	return ingress || len(list(policy, "spec", "egress")) > 0
}

// admits reports whether a peer of a rule selects pods (NetworkPolicyPeer). The only
// label of a namespace is its name.
func admits(policy obj, peer any, p pods) bool {
	podSelector, namespaceSelector := dig(peer, "podSelector"), dig(peer, "namespaceSelector")
	switch {
	case dig(peer, "ipBlock") != nil:
		return false
	case namespaceSelector != nil:
		if !selects(namespaceSelector, map[string]string{"kubernetes.io/metadata.name": p.namespace}) {
			return false
		}
	case namespace(policy) != p.namespace:
		return false
	}
	return podSelector == nil || selects(podSelector, p.labels)
}

// reference is a field of a pod that names a ConfigMap or Secret.
type reference struct{ kind, name, where string }

// references returns all references (k8s.io/api/core/v1: PodSpec, EnvVarSource,
// EnvFromSource, VolumeSource, ProjectedVolumeSource).
func references(podSpec any) []reference {
	var refs []reference
	add := func(kind, where string, v any, field string) {
		if n := str(v, field); n != "" {
			refs = append(refs, reference{kind, n, where})
		}
	}
	for _, s := range list(podSpec, "imagePullSecrets") {
		add("Secret", "imagePullSecrets", s, "name")
	}
	for _, containers := range []string{"initContainers", "containers"} {
		for _, c := range list(podSpec, containers) {
			for _, e := range list(c, "env") {
				add("ConfigMap", "env", dig(e, "valueFrom", "configMapKeyRef"), "name")
				add("Secret", "env", dig(e, "valueFrom", "secretKeyRef"), "name")
			}
			for _, e := range list(c, "envFrom") {
				add("ConfigMap", "envFrom", dig(e, "configMapRef"), "name")
				add("Secret", "envFrom", dig(e, "secretRef"), "name")
			}
		}
	}
	for _, v := range list(podSpec, "volumes") {
		add("ConfigMap", "volume", dig(v, "configMap"), "name")
		add("Secret", "volume", dig(v, "secret"), "secretName")
		add("Secret", "csi", dig(v, "csi", "nodePublishSecretRef"), "name")
		for _, source := range list(v, "projected", "sources") {
			add("ConfigMap", "projected", dig(source, "configMap"), "name")
			add("Secret", "projected", dig(source, "secret"), "name")
		}
	}
	return refs
}

// otherNamespace is a namespace in which no world has objects. Only it has the label team.
const otherNamespace = "elsewhere"

// namespaceLabel is the label that every namespace has.
const namespaceLabel = "kubernetes.io/metadata.name"

const (
	required  = "requiredDuringSchedulingIgnoredDuringExecution"
	preferred = "preferredDuringSchedulingIgnoredDuringExecution"
)

// placementLists are the paths of the rules of a pod that select pods by label.
var placementLists = [][]string{
	{"topologySpreadConstraints"},
	{"affinity", "podAffinity", required}, {"affinity", "podAffinity", preferred},
	{"affinity", "podAntiAffinity", required}, {"affinity", "podAntiAffinity", preferred},
}

// matchesPlacement reports whether a rule of a pod is about pods with these labels in a
// namespace (PodAffinityTerm: the listed namespaces and those that the selector matches,
// or its own if there are neither).
func matchesPlacement(of pods, rule any, labels map[string]string, namespace string) bool {
	term := rule
	if t := dig(rule, "podAffinityTerm"); t != nil {
		term = t
	}
	listed, selector := list(term, "namespaces"), dig(term, "namespaceSelector")
	about := map[string]string{namespaceLabel: namespace}
	if namespace == otherNamespace {
		about["team"] = "games"
	}
	in := len(listed) == 0 && selector == nil && namespace == of.namespace ||
		slices.Contains(listed, any(namespace)) ||
		selector != nil && selects(selector, about)
	return in && selects(dig(term, "labelSelector"), labels)
}

// matchingPlacements returns what the rules that are about such pods say beside their
// selectors, sorted.
func matchingPlacements(of pods, rules []any, labels map[string]string, namespace string) []string {
	var all []string
	for _, rule := range rules {
		if matchesPlacement(of, rule, labels, namespace) {
			all = append(all, fmt.Sprint(dig(rule, "weight"), dig(rule, "topologyKey"), dig(rule, "podAffinityTerm", "topologyKey")))
		}
	}
	slices.Sort(all)
	return all
}
