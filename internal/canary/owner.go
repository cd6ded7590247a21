package canary

import (
	"fmt"

	"github.com/canarize/canarize/internal/manifest"
)

// releasers are the kinds by which other programs release a workload, with the field that
// names it (argoproj.io/v1alpha1 Rollout, flagger.app/v1beta1 Canary,
// rollouts.kruise.io/v1beta1 and v1alpha1 Rollout).
var releasers = []struct {
	group, kind string
	field       []string
	program     string
}{
	{"argoproj.io", "Rollout", []string{"spec", "workloadRef"}, "Argo Rollouts"},
	{"flagger.app", "Canary", []string{"spec", "targetRef"}, "Flagger"},
	{"rollouts.kruise.io", "Rollout", []string{"spec", "workloadRef"}, "OpenKruise"},
	{"rollouts.kruise.io", "Rollout", []string{"spec", "objectRef", "workloadRef"}, "OpenKruise"},
}

// owners holds the workloads that somebody else releases, each with the reason.
type owners map[manifest.ID]string

func ownersOf(x *index) owners {
	found := owners{}
	for _, o := range x.others {
		for _, r := range releasers {
			ref := manifest.Get(o.Root, r.field...)
			if o.Group() != r.group || o.Kind() != r.kind || ref == nil {
				continue
			}
			id := manifest.ID{Kind: manifest.GetString(ref, "kind"), Namespace: x.set.Namespace(o), Name: manifest.GetString(ref, "name")}
			found[id] = fmt.Sprintf("%s releases it, by %s (%s)", r.program, o.ID(), o.Pos)
		}
	}
	return found
}

// of returns why somebody else releases a workload, or "".
func (o owners) of(w *workload) string {
	if why := o[w.scalerTarget()]; why != "" {
		return why
	}
	track := manifest.GetString(w.object.Root, "metadata", "labels", TrackLabel)
	if track == TrackCanary || track == TrackBaseline {
		return fmt.Sprintf("it belongs to a release of canarize itself (label %s: %s)", TrackLabel, track)
	}
	return ""
}
