package canary

import (
	"maps"
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// checkTaken returns an error if the input already has an object with the name
// of a canary workload. It runs first, because every other error that such an
// input causes is harder to understand.
func (d *derivation) checkTaken() error {
	for _, w := range d.index.workloads {
		if !w.chosen {
			continue
		}
		id := d.index.set.ID(w.object)
		id.Name = WithSuffix(id.Name, d.options.Suffix, nameLimit(id.Kind))
		if err := d.index.set.CheckName(w.object, id); err != nil {
			return err
		}
	}
	return nil
}

// checkLabels rejects added labels that would change what a selector selects.
func (d *derivation) checkLabels() error {
	if len(d.options.Labels) == 0 {
		return nil
	}
	for _, w := range d.index.workloads {
		if !w.chosen {
			continue
		}
		for key := range sortedPairs(d.options.Labels) {
			if o := d.selectsBy(w, key); o != nil {
				return w.object.Errorf(nil, "--labels %s=…: the selector of %s (%s) uses this label; choose another label", key, o.ID(), o.Pos)
			}
		}
		if err := d.checkPolicies(w); err != nil {
			return err
		}
	}
	return nil
}

// selectsBy returns the object that selects the pods of w by this label, or nil:
// w itself, a Service or a disruption budget.
func (d *derivation) selectsBy(w *workload, key string) *manifest.Object {
	if slices.Contains(w.selector.breakable(), key) {
		return w.object
	}
	for _, s := range w.services {
		if slices.Contains(s.selector.breakable(), key) {
			return s.object
		}
	}
	for _, b := range d.index.budgets {
		if b.namespace == w.namespace && b.selector.matches(w.labels) && slices.Contains(b.selector.breakable(), key) {
			return b.object
		}
	}
	return nil
}

// checkPolicies rejects added labels that would change which network policies
// select or admit the canary pods of w.
func (d *derivation) checkPolicies(w *workload) error {
	labels := maps.Clone(w.labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, d.options.Labels)
	for _, p := range d.index.policies {
		if p.namespace == w.namespace && p.selector.matches(w.labels) != p.selector.matches(labels) {
			return p.object.Errorf(manifest.Get(p.object.Root, "spec", "podSelector"), "its podSelector uses a label that --labels adds to the canary pods of %s; choose another label", w.object.ID())
		}
		for _, peer := range rules(p.object.Root) {
			n := manifest.Get(peer, "podSelector")
			if p.namespace != w.namespace && manifest.Get(peer, "namespaceSelector") == nil {
				continue // without a namespaceSelector it matches pods of its own namespace only
			}
			if s, err := labelSelector(p.object, "podSelector", n); err == nil && n != nil && s.matches(w.labels) != s.matches(labels) {
				return p.object.Errorf(n, "one of its peers uses a label that --labels adds to the canary pods of %s; choose another label", w.object.ID())
			}
		}
	}
	return nil
}
