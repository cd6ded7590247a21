// Package hook recognises the hooks of Helm and Argo CD: objects that these tools create at
// one moment of an installation, an upgrade or a deletion, and often delete afterwards. It
// also puts them in the order in which the tools create them. It is pure.
//
// The rules are those of the tools' own code: helm.sh/helm/v4/pkg/release/v1/util
// (manifest_sorter.go) and pkg/action (hooks.go); argo-cd/gitops-engine/pkg/sync/hook,
// resource (annotations.go) and syncwaves.
package hook

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// The annotations that make an object a hook, whatever their value.
const (
	helmAnnotation = "helm.sh/hook"
	argoAnnotation = "argocd.argoproj.io/hook"
)

// Moment is where a phase falls in the release of a new version.
type Moment int

// The moments of a release. The zero value is for phases that an upgrade does not have.
const (
	Never Moment = iota
	Before
	During
	After
)

// Phase is a moment at which a tool creates hooks.
type Phase struct {
	Name   string // as the tool spells it
	Moment Moment
	argo   bool // of Argo CD, not of Helm
}

// phases lists the phases of both tools.
var phases = []Phase{
	{"pre-install", Never, false}, {"post-install", Never, false},
	{"pre-upgrade", Before, false}, {"post-upgrade", After, false},
	{"pre-delete", Never, false}, {"post-delete", Never, false},
	{"pre-rollback", Never, false}, {"post-rollback", Never, false},
	{"test", Never, false},
	{"crd-install", Before, false}, // Helm 2; later versions leave these objects out
	{"PreSync", Before, true}, {"Sync", During, true}, {"PostSync", After, true},
	{"SyncFail", Never, true}, {"PreDelete", Never, true}, {"PostDelete", Never, true},
	{skip, Never, true},
}

// skip is no phase: Argo CD never creates the object.
const skip = "Skip"

// find returns the phase of a tool.
func find(name string, argo bool) (Phase, bool) {
	if name == "test-success" && !argo { // its name in Helm 2
		name = "test"
	}
	for _, p := range phases {
		if p.argo == argo && p.Name == name {
			return p, true
		}
	}
	return Phase{}, false
}

// ParsePhase reads the name of a phase of either tool, in any case.
func ParsePhase(name string) (Phase, error) {
	var names []string
	for _, p := range phases {
		if p.Name == skip {
			continue
		}
		if strings.EqualFold(p.Name, name) {
			return p, nil
		}
		names = append(names, p.Name)
	}
	if p, found := find(strings.ToLower(name), false); found {
		return p, nil
	}
	return Phase{}, fmt.Errorf("%q is no phase of Helm or Argo CD; expected one of %s", name, strings.Join(names, ", "))
}

// Hook is a hook of the input.
type Hook struct {
	Object *manifest.Object
	// Phases are those in which a tool creates the object; none if no tool ever does.
	Phases []Phase
}

// Of returns the hook that an object is, and whether it is one.
func Of(o *manifest.Object) (Hook, bool) {
	annotations := manifest.Get(o.Root, "metadata", "annotations")
	keys := manifest.Keys(annotations)
	helm, argo := slices.Contains(keys, helmAnnotation), slices.Contains(keys, argoAnnotation)
	h := Hook{Object: o}
	if helm {
		h.Phases = helmPhases(manifest.GetString(annotations, helmAnnotation))
	}
	if argo {
		h.Phases = append(h.Phases, argoPhases(manifest.GetString(annotations, argoAnnotation))...)
	}
	return h, helm || argo
}

// helmPhases reads Helm's annotation. Helm leaves an object out if it does not know one of
// the phases.
func helmPhases(value string) []Phase {
	var known []Phase
	for name := range strings.SplitSeq(value, ",") {
		p, found := find(strings.ToLower(strings.TrimSpace(name)), false)
		if !found {
			return nil
		}
		known = appendNew(known, p)
	}
	return known
}

// argoPhases reads Argo CD's annotation. Argo CD minds the case, and skips what it does not
// know. Skip counts only alone.
func argoPhases(value string) []Phase {
	var known []Phase
	for name := range strings.SplitSeq(value, ",") {
		if p, found := find(strings.TrimSpace(name), true); found {
			known = appendNew(known, p)
		}
	}
	if len(known) > 1 {
		known = slices.DeleteFunc(known, func(p Phase) bool { return p.Name == skip })
	}
	return known
}

func appendNew(list []Phase, p Phase) []Phase {
	if slices.Contains(list, p) {
		return list
	}
	return append(list, p)
}

// In returns the hooks of a set, in the order of the input.
func In(set *manifest.Set) []Hook {
	var hooks []Hook
	for _, o := range set.Objects {
		if h, is := Of(o); is {
			hooks = append(hooks, h)
		}
	}
	return hooks
}

// AtUpgrade returns the phases that a release of a new version has, in the order of time.
func (h Hook) AtUpgrade() []Phase {
	var all []Phase
	for _, p := range h.Phases {
		if p.Moment != Never {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b Phase) int { return int(a.Moment - b.Moment) })
	return all
}

// String says what the object is, such as "a Helm hook (pre-install, pre-upgrade)".
func (h Hook) String() string {
	var helm, argo []string
	for _, p := range h.Phases {
		if p.argo {
			argo = append(argo, p.Name)
		} else {
			helm = append(helm, p.Name)
		}
	}
	switch {
	case helm == nil:
		return "an Argo CD hook (" + strings.Join(argo, ", ") + ")"
	case argo == nil:
		return "a Helm hook (" + strings.Join(helm, ", ") + ")"
	}
	return "a hook of Helm (" + strings.Join(helm, ", ") + ") and of Argo CD (" + strings.Join(argo, ", ") + ")"
}

// Note says what the object is, and why it is not applied. The subject is left out.
func (h Hook) Note() string {
	switch {
	case len(h.Phases) == 0:
		return h.unknown()
	case len(h.Phases) == 1 && h.Phases[0].Name == skip:
		return "is not applied, as the annotation " + argoAnnotation + ": Skip asks"
	}
	text := "is " + h.String() + ": canarize does not run hooks, so it is not applied; "
	var when []string
	for _, moment := range []Moment{Before, During, After} {
		for _, p := range h.AtUpgrade() {
			if p.Moment == moment { // one phase is enough
				when = append(when, fmt.Sprintf("%s (canarize generate --hooks %s prints it)", moment, p.Name))
				break
			}
		}
	}
	if when == nil {
		return text + "an upgrade does not run it either"
	}
	return text + "run it " + strings.Join(when, " and ")
}

func (m Moment) String() string {
	return [...]string{"never", "before the release", "at the promotion", "after the promotion"}[m]
}

// unknown says why no tool ever creates the object.
func (h Hook) unknown() string {
	annotations := manifest.Get(h.Object.Root, "metadata", "annotations")
	tool, annotation := "Helm", helmAnnotation
	if slices.Contains(manifest.Keys(annotations), argoAnnotation) {
		tool, annotation = "Argo CD", argoAnnotation
	}
	return fmt.Sprintf("is not applied: %s does not know its annotation %s: %q, and leaves it out too; correct the annotation, or remove it", tool, annotation, manifest.GetString(annotations, annotation))
}
