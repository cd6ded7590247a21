package canary

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// choose selects the workloads that get a canary: the Deployments that get traffic and
// are safe to run twice, and the workloads that the user includes. Every other workload
// gets a note that says why it is left alone.
func (d *derivation) choose() error {
	included := make([]bool, len(d.options.Include))
	owners := ownersOf(d.index)
	left := &LeftAloneError{}
	any := false
	for _, w := range d.index.workloads {
		asked := false
		for i, ref := range d.options.Include {
			if ref.names(w) {
				asked, included[i] = true, true
			}
		}
		why := owners.of(w)
		if why == "" && !asked {
			why = d.unfit(w)
		}
		if w.chosen = why == ""; w.chosen {
			any = true
			continue
		}
		d.note(note.Info, w.object, "gets no canary: %s", why)
		left.Lines = append(left.Lines, d.result.Notes[len(d.result.Notes)-1])
	}
	for i, ref := range d.options.Include {
		if !included[i] {
			return fmt.Errorf("--include %s: no such Deployment, StatefulSet or DaemonSet in the input", ref)
		}
	}
	for _, s := range d.index.services {
		d.noteService(s)
	}
	switch {
	case any:
		return nil
	case len(left.Lines) == 0 || len(owners.byName) == 0 && d.nothingSelected():
		return d.nothingLeft()
	}
	left.Lines = note.Sort(left.Lines, d.index.set.Objects)
	routed := map[*manifest.Object]bool{}
	for _, w := range d.index.workloads {
		routed[w.object] = d.routed(w)
	}
	left.closest = left.Lines[max(0, slices.IndexFunc(left.Lines, func(n note.Note) bool { return routed[n.Object] }))]
	return left
}

// LeftAloneError reports that no workload of the input gets a canary.
type LeftAloneError struct {
	Lines []note.Note // one for every workload, at least one, with the reason
	// closest is the line of a workload that a route leads to, or the first one.
	closest note.Note
}

func (e *LeftAloneError) Error() string {
	n := e.closest
	text := fmt.Sprintf("%s: %s: no canary possible: %s", n.Object.Pos, n.Object.ID(), strings.TrimPrefix(n.Text, "gets no canary: "))
	if more := len(e.Lines) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more, each with a note)", more)
	}
	return text
}

// unfit returns the reason for which a workload gets no canary unless the user includes
// it, or "".
func (d *derivation) unfit(w *workload) string {
	include := fmt.Sprintf("--include %s makes one", d.index.refTo(w.object))
	switch {
	case w.object.Kind() == "StatefulSet":
		return "a second StatefulSet would have volumes of its own; " + include
	case w.object.Kind() == "DaemonSet":
		return "a second DaemonSet would run beside the first on every node; " + include
	case len(w.services) == 0:
		return "no Service of the input selects its pods; " + include
	case !d.routed(w):
		return "no route of the input leads to its pods" + d.near(w) + "; " + include
	}
	if why := d.index.unsafe(w); why != "" {
		return why + "; " + include
	}
	return ""
}

// near describes a route that may be meant for a workload, in brackets, or returns "".
func (d *derivation) near(w *workload) string {
	for _, s := range w.services {
		if text := d.options.Near[d.index.set.ID(s.object)]; text != "" {
			return " (" + text + ")"
		}
	}
	return ""
}

// routed reports whether a route leads to the pods of a workload, as far as the input
// shows.
func (d *derivation) routed(w *workload) bool {
	for _, s := range w.services {
		if s.reaches(w) && (d.options.Routed == nil || d.options.Routed[d.index.set.ID(s.object)]) {
			return true
		}
	}
	return false
}

