// Package owner finds who else releases or scales a workload: objects of other programs
// that name it, and marks that these programs leave on it. It is pure.
package owner

import (
	"cmp"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
)

// Program releases or scales workloads. It is told to by objects of a kind.
type Program struct {
	Name     string // "" for Kubernetes itself
	Group    string
	Kind     string // of the objects that name workloads
	Resource string // the kind's name in a Role
	field    string // of spec, names the workload
	// manager is the field manager under which the program's controller writes: the name
	// of its executable file.
	manager string
	// nowhere is a label of no node, by which the program ends the pods of a DaemonSet.
	nowhere string
	// replaces means that an object of the kind may have pods of its own instead of naming
	// a workload, and then often has the name of the Deployment that it replaced.
	replaces bool
}

// releasing lists the programs that release workloads.
//
// A Rollout may take the pod template of a Deployment, which then has no pods of its own:
// https://argo-rollouts.readthedocs.io/en/stable/migrating/. Flagger copies its target to
// NAME-primary, which serves, and scales the target to 0 between releases:
// https://docs.flagger.app/usage/how-it-works.
var releasing = []Program{
	{Name: "Argo Rollouts", Group: "argoproj.io", Kind: "Rollout", Resource: "rollouts", field: "workloadRef", manager: "rollouts-controller", replaces: true},
	{Name: "OpenKruise", Group: "rollouts.kruise.io", Kind: "Rollout", Resource: "rollouts", field: "workloadRef", manager: "kruise-rollouts-controller"},
	{Name: "Flagger", Group: "flagger.app", Kind: "Canary", Resource: "canaries", field: "targetRef", manager: "flagger", nowhere: "flagger.app/scale-to-zero"},
}

// Target returns the name of the workload that an object makes a program release; "" if it
// is no such object.
func Target(o map[string]any) string {
	by := object.ID(o)
	for _, p := range releasing {
		if by.Group == p.Group && by.Kind == p.Kind {
			name, _ := p.reference(o)["name"].(string)
			return name
		}
	}
	return ""
}

// reference returns the field of an object that names a workload. OpenKruise had it one
// level deeper in v1alpha1.
func (p Program) reference(o map[string]any) map[string]any {
	spec := object.Spec(o)
	if reference, found := spec[p.field].(map[string]any); found {
		return reference
	}
	older, _ := spec["objectRef"].(map[string]any)
	reference, _ := older[p.field].(map[string]any)
	return reference
}

// scaling lists the programs that set the number of a workload's pods.
var scaling = []Program{
	{Name: "KEDA", Group: "keda.sh", Kind: "ScaledObject", Resource: "scaledobjects", field: "scaleTargetRef"},
	{Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Resource: "horizontalpodautoscalers", field: "scaleTargetRef"},
}

// Releasing returns the programs that release workloads.
func Releasing() []Program { return slices.Clone(releasing) }

// Scaling returns the programs that scale workloads.
func Scaling() []Program { return slices.Clone(scaling) }

// Owner is who releases or scales a workload.
type Owner struct {
	Program Program
	ID      manifest.ID // of the object that says so; empty if only a mark is known
}

func (o Owner) String() string {
	switch {
	case o.ID == manifest.ID{}:
		return o.Program.Name
	case o.Program.Name == "":
		return o.ID.String()
	}
	return o.ID.String() + " of " + o.Program.Name
}

// Releaser returns who releases a workload, according to the workload itself and to objects
// of the cluster. The workload is nil if it does not exist; then an object that replaced it
// counts.
func Releaser(id manifest.ID, workload map[string]any, objects []map[string]any) (Owner, bool) {
	if owner, found := controller(workload, id.Namespace, releasing); found {
		return owner, true
	}
	if owner, found := naming(id, objects, releasing); found || workload != nil {
		return owner, found
	}
	for _, o := range objects {
		by := object.ID(o)
		for _, p := range releasing {
			if p.replaces && by == (manifest.ID{Group: p.Group, Kind: p.Kind, Namespace: id.Namespace, Name: id.Name}) {
				return Owner{p, by}, true
			}
		}
	}
	return Owner{}, false
}

