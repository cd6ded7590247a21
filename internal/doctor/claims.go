package doctor

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/object"
)

// shareable lists the access modes with which pods of two versions may mount a volume.
var shareable = []string{"ReadWriteMany", "ReadOnlyMany"}

// volumes reports a volume that stable and a canary would share although they must not.
func (e *Exam) volumes(w Object) {
	if e.Wanted != nil && slices.Contains(e.Wanted.Accept, note.SharedClaim) {
		return
	}
	if exclusive, _ := e.claims(w); len(exclusive) > 0 {
		e.find("claim", w.ID.String(), fmt.Sprintf("it mounts PersistentVolumeClaim %s, so a canary beside it is not safe: two versions would open the same volume, or the canary's pod could not start on another node", strings.Join(exclusive, ", ")),
			"release it without a canary; leave its strategy and the number of its pods as they are")
	}
}

// claims returns the PersistentVolumeClaims that a canary of a workload would mount and
// must not share, with their access modes, and those whose access modes are not known.
func (e *Exam) claims(w Object) (exclusive, unknown []string) {
	for _, v := range e.canaryOf(w).List("spec", "template", "spec", "volumes") {
		source, _ := v["persistentVolumeClaim"].(map[string]any)
		name, _ := source["claimName"].(string)
		if name == "" {
			continue
		}
		switch modes := e.accessModes(manifest.ID{Kind: "PersistentVolumeClaim", Namespace: w.ID.Namespace, Name: name}); {
		case len(modes) == 0:
			unknown = append(unknown, name)
		case !slices.ContainsFunc(modes, func(mode string) bool { return slices.Contains(shareable, mode) }):
			exclusive = append(exclusive, fmt.Sprintf("%s (%s)", name, strings.Join(modes, ", ")))
		}
	}
	return exclusive, unknown
}

// canaryOf returns the planned canary of a workload, or the workload itself if none is
// planned: its volumes are those of the canary.
func (e *Exam) canaryOf(w Object) Object {
	if e.Wanted == nil {
		return w
	}
	for _, pair := range e.Wanted.Plan.Workloads {
		for _, o := range e.Wanted.Plan.Canary {
			if pair.Stable == w.ID && object.ID(o) == pair.Canary {
				return Object{unstructured.Unstructured{Object: o}, pair.Canary}
			}
		}
	}
	return w
}

// accessModes returns the access modes of a claim in the cluster, or else in the planned
// release; none if they are not known.
func (e *Exam) accessModes(id manifest.ID) []string {
	claim, found := e.byID[id]
	if !found && e.Wanted != nil {
		for _, o := range e.Wanted.Plan.Stable {
			if object.ID(o) == id {
				claim = Object{unstructured.Unstructured{Object: o}, id}
			}
		}
	}
	modes, _, _ := unstructured.NestedStringSlice(claim.Object, "spec", "accessModes")
	return modes
}