// unsafe returns why a second copy of a workload would do harm or prove nothing, or "".
func (x *index) unsafe(w *workload) string {
	recreate := manifest.GetString(w.object.Root, "spec", "strategy", "type") == "Recreate"
	for _, v := range manifest.Items(PodSpec(w.object), "volumes") {
		name := manifest.GetString(v, "persistentVolumeClaim", "claimName")
		if name == "" {
			continue
		}
		mode, shared := x.accessMode(w.namespace, name)
		switch {
		case !shared:
			return fmt.Sprintf("it mounts the PersistentVolumeClaim %s (%s), which a second version must not open beside the first", name, mode)
		case recreate:
			return fmt.Sprintf("its strategy is Recreate and it mounts the PersistentVolumeClaim %s, so two versions must not run at the same time", name)
		}
	}
	if manifest.Get(w.object.Root, "spec", "replicas") != nil && w.replicas() == 0 {
		return "it has 0 replicas, so there is nothing to compare a canary with"
	}
	return ""
}

// accessMode returns the access mode of a claim, and whether pods on several nodes may
// mount it. A claim that is not in the input counts as ReadWriteOnce, the usual mode.
func (x *index) accessMode(namespace, name string) (mode string, shared bool) {
	claim := x.set.Find(manifest.ID{Kind: "PersistentVolumeClaim", Namespace: namespace, Name: name})
	if claim == nil {
		return "not in the input, so it counts as ReadWriteOnce", false
	}
	mode = "ReadWriteOnce"
	for _, m := range manifest.Items(claim.Root, "spec", "accessModes") {
		switch m.Value {
		case "ReadWriteMany", "ReadOnlyMany":
			return m.Value, true
		case "ReadWriteOncePod":
			mode = m.Value
		}
	}
	return mode, false
}

func (d *derivation) noteService(s *service) {
	switch {
	case s.hasCanary():
	case manifest.GetString(s.object.Root, "spec", "type") == "ExternalName":
		d.note(note.Info, s.object, "gets no canary: an ExternalName Service selects no pods")
	case s.selector.empty():
		d.note(note.Info, s.object, "gets no canary: it has no spec.selector")
	case len(s.workloads) == 0:
		d.note(note.Info, s.object, "gets no canary: its selector matches no pods of the input")
	}
}

// nothingSelected reports whether no Service selects the pods of a workload.
func (d *derivation) nothingSelected() bool {
	for _, w := range d.index.workloads {
		if len(w.services) > 0 {
			return false
		}
	}
	return true
}

// nothingLeft explains why no workload gets a canary. It names the Service or
// workload that comes closest.
func (d *derivation) nothingLeft() error {
	for _, s := range d.index.services {
		selector := manifest.Get(s.object.Root, "spec", "selector")
		switch {
		case manifest.GetString(s.object.Root, "spec", "type") == "ExternalName":
			return s.object.Errorf(manifest.Get(s.object.Root, "spec", "type"), "no canary possible: an ExternalName Service selects no pods, and no other Service selects a Deployment; pass a Service that does")
		case s.selector.empty():
			return s.object.Errorf(manifest.Get(s.object.Root, "spec"), "no canary possible: the Service has no selector, and no other Service selects a Deployment; give it one")
		case len(s.workloads) == 0:
			return s.object.Errorf(selector, "no canary possible: the selector matches the pods of no Deployment in the input; pass the Deployment's manifest too")
		}
	}
	if len(d.index.workloads) > 0 {
		o := d.index.workloads[0].object
		for _, w := range d.index.workloads {
			if w.object.Kind() == "Deployment" {
				return w.object.Errorf(nil, "no canary possible: no Service of the input selects its pods; pass the Service's manifest too, or --include %s", d.index.refTo(w.object))
			}
		}
		return o.Errorf(nil, "no canary possible: a %s gets none by default; make one with --include %s", o.Kind(), d.index.refTo(o))
	}
	if len(d.index.set.Objects) == 0 {
		return fmt.Errorf("the input has no objects; pass the manifests of an application: a Deployment and its Service at least")
	}
	return d.index.set.Objects[0].Errorf(nil, "no canary possible: the input has no Deployment; pass the Deployment's manifest too")
}
