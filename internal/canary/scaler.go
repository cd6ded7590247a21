package canary

import (
	"strconv"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
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
		for _, field := range []string{"describedObject", "target"} { // target in autoscaling/v2beta1
			d.describe(o, w.namespace, manifest.Get(metric, "object", field))
		}
	}
}

// describe replaces a metric's reference to a stable object by one to its
// canary.
func (d *derivation) describe(scaler *manifest.Object, namespace string, ref *manifest.Node) {
	kind, name := manifest.GetString(ref, "kind"), manifest.GetString(ref, "name")
	if kind == "" {
		return
	}
	for _, s := range d.index.services {
		if kind == "Service" && s.object.Name() == name && s.namespace == namespace && s.derived != nil {
			manifest.PutString(ref, "name", s.derived.Name())
			return
		}
	}
	for _, w := range d.index.workloads {
		if kind == w.object.Kind() && w.object.Name() == name && w.namespace == namespace && w.derived != nil {
			manifest.PutString(ref, "name", w.derived.Name())
			return
		}
	}
	d.warn(note.SharedMetric, scaler, "scales the canary by a metric of %s %s, which does not measure the canary alone", kind, name)
}

// otherScalers are other kinds that act on a workload by its name. They get no
// copy for the canary.
var otherScalers = map[string][]string{
	"VerticalPodAutoscaler": {"spec", "targetRef"},
	"ScaledObject":          {"spec", "scaleTargetRef"},
}
