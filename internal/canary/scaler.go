package canary

import (
	"strconv"

	"github.com/canarize/canarize/internal/manifest"
)

// scaledBy is the workload that an autoscaler scales, by its identity.
func (x *index) scaledBy(o *manifest.Object) manifest.ID {
	ref := manifest.Get(o.Root, "spec", "scaleTargetRef")
	return manifest.ID{Kind: manifest.GetString(ref, "kind"), Namespace: x.set.Namespace(o), Name: manifest.GetString(ref, "name")}
}

// scalerTarget is the key under which an autoscaler finds the workload.
func (w *workload) scalerTarget() manifest.ID {
	return manifest.ID{Kind: w.object.Kind(), Namespace: w.namespace, Name: w.object.Name()}
}

// scaler derives the autoscaler of a canary: one pod at least, and as many as
// stable at most.
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

// describe makes a metric about a stable object one about its canary.
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
	d.note(manifest.Warning, scaler, "the canary is scaled by a metric of %s %s, which is not about the canary alone", kind, name)
}

// otherScalers are kinds that also act on a workload they name, and that would
// not follow to the canary.
var otherScalers = map[string][]string{
	"VerticalPodAutoscaler": {"spec", "targetRef"},
	"ScaledObject":          {"spec", "scaleTargetRef"},
}
