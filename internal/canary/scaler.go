package canary

import (
	"strconv"

	"github.com/canarize/canarize/internal/manifest"
)

// scaledBy returns the identity of the workload that an autoscaler scales.
func (x *index) scaledBy(o *manifest.Object) manifest.ID {
	ref := manifest.Get(o.Root, "spec", "scaleTargetRef")
	return manifest.ID{Kind: manifest.GetString(ref, "kind"), Namespace: x.set.Namespace(o), Name: manifest.GetString(ref, "name")}
}

// scalerTarget returns the key of a workload in derivation.scalers.
func (w *workload) scalerTarget() manifest.ID {
	return manifest.ID{Kind: w.object.Kind(), Namespace: w.namespace, Name: w.object.Name()}
}

// scaler derives the canary's autoscaler. Its minimum is Options.Replicas, or 1 if that
// is not set. Its maximum is stable's maximum, or the minimum if that is larger.
func (d *derivation) scaler(o *manifest.Object, w *workload) {
	c := d.derive(o)
	spec := manifest.Get(c.Root, "spec")
	manifest.PutString(manifest.Get(spec, "scaleTargetRef"), "name", w.derived.Name())
	least := 1
	switch d.options.Replicas.Mode {
	case ReplicasFixed:
		least = max(1, d.options.Replicas.N)
	case ReplicasSame:
		least = w.replicas()
		if n, err := strconv.Atoi(manifest.GetString(spec, "minReplicas")); err == nil {
			least = n
		}
	}
	if most, err := strconv.Atoi(manifest.GetString(spec, "maxReplicas")); err == nil && least > most {
		manifest.Put(spec, "maxReplicas", manifest.NewInt(least))
	}
	manifest.Put(spec, "minReplicas", manifest.NewInt(least))
	for _, metric := range manifest.Items(spec, "metrics") {
		object, pods := manifest.Get(metric, "object"), manifest.Get(metric, "pods")
		for _, field := range []string{"describedObject", "target"} { // target in autoscaling/v2beta1
			if d.describe(w.namespace, manifest.Get(object, field)) {
				w.followMetric(object)
			}
		}
		w.followMetric(pods)
	}
}

// describe replaces a metric's reference to a stable object by one to its
// canary, and reports whether there is one.
func (d *derivation) describe(namespace string, ref *manifest.Node) bool {
	kind, name := manifest.GetString(ref, "kind"), manifest.GetString(ref, "name")
	if kind == "" {
		return false
	}
	for _, s := range d.index.services {
		if kind == "Service" && s.object.Name() == name && s.namespace == namespace && s.derived != nil {
			manifest.PutString(ref, "name", s.derived.Name())
			return true
		}
	}
	for _, w := range d.index.workloads {
		if kind == w.object.Kind() && w.object.Name() == name && w.namespace == namespace && w.derived != nil {
			manifest.PutString(ref, "name", w.derived.Name())
			return true
		}
	}
	return false
}

// followMetric makes the selectors of a metric's series follow the labels of the canary
// pods.
func (w *workload) followMetric(source *manifest.Node) {
	w.followSeries(manifest.Get(source, "metric", "selector"))
	w.followSeries(manifest.Get(source, "selector")) // in autoscaling/v2beta1
}

// followSeries changes only a selector that names nothing but labels which change, because
// other labels of a series need not be those of a pod. Series have no track label.
func (w *workload) followSeries(n *manifest.Node) {
	equal := manifest.StringMap(n, "matchLabels")
	if len(equal) == 0 || len(manifest.Items(n, "matchExpressions")) > 0 {
		return
	}
	for key, value := range equal {
		if w.labels[key] != value || w.canaryLabels[key] == value {
			return
		}
	}
	for key := range sortedPairs(equal) {
		manifest.PutString(manifest.Get(n, "matchLabels"), key, w.canaryLabels[key])
	}
}
