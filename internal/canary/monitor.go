package canary

import (
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// monitor derives a ServiceMonitor or PodMonitor for what the canary has and
// the one of the input does not already find.
func (d *derivation) monitor(o *manifest.Object) {
	s, err := labelSelector(o, "spec.selector", manifest.Get(o.Root, "spec", "selector"))
	if err != nil {
		d.note(manifest.Warning, o, "%v", err)
		return
	}
	find := d.servicesMissedBy
	if o.Kind() == "PodMonitor" {
		find = d.podsMissedBy
	}
	if missed := find(s, d.watched(o)); len(missed) > 0 {
		selectCanaries(manifest.Child(manifest.Child(d.derive(o).Root, "spec"), "selector"), s, missed)
	}
}

// podsMissedBy returns the labels of the canary pods of which a selector finds
// only the stable ones.
func (d *derivation) podsMissedBy(s selector, watched func(namespace string) bool) []map[string]string {
	var missed []map[string]string
	for _, w := range d.index.workloads {
		if w.chosen && watched(w.namespace) && s.matches(w.labels) && !s.matches(w.canaryLabels) {
			missed = append(missed, w.canaryLabels)
		}
	}
	return missed
}

// servicesMissedBy does the same for the labels of Services. A canary Service
// keeps the labels of its stable one but for the marks of its owner and what
// --labels changes.
func (d *derivation) servicesMissedBy(s selector, watched func(namespace string) bool) []map[string]string {
	var missed []map[string]string
	for _, sv := range d.index.services {
		if sv.derived == nil || !watched(sv.namespace) || !s.matches(sv.labels) {
			continue
		}
		if labels := manifest.StringMap(sv.derived.Root, "metadata", "labels"); !s.matches(labels) {
			missed = append(missed, labels)
		}
	}
	return missed
}

// watched says which namespaces a monitor looks at (monitoring.coreos.com/v1,
// NamespaceSelector): its own unless it says otherwise.
func (d *derivation) watched(o *manifest.Object) func(namespace string) bool {
	own := d.index.set.Namespace(o)
	selector := manifest.Get(o.Root, "spec", "namespaceSelector")
	if manifest.IsTrue(manifest.Get(selector, "any")) {
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
