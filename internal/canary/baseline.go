package canary

import (
	"fmt"
	"maps"

	"github.com/canarize/canarize/internal/manifest"
)

const baselineSuffix = "-baseline"

// baselines adds a baseline for every workload with a canary: a copy of the
// stable version that is as new and as small as the canary. Only its name, its
// track and its number of pods differ, so the stable Service selects it and
// sends it a part of the stable share. Kayenta recommends comparing a canary
// with pods of the same age.
func (d *derivation) baselines() error {
	if d.options.Baseline == nil {
		return nil
	}
	for _, w := range d.index.workloads {
		if !w.chosen {
			continue
		}
		stable := d.options.Baseline.Find(manifest.ID{Group: w.object.Group(), Kind: w.object.Kind(), Namespace: w.namespace, Name: w.object.Name()})
		if stable == nil {
			return fmt.Errorf("--baseline: %s is not among the objects of --stable, so there is no stable version to copy", d.index.set.ID(w.object))
		}
		c, err := d.baseline(w, stable)
		if err != nil {
			return err
		}
		d.result.Derived = append(d.result.Derived, manifest.Derived{Stable: w.object, Canary: c})
	}
	return nil
}

func (d *derivation) baseline(w *workload, stable *manifest.Object) (*manifest.Object, error) {
	x, err := newIndex(&manifest.Set{Objects: []*manifest.Object{stable}, DefaultNamespace: w.namespace})
	if err != nil {
		return nil, err
	}
	old := x.workloads[0]
	c := stable.Clone()
	Finish(c, WithSuffix(stable.Name(), baselineSuffix, nameLimit(stable.Kind())), TrackBaseline, d.options)
	spec := manifest.Get(c.Root, "spec")
	if replicas := manifest.Get(w.derived.Root, "spec", "replicas"); replicas != nil {
		manifest.Put(spec, "replicas", manifest.Clone(replicas))
	}
	manifest.PutString(manifest.Child(manifest.Get(spec, "selector"), "matchLabels"), TrackLabel, TrackBaseline)
	template := manifest.Get(spec, "template")
	cleanTemplate(template)
	labels := manifest.Child(manifest.Child(template, "metadata"), "labels")
	manifest.PutString(labels, TrackLabel, TrackBaseline)

	pods := maps.Clone(old.labels)
	pods[TrackLabel] = TrackBaseline
	for _, s := range w.services {
		if s.selector.matches(old.labels) && !s.selector.matches(pods) {
			return nil, s.object.Errorf(nil, "its selector uses %s, so it cannot select the pods of a baseline; remove that label from the selector, or leave out --baseline", TrackLabel)
		}
	}
	return c, nil
}
