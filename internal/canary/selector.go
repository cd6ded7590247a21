package canary

import (
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// selector is a label selector. It matches if all of its terms match; without
// terms it matches everything.
type selector struct {
	equal map[string]string
	terms []term
}

// term is one entry of matchExpressions.
type term struct {
	key, operator string
	values        []string
}

// labelSelector reads a metav1.LabelSelector.
func labelSelector(o *manifest.Object, what string, n *manifest.Node) (selector, error) {
	s := selector{equal: manifest.StringMap(n, "matchLabels")}
	if n != nil && !manifest.IsMap(n) {
		return s, o.Errorf(n, "%s is a %s, not a label selector", what, manifest.KindName(n))
	}
	if err := manifest.CheckStringMap(o, what+".matchLabels", manifest.Get(n, "matchLabels")); err != nil {
		return s, err
	}
	for _, e := range manifest.Items(n, "matchExpressions") {
		t := newTerm(e)
		if t.key == "" || !slices.Contains([]string{"In", "NotIn", "Exists", "DoesNotExist"}, t.operator) {
			return s, o.Errorf(e, "%s.matchExpressions: an entry needs a key and one of the operators In, NotIn, Exists, DoesNotExist", what)
		}
		if takesValues := t.operator == "In" || t.operator == "NotIn"; takesValues != (len(t.values) > 0) {
			return s, o.Errorf(e, "%s.matchExpressions: In and NotIn need values, Exists and DoesNotExist take none; this entry has %s and %d values", what, t.operator, len(t.values))
		}
		s.terms = append(s.terms, t)
	}
	return s, nil
}

func newTerm(e *manifest.Node) term {
	t := term{key: manifest.GetString(e, "key"), operator: manifest.GetString(e, "operator")}
	for _, v := range manifest.Items(e, "values") {
		t.values = append(t.values, v.Value)
	}
	return t
}

func (s selector) empty() bool { return len(s.equal) == 0 && len(s.terms) == 0 }

func (s selector) matches(labels map[string]string) bool {
	for k, v := range s.equal {
		if got, found := labels[k]; !found || got != v {
			return false
		}
	}
	return !slices.ContainsFunc(s.terms, func(t term) bool { return !t.matches(labels) })
}

func (t term) matches(labels map[string]string) bool {
	value, found := labels[t.key]
	switch t.operator {
	case "In":
		return found && slices.Contains(t.values, value)
	case "NotIn":
		return !found || !slices.Contains(t.values, value)
	case "Exists":
		return found
	}
	return !found // DoesNotExist
}

// breakable returns the keys for which another label value makes the selector
// no longer match.
func (s selector) breakable() []string {
	keys := make([]string, 0, len(s.equal)+len(s.terms))
	for k := range s.equal {
		keys = append(keys, k)
	}
	for _, t := range s.terms {
		if t.operator == "In" {
			keys = append(keys, t.key)
		}
	}
	return keys
}

// podIndex finds the workloads whose pods a selector matches without checking
// all of them.
type podIndex struct {
	byLabel     map[labelAt][]*workload
	byNamespace map[string][]*workload
}

type labelAt struct{ namespace, key, value string }

func newPodIndex(workloads []*workload, labels func(*workload) map[string]string) podIndex {
	return indexPods(workloads, labels, func(w *workload) string { return w.namespace })
}

// newWideIndex makes an index of the pods of all namespaces, which it has under the
// namespace "".
func newWideIndex(workloads []*workload, labels func(*workload) map[string]string) podIndex {
	return indexPods(workloads, labels, func(*workload) string { return "" })
}

func indexPods(workloads []*workload, labels func(*workload) map[string]string, namespace func(*workload) string) podIndex {
	x := podIndex{byLabel: map[labelAt][]*workload{}, byNamespace: map[string][]*workload{}}
	for _, w := range workloads {
		ns := namespace(w)
		x.byNamespace[ns] = append(x.byNamespace[ns], w)
		for k, v := range labels(w) {
			at := labelAt{ns, k, v}
			x.byLabel[at] = append(x.byLabel[at], w)
		}
	}
	return x
}

// candidates returns the workloads of a namespace that a selector may match:
// those with the rarest label that it requires.
func (x podIndex) candidates(namespace string, s selector) []*workload {
	best := x.byNamespace[namespace]
	for k, v := range s.equal {
		if c := x.byLabel[labelAt{namespace, k, v}]; len(c) < len(best) {
			best = c
		}
	}
	for _, t := range s.terms {
		if t.operator != "In" {
			continue
		}
		var some []*workload
		for _, v := range slices.Compact(slices.Sorted(slices.Values(t.values))) {
			some = append(some, x.byLabel[labelAt{namespace, t.key, v}]...)
		}
		if len(some) < len(best) {
			best = some
		}
	}
	return best
}
