package canary

import (
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// monitor derives a ServiceMonitor or PodMonitor for what the canary has and
// the one of the input does not already find.
func (d *derivation) monitor(o *manifest.Object) {
	n := manifest.Get(o.Root, "spec", "selector")
	s, err := labelSelector(o, "spec.selector", n)
	if err != nil {
		d.note(manifest.Warning, o, "%v", err)
		return
	}
	namespaces := d.watched(o)
	if o.Kind() == "PodMonitor" {
		for _, w := range d.index.workloads {
			if w.chosen && namespaces(w.namespace) && s.matches(w.labels) && !s.matches(w.canaryLabels) {
				w.relabel(manifest.Child(manifest.Child(d.derive(o).Root, "spec"), "selector"))
				return
			}
		}
		return
	}
	for _, sv := range d.index.services {
		if sv.derived == nil || !namespaces(sv.namespace) || !s.matches(manifest.StringMap(sv.object.Root, "metadata", "labels")) {
			continue
		}
		labels := manifest.StringMap(sv.derived.Root, "metadata", "labels")
		if !s.matches(labels) {
			c := manifest.Child(manifest.Child(d.derive(o).Root, "spec"), "selector")
			selectCopy(c, labels)
			return
		}
	}
}

// selectCopy drops from a selector what a copied Service no longer carries and
// asks for the canary instead.
func selectCopy(n *manifest.Node, labels map[string]string) {
	equal := manifest.Child(n, "matchLabels")
	manifest.DeleteFunc(equal, func(key string) bool { _, kept := labels[key]; return !kept })
	if e := manifest.Get(n, "matchExpressions"); e != nil {
		e.Content = slices.DeleteFunc(e.Content, func(t *manifest.Node) bool {
			_, kept := labels[manifest.GetString(t, "key")]
			return !kept
		})
		if len(e.Content) == 0 {
			manifest.Delete(n, "matchExpressions")
		}
	}
	manifest.PutString(equal, TrackLabel, TrackCanary)
}

// watched says which namespaces a monitor looks at (monitoring.coreos.com/v1,
// NamespaceSelector): its own unless it says otherwise.
func (d *derivation) watched(o *manifest.Object) func(string) bool {
	own := d.index.set.Namespace(o)
	selector := manifest.Get(o.Root, "spec", "namespaceSelector")
	if manifest.GetString(selector, "any") == "true" {
		return func(string) bool { return true }
	}
	names := manifest.Items(selector, "matchNames")
	return func(ns string) bool {
		if len(names) == 0 {
			return ns == own
		}
		return slices.ContainsFunc(names, func(n *manifest.Node) bool { return n.Value == ns })
	}
}
