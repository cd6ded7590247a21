package canary

import (
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// placement makes the spread and affinity rules of a canary's pods that are about the
// workload's own pods be about the canary's pods. Rules about other pods, and about other
// namespaces, stay word for word.
func (d *derivation) placement(w *workload, podSpec *manifest.Node) {
	for _, rule := range manifest.Items(podSpec, "topologySpreadConstraints") {
		w.relabelOwn(rule) // has no namespaces
	}
	for _, kind := range []string{"podAffinity", "podAntiAffinity"} {
		affinity := manifest.Get(podSpec, "affinity", kind)
		const required, preferred = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
		// All required terms have to hold, so a term that attracts pods cannot be
		// divided into two. A term that keeps pods away can, and so can a preferred one,
		// whose weight counts for every pod that it matches.
		d.terms(w, manifest.Get(affinity, required), kind == "podAntiAffinity")
		d.terms(w, manifest.Get(affinity, preferred), true, "podAffinityTerm")
	}
}

// terms changes the terms of a list, which are at the given path of its items. The parts
// of divided terms that are about other namespaces come last.
func (d *derivation) terms(w *workload, list *manifest.Node, divisible bool, path ...string) {
	var rests []*manifest.Node
	for _, item := range manifest.Items(list) {
		term := manifest.Get(item, path...)
		switch about := d.reach(w, term); {
		case !w.selectsOwn(term) || about == reachOthers:
		case about == reachOwn:
			w.relabelOwn(term)
		case divisible:
			rest := manifest.Clone(item)
			excludeNamespace(manifest.Get(rest, path...), w.namespace)
			rests = append(rests, rest)
			manifest.Delete(term, "namespaces")
			manifest.Delete(term, "namespaceSelector")
			w.relabelOwn(term)
		}
	}
	if len(rests) > 0 {
		list.Content = append(list.Content, rests...)
	}
}

// selectsOwn reports whether the labelSelector of a rule selects the pods of w.
func (w *workload) selectsOwn(rule *manifest.Node) bool {
	n := manifest.Get(rule, "labelSelector")
	s, err := labelSelector(w.object, "labelSelector", n)
	return n != nil && err == nil && !s.empty() && s.matches(w.labels)
}

func (w *workload) relabelOwn(rule *manifest.Node) {
	n := manifest.Get(rule, "labelSelector")
	if s, err := labelSelector(w.object, "labelSelector", n); err == nil && w.selectsOwn(rule) {
		w.relabel(n, s)
	}
}

// reach is where the pods are that a term of affinity is about.
type reach int

const (
	reachOwn    reach = iota // in the namespace of the pod
	reachOthers              // in other namespaces
	reachBoth
)

// reach returns the reach of a term: the namespaces that it lists and those that its
// namespaceSelector matches, or its own if it has neither (core/v1, PodAffinityTerm). A
// selector of which the input does not tell what it matches is about others.
func (d *derivation) reach(w *workload, term *manifest.Node) reach {
	own, others := false, false
	for _, n := range manifest.Items(term, "namespaces") {
		own = own || n.Value == w.namespace
		others = others || n.Value != w.namespace
	}
	n := manifest.Get(term, "namespaceSelector")
	if n != nil {
		matches, known := d.index.matchesNamespace(n, w.namespace)
		own = own || matches && known
		others = others || manifest.GetString(n, "matchLabels", namespaceName) != w.namespace
	}
	switch {
	case !others:
		return reachOwn
	case own:
		return reachBoth
	}
	return reachOthers
}

// excludeNamespace takes a namespace from those that a term is about.
func excludeNamespace(term *manifest.Node, namespace string) {
	if list := manifest.Get(term, "namespaces"); manifest.IsList(list) {
		list.Content = slices.DeleteFunc(list.Content, func(n *manifest.Node) bool { return n.Value == namespace })
		if len(list.Content) == 0 {
			manifest.Delete(term, "namespaces")
		}
	}
	n := manifest.Get(term, "namespaceSelector")
	if !manifest.IsMap(n) {
		return
	}
	list := manifest.Get(n, "matchExpressions")
	if !manifest.IsList(list) {
		list = manifest.NewList()
		manifest.Put(n, "matchExpressions", list)
	}
	list.Content = append(list.Content, manifest.NewMap("key", namespaceName, "operator", "NotIn", "values", newStrings([]string{namespace})))
}