// Scaler returns who scales a workload, according to objects of the cluster. A
// HorizontalPodAutoscaler may itself be a tool of another program.
func Scaler(id manifest.ID, objects []map[string]any) (Owner, bool) {
	owner, found := naming(id, objects, scaling)
	for _, o := range objects {
		if found && object.ID(o) == owner.ID {
			if above, is := controller(o, id.Namespace, scaling); is {
				return above, true
			}
		}
	}
	return owner, found
}

// Marked returns who released a workload the last time, according to marks on the
// workload. A mark outlives the objects that explain it, so it counts only where these
// cannot be read.
func Marked(workload map[string]any) (Owner, bool) {
	for _, p := range releasing {
		if p.scaledToZero(workload) {
			return Owner{Program: p}, true
		}
	}
	return Owner{}, false
}

// scaledToZero reports whether the program took the pods of a workload away.
func (p Program) scaledToZero(workload map[string]any) bool {
	nodes, _ := object.PodSpec(workload)["nodeSelector"].(map[string]any)
	if p.nowhere != "" && nodes[p.nowhere] != nil {
		return true
	}
	if object.Replicas(workload) != 0 {
		return false
	}
	entries, _ := object.Metadata(workload)["managedFields"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		fields, _ := entry["fieldsV1"].(map[string]any)
		spec, _ := fields["f:spec"].(map[string]any)
		if _, owned := spec["f:replicas"]; owned && entry["manager"] == p.manager {
			return true
		}
	}
	return false
}

// controller returns the program whose object controls a workload.
func controller(o map[string]any, namespace string, programs []Program) (Owner, bool) {
	group, kind, name := Controller(o)
	for _, p := range programs {
		if p.Group == group && p.Kind == kind {
			return Owner{p, manifest.ID{Group: group, Kind: kind, Namespace: namespace, Name: name}}, true
		}
	}
	return Owner{}, false
}

// Controller returns the object whose controller keeps another object as it is; "" if
// there is none.
func Controller(o map[string]any) (group, kind, name string) {
	references, _ := object.Metadata(o)["ownerReferences"].([]any)
	for _, r := range references {
		reference, _ := r.(map[string]any)
		if reference["controller"] != true {
			continue
		}
		version, _ := reference["apiVersion"].(string)
		kind, _ = reference["kind"].(string)
		name, _ = reference["name"].(string)
		return groupOf(version), kind, name
	}
	return "", "", ""
}

// naming returns the first object, by program and name, that names a workload.
func naming(id manifest.ID, objects []map[string]any, programs []Program) (Owner, bool) {
	for _, p := range programs {
		var found []Owner
		for _, o := range objects {
			by := object.ID(o)
			if by.Group == p.Group && by.Kind == p.Kind && by.Namespace == id.Namespace && refersTo(p.reference(o), id) {
				found = append(found, Owner{p, by})
			}
		}
		if len(found) > 0 {
			return slices.MinFunc(found, func(a, b Owner) int { return cmp.Compare(a.ID.Name, b.ID.Name) }), true
		}
	}
	return Owner{}, false
}

// refersTo reports whether a reference of an object names a workload of its namespace.
// KEDA's default is a Deployment. An old autoscaler may name the group extensions.
func refersTo(reference map[string]any, id manifest.ID) bool {
	version, _ := reference["apiVersion"].(string)
	kind, _ := reference["kind"].(string)
	name, _ := reference["name"].(string)
	group := groupOf(version)
	return name != "" && name == id.Name && cmp.Or(kind, "Deployment") == id.Kind && (group == "" || group == id.Group || group == "extensions")
}

func groupOf(version string) string {
	group, _, grouped := strings.Cut(version, "/")
	if !grouped {
		return ""
	}
	return group
}
