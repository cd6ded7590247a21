package canary

import (
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// relabel rewrites a label selector of the stable pods of w so that it selects
// the canary pods and no others.
func (w *workload) relabel(n *manifest.Node, s selector) {
	selectCanaries(n, s, []map[string]string{w.canaryLabels})
}

// selectCanaries rewrites a label selector, parsed as s, so that it selects
// everything with one of the given sets of labels and nothing without the
// canary's track. Every set has that track. Terms that match all sets do not
// change.
func selectCanaries(n *manifest.Node, s selector, labels []map[string]string) {
	equal := manifest.Get(n, "matchLabels")
	var terms []*manifest.Node
	for key, value := range sortedPairs(s.equal) {
		switch values, all := valuesOf(key, labels); {
		case !all:
			manifest.Delete(equal, key)
		case len(values) > 1:
			manifest.Delete(equal, key)
			terms = append(terms, manifest.NewMap("key", key, "operator", "In", "values", newStrings(values)))
		case values[0] != value:
			manifest.PutString(equal, key, values[0])
		}
	}
	if e := manifest.Get(n, "matchExpressions"); manifest.IsList(e) {
		e.Content = slices.DeleteFunc(e.Content, func(e *manifest.Node) bool { return !holdForAll(e, labels) })
		e.Content = append(e.Content, terms...)
		if len(e.Content) == 0 {
			manifest.Delete(n, "matchExpressions")
		}
	} else if len(terms) > 0 {
		list := manifest.NewList()
		list.Content = terms
		manifest.Put(n, "matchExpressions", list)
	}
	manifest.PutString(manifest.Child(n, "matchLabels"), TrackLabel, TrackCanary)
}

// valuesOf returns the sorted values of a label and whether all sets have the
// label.
func valuesOf(key string, labels []map[string]string) (values []string, all bool) {
	all = true
	for _, l := range labels {
		value, found := l[key]
		all = all && found
		values = append(values, value)
	}
	slices.Sort(values)
	return slices.Compact(values), all
}

// holdForAll makes a term of matchExpressions match all sets of labels, if
// possible.
func holdForAll(e *manifest.Node, labels []map[string]string) bool {
	t := newTerm(e)
	if !slices.ContainsFunc(labels, func(l map[string]string) bool { return !t.matches(l) }) {
		return true
	}
	values, all := valuesOf(t.key, labels)
	if t.operator != "In" || !all {
		return false
	}
	list := newStrings(values)
	if old := manifest.Get(e, "values"); manifest.IsList(old) {
		list.Style = old.Style
		list.KeepComments(old)
	}
	manifest.Put(e, "values", list)
	return true
}

func newStrings(list []string) *manifest.Node {
	n := manifest.NewList()
	for _, s := range list {
		n.Content = append(n.Content, manifest.NewString(s))
	}
	return n
}
