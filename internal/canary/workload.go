package canary

import (
	"strconv"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// workload derives the canary of a workload.
func (d *derivation) workload(w *workload) {
	c := d.derive(w.object)
	w.derived = c
	spec := manifest.Get(c.Root, "spec")
	if w.object.Kind() != "DaemonSet" {
		d.setReplicas(w, spec)
	}
	w.relabel(manifest.Get(spec, "selector"), w.selector)
	template := manifest.Get(spec, "template")
	cleanTemplate(template)
	labels := manifest.Child(manifest.Child(template, "metadata"), "labels")
	for key, value := range sortedPairs(w.change) {
		manifest.PutString(labels, key, value)
	}
	d.addLabels(labels)
	for _, claim := range manifest.Items(spec, "volumeClaimTemplates") {
		cleanTemplate(claim)
	}
	podSpec := manifest.Get(template, "spec")
	d.images.apply(podSpec)
	d.warnAboutPins(w, podSpec)
	d.placement(w, podSpec)
	d.useCopies(w, podSpec)
	d.governingService(w, spec)
	d.warnAboutAddresses(w, podSpec)
}

func (d *derivation) setReplicas(w *workload, spec *manifest.Node) {
	stable := w.replicas()
	for _, scaler := range d.scalers[w.scalerTarget()] {
		if least, err := strconv.Atoi(manifest.GetString(scaler.Root, "spec", "minReplicas")); err == nil {
			stable = max(stable, least)
		}
	}
	n := stable
	switch d.options.Replicas.Mode {
	case ReplicasByWeight:
		n = max(1, (stable*d.options.Weight+99)/100)
	case ReplicasFixed:
		n = d.options.Replicas.N
	}
	manifest.Put(spec, "replicas", manifest.NewInt(n))
	d.note(note.Debug, w.object, "the canary starts with %d of %d pods", n, stable)
}

// governingService makes a StatefulSet use the canary of its own Service.
func (d *derivation) governingService(w *workload, spec *manifest.Node) {
	name := manifest.GetString(spec, "serviceName")
	for _, s := range w.services {
		if name != "" && s.object.Name() == name {
			manifest.PutString(spec, "serviceName", WithSuffix(name, d.options.Suffix, maxLabelName))
		}
	}
}
