package canary

import (
	"strconv"
	"strings"

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
	w.relabelOwnPods(podSpec)
	d.useCopies(w, podSpec)
	d.governingService(w, spec)
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range manifest.Items(podSpec, list) {
			d.warnAboutEnvironment(w, c)
		}
	}
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

// relabelOwnPods changes the affinity and spread rules that select the
// workload's own pods so that they select the canary's pods.
func (w *workload) relabelOwnPods(podSpec *manifest.Node) {
	relabel := func(rule *manifest.Node) {
		n := manifest.Get(rule, "labelSelector")
		s, err := labelSelector(w.object, "labelSelector", n)
		if n != nil && err == nil && !s.empty() && s.matches(w.labels) {
			w.relabel(n, s)
		}
	}
	for _, rule := range manifest.Items(podSpec, "topologySpreadConstraints") {
		relabel(rule)
	}
	for _, kind := range []string{"podAffinity", "podAntiAffinity"} {
		affinity := manifest.Get(podSpec, "affinity", kind)
		for _, rule := range manifest.Items(affinity, "requiredDuringSchedulingIgnoredDuringExecution") {
			relabel(rule)
		}
		for _, rule := range manifest.Items(affinity, "preferredDuringSchedulingIgnoredDuringExecution") {
			relabel(manifest.Get(rule, "podAffinityTerm"))
		}
	}
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

// warnAboutEnvironment warns about variables that make the canary call its own
// stable Service.
func (d *derivation) warnAboutEnvironment(w *workload, container *manifest.Node) {
	for _, e := range manifest.Items(container, "env") {
		value := manifest.GetString(e, "value")
		for _, s := range w.services {
			if namesHost(value, s.object.Name()) {
				d.warn(note.StableAddress, w.object, "in the canary, %s still names the stable Service %s", manifest.GetString(e, "name"), s.object.Name())
			}
		}
	}
}

// namesHost reports whether a value is the host name, alone or followed by a
// port, a domain or a path.
func namesHost(value, name string) bool {
	if _, after, found := strings.Cut(value, "://"); found {
		value = after
	}
	rest, found := strings.CutPrefix(value, name)
	return found && (strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "/"))
}
