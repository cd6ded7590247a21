package canary

import (
	"github.com/canarize/canarize/internal/manifest"
)

// verify checks the laws on the result. What gets here and fails could not be
// separated by changing labels; a wrong canary is never returned.
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

// verifyStableSelectors checks that nothing of the input selects a canary pod.
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
			return s.object.Errorf(manifest.Get(s.object.Root, "spec", "selector"), "its selector would select the canary pods of %s too; give the Service a selector label of its own, such as app", w.object.ID())
		}
	}
	for _, w := range d.index.workloads {
		if other := leak(w.namespace, w.selector); other != nil {
			return w.object.Errorf(manifest.Get(w.object.Root, "spec", "selector"), "its selector would select the canary pods of %s too; give it a label of its own under matchLabels", other.object.ID())
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
			d.note(manifest.Warning, b.object, "its selector also selects the canary pods of %s: they count towards the budget", w.object.ID())
		}
	}
	return nil
}

// verifyNoAccident checks that what does not select the stable pods of a
// workload does not select its canary's, as "app is not web" would.
func verifyNoAccident(selecting []podSelecting, canaries podIndex) error {
	for _, p := range selecting {
		for _, w := range canaries.candidates(p.namespace, p.selector) {
			if p.selector.matches(w.canaryLabels) && !p.selector.matches(w.labels) {
				return p.object.Errorf(manifest.Get(p.object.Root, "spec"), "its selector would select the canary pods of %s and does not select the stable ones; make it select by labels that only its own pods have", w.object.ID())
			}
		}
	}
	return nil
}

// verifyScalers checks that no autoscaler waits for a workload of the canary's name.
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

// verifyCanarySelectors checks that what the canary has selects its pods and no
// others.
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
			return w.object.Errorf(nil, "its selector cannot be made to select the canary pods; use matchLabels")
		}
		for _, other := range canaries.candidates(w.namespace, s) {
			if other != w && s.matches(other.canaryLabels) {
				return w.object.Errorf(manifest.Get(w.object.Root, "spec", "selector"), "its selector and that of %s (%s) select the same pods; give each a label of its own", other.object.ID(), other.object.Pos)
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
				return sv.object.Errorf(nil, "its canary cannot select the canary pods of %s", w.object.ID())
			}
		}
		if err := d.selectsStable(sv.object, sv.namespace, s); err != nil {
			return err
		}
	}
	return nil
}

// selectsStable is an error when a canary's selector matches pods of the input.
func (d *derivation) selectsStable(o *manifest.Object, namespace string, s selector) error {
	for _, w := range d.index.pods.candidates(namespace, s) {
		if s.matches(w.labels) {
			return o.Errorf(nil, "the selector of its canary would select the pods of %s (%s), which carry %s=%s already", w.object.ID(), w.object.Pos, TrackLabel, TrackCanary)
		}
	}
	return nil
}
