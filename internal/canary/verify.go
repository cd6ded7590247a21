package canary

import (
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// verify checks the laws on the result, so that Derive never returns a wrong
// canary. It fails if changing labels could not separate the selectors.
func (d *derivation) verify() error {
	var chosen []*workload
	for _, w := range d.index.workloads {
		if w.chosen {
			chosen = append(chosen, w)
		}
	}
	canaries := newPodIndex(chosen, func(w *workload) map[string]string { return w.canaryLabels })
	if err := d.verifyStableSelectors(canaries); err != nil {
		return err
	}
	if err := d.verifyScalers(); err != nil {
		return err
	}
	return d.verifyCanarySelectors(canaries)
}

// verifyStableSelectors checks that no selector of the input selects a canary
// pod.
func (d *derivation) verifyStableSelectors(canaries podIndex) error {
	leak := func(namespace string, s selector) *workload {
		for _, w := range canaries.candidates(namespace, s) {
			if s.matches(w.canaryLabels) {
				return w
			}
		}
		return nil
	}
	for _, s := range d.index.services {
		if s.selector.empty() {
			continue
		}
		if w := leak(s.namespace, s.selector); w != nil {
			return s.object.Errorf(manifest.Get(s.object.Root, "spec", "selector"), "its selector would also select the canary pods of %s; give the Service its own selector label, such as app", w.object.ID())
		}
	}
	for _, w := range d.index.workloads {
		if other := leak(w.namespace, w.selector); other != nil {
			return w.object.Errorf(manifest.Get(w.object.Root, "spec", "selector"), "its selector would also select the canary pods of %s; give it its own label under matchLabels", other.object.ID())
		}
	}
	for _, selecting := range [][]podSelecting{d.index.budgets, d.index.policies} {
		if err := verifyNoAccident(selecting, canaries); err != nil {
			return err
		}
	}
	for _, p := range d.index.policies {
		d.warnOfAccidents(p, canaries)
	}
	for _, b := range d.index.budgets {
		if w := leak(b.namespace, b.selector); w != nil {
			d.warn(note.SharedBudget, b.object, "also selects the canary pods of %s: they count towards the budget", w.object.ID())
		}
	}
	return nil
}

// verifyNoAccident checks that a selector that does not select a workload's
// stable pods does not select its canary pods, as "app is not web" would.
func verifyNoAccident(selecting []podSelecting, canaries podIndex) error {
	for _, p := range selecting {
		for _, w := range canaries.candidates(p.namespace, p.selector) {
			if p.selector.matches(w.canaryLabels) && !p.selector.matches(w.labels) {
				return p.object.Errorf(manifest.Get(p.object.Root, "spec"), "its selector would select the canary pods of %s, but not the stable pods; select by labels that only its own pods have", w.object.ID())
			}
		}
	}
	return nil
}

// verifyScalers checks that no autoscaler of the input names a canary workload.
func (d *derivation) verifyScalers() error {
	for _, w := range d.index.workloads {
		if !w.chosen {
			continue
		}
		for _, o := range d.scalers[manifest.ID{Kind: w.object.Kind(), Namespace: w.namespace, Name: w.derived.Name()}] {
			return o.Errorf(manifest.Get(o.Root, "spec", "scaleTargetRef"), "it would scale the canary of %s; choose another --suffix, or leave it out", w.object.ID())
		}
	}
	return nil
}

// verifyCanarySelectors checks that the selectors of the canary's objects
// select the canary's pods and no others.
func (d *derivation) verifyCanarySelectors(canaries podIndex) error {
	for _, w := range d.index.workloads {
		if !w.chosen {
			continue
		}
		s, err := labelSelector(w.derived, "spec.selector", manifest.Get(w.derived.Root, "spec", "selector"))
		if err != nil {
			return err
		}
		if !s.matches(w.canaryLabels) {
			return w.object.Errorf(nil, "its selector cannot be changed to select the canary pods; use matchLabels")
		}
		for _, other := range canaries.candidates(w.namespace, s) {
			if other != w && s.matches(other.canaryLabels) {
				return w.object.Errorf(manifest.Get(w.object.Root, "spec", "selector"), "its selector and that of %s (%s) select the same pods; give each its own label", other.object.ID(), other.object.Pos)
			}
		}
		if err := d.selectsStable(w.object, w.namespace, s); err != nil {
			return err
		}
	}
	for _, sv := range d.index.services {
		if sv.derived == nil {
			continue
		}
		s := sv.canarySelector()
		for _, w := range sv.workloads {
			if w.chosen && !s.matches(w.canaryLabels) {
				return sv.object.Errorf(nil, "its canary Service cannot select the canary pods of %s; use plain labels in its selector", w.object.ID())
			}
		}
		if err := d.selectsStable(sv.object, sv.namespace, s); err != nil {
			return err
		}
	}
	return nil
}

// selectsStable returns an error if a canary's selector matches pods of the
// input.
func (d *derivation) selectsStable(o *manifest.Object, namespace string, s selector) error {
	for _, w := range d.index.pods.candidates(namespace, s) {
		if s.matches(w.labels) {
			return o.Errorf(nil, "the selector of its canary would select the pods of %s (%s), which already have the label %s=%s; remove that label from them", w.object.ID(), w.object.Pos, TrackLabel, TrackCanary)
		}
	}
	return nil
}
