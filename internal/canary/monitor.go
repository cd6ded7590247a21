package canary

import (
	"slices"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// serviceMonitors are the monitors that select Services; the others select pods.
var serviceMonitors = map[string]bool{"ServiceMonitor": true, "VMServiceScrape": true}

// monitor derives a monitor for the canary's pods or Services that the monitor of
// the input does not select.
func (d *derivation) monitor(o *manifest.Object) {
	s, err := labelSelector(o, "spec.selector", manifest.Get(o.Root, "spec", "selector"))
	if err != nil {
		d.warn(note.UnreadableMonitor, o, "%v", err)
		return
	}
	find := d.podsMissedBy
	if serviceMonitors[o.Kind()] {
		find = d.servicesMissedBy
	}
	if missed := find(s, d.watched(o)); len(missed) > 0 {
		selectCanaries(manifest.Child(manifest.Child(d.derive(o).Root, "spec"), "selector"), s, missed)
	}
}

// podsMissedBy returns the labels of the canary pods that a selector misses
// although it selects their stable pods.
func (d *derivation) podsMissedBy(s selector, watched func(namespace string) bool) []map[string]string {
	var missed []map[string]string
	for _, w := range d.index.workloads {
		if w.chosen && watched(w.namespace) && s.matches(w.labels) && !s.matches(w.canaryLabels) {
			missed = append(missed, w.canaryLabels)
		}
	}
	return missed
}

// servicesMissedBy does the same for Services. A canary Service has the labels
// of its stable Service, without the marks of an owner and with --labels.
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

// watched returns a function that reports whether a monitor covers a namespace:
// its own by default (monitoring.coreos.com/v1, NamespaceSelector;
// docs.victoriametrics.com/operator/resources/vmpodscrape).
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
