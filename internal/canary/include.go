package canary

import (
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// WorkloadRef names a workload by kind and name, in a namespace or, if that is "", in
// any. The case of the kind does not matter.
type WorkloadRef struct{ Namespace, Kind, Name string }

// String returns the reference as --include takes it.
func (r WorkloadRef) String() string {
	ref := r.Kind + "/" + r.Name
	if r.Namespace != "" {
		ref = r.Namespace + "/" + ref
	}
	return ref
}

// names reports whether the reference is to w.
func (r WorkloadRef) names(w *workload) bool {
	return strings.EqualFold(r.Kind, w.object.Kind()) && r.Name == w.object.Name() && (r.Namespace == "" || r.Namespace == w.namespace)
}

// homonyms counts the workloads of each kind and name, in all namespaces.
func homonyms(workloads []*workload) map[WorkloadRef]int {
	counts := make(map[WorkloadRef]int, len(workloads))
	for _, w := range workloads {
		counts[WorkloadRef{Kind: w.object.Kind(), Name: w.object.Name()}]++
	}
	return counts
}

// refTo returns the shortest reference to a workload that names no other. It is "" if o is
// not a workload, which cannot be included.
func (x *index) refTo(o *manifest.Object) string {
	ref := WorkloadRef{Kind: o.Kind(), Name: o.Name()}
	switch {
	case kindGroup(o.Kind(), o.Group()) != "workload":
		return ""
	case x.homonyms[ref] > 1:
		ref.Namespace = x.set.Namespace(o)
	}
	ref.Kind = strings.ToLower(ref.Kind)
	return ref.String()
}
