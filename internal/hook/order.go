package hook

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/canarize/canarize/internal/manifest"
)

// Steps returns the hooks of a phase in the order in which the tool creates them. A step
// ends with an object that has to end before the tool goes on; the last step need not.
func Steps(hooks []Hook, phase Phase) [][]Hook {
	hooks = slices.DeleteFunc(slices.Clone(hooks), func(h Hook) bool { return !slices.Contains(h.Phases, phase) })
	slices.SortStableFunc(hooks, func(a, b Hook) int {
		if phase.argo { // of one wave, Argo CD creates the objects that others need first
			return cmp.Or(cmp.Compare(a.wave(), b.wave()), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Object.Name(), b.Object.Name()))
		}
		return cmp.Or(cmp.Compare(a.weight(), b.weight()), cmp.Compare(a.Object.Name(), b.Object.Name()), cmp.Compare(rank(a), rank(b)))
	})
	var steps [][]Hook
	ended := true
	for _, h := range hooks {
		if ended {
			steps = append(steps, nil)
		}
		last := len(steps) - 1
		steps[last] = append(steps[last], h)
		ended = h.ends()
	}
	return steps
}

// weight is Helm's; 0 if it is no whole number.
func (h Hook) weight() int { return h.number("helm.sh/hook-weight") }

// wave is Argo CD's, which is Helm's weight if there is none.
func (h Hook) wave() int {
	const wave = "argocd.argoproj.io/sync-wave"
	if _, err := strconv.Atoi(manifest.GetString(h.Object.Root, "metadata", "annotations", wave)); err != nil {
		return h.weight()
	}
	return h.number(wave)
}

func (h Hook) number(annotation string) int {
	n, err := strconv.Atoi(manifest.GetString(h.Object.Root, "metadata", "annotations", annotation))
	if err != nil {
		return 0
	}
	return n
}

// ends reports whether the tool waits until the object has ended. All other objects are
// finished as soon as they exist.
func (h Hook) ends() bool {
	switch h.Object.Kind() {
	case "Job":
		return h.Object.Group() == "batch"
	case "Pod":
		return h.Object.Group() == ""
	case "Workflow":
		return h.Object.Group() == "argoproj.io"
	}
	return false
}

// rank orders objects that others need before those that run.
func rank(h Hook) int {
	if h.ends() {
		return 1
	}
	return 0
}
