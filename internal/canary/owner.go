package canary

import (
	"fmt"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/owner"
)

// owners holds the objects of the input by which other programs release workloads, by the
// name of the workload.
type owners struct {
	index  *index
	byName map[string][]map[string]any
}

func ownersOf(x *index) owners {
	kinds := map[[2]string]bool{}
	for _, p := range owner.Releasing() {
		kinds[[2]string{p.Group, p.Kind}] = true
	}
	found := owners{x, map[string][]map[string]any{}}
	for _, o := range x.others {
		if kinds[[2]string{o.Group(), o.Kind()}] {
			value := x.set.Value(o)
			name := owner.Target(value)
			found.byName[name] = append(found.byName[name], value)
		}
	}
	return found
}

// of returns why somebody else releases a workload, or "".
func (o owners) of(w *workload) string {
	meta := manifest.Get(w.object.Root, "metadata")
	if track := manifest.GetString(meta, "labels", TrackLabel); track == TrackCanary || track == TrackBaseline {
		return fmt.Sprintf("it belongs to a release of canarize itself (label %s: %s)", TrackLabel, track)
	}
	named := o.byName[w.object.Name()]
	if len(named) == 0 && manifest.Get(meta, "ownerReferences") == nil {
		return ""
	}
	by, found := owner.Releaser(o.index.set.ID(w.object), map[string]any{"metadata": manifest.Value(meta)}, named)
	if !found {
		return ""
	}
	where := ""
	if object := o.index.set.Find(by.ID); object != nil {
		by.ID, where = object.ID(), fmt.Sprintf(" (%s)", object.Pos)
	}
	return fmt.Sprintf("%s releases it%s", by, where)
}
