package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/owner"
)

// releaser returns which other program releases a workload. A mark that a program left on
// the workload counts only if its objects could not be read.
func (e *Exam) releaser(id manifest.ID) (owner.Owner, bool) {
	workload := e.byID[id].Object
	if by, found := owner.Releaser(id, workload, e.Objects); found {
		return by, true
	}
	by, marked := owner.Marked(workload)
	return by, marked && !e.hasAllOf(by.Program, id.Namespace)
}

func (e *Exam) hasAllOf(p owner.Program, namespace string) bool {
	return e.HasAll(manifest.ID{Group: p.Group, Kind: p.Kind, Namespace: namespace})
}

// rival looks for another release that has a canary of a workload.
func (e *Exam) rival(w Object) {
	for _, r := range e.Releases {
		if e.Wanted == nil || r.Name == e.Wanted.Name || r.Err != nil || !r.State.Phase.Active() || !slices.Contains(r.State.Workloads(), w.ID) {
			continue
		}
		e.find("releaser", w.ID.String(), fmt.Sprintf("release %s/%s already has a canary of it, so no other is possible beside it", e.Namespace, r.Name),
			fmt.Sprintf("finish that release first, with canarize promote %s or canarize reject %s", r.Name, r.Name))
	}
}

// whyNoPods returns the advice for a workload that is scaled to 0. Who scaled it may have a
// reason, so the advice is never just to scale it up.
func (e *Exam) whyNoPods(w Object) string {
	by, scaled := owner.Scaler(w.ID, e.Objects)
	unread := e.unreadOwners(w.ID.Namespace)
	exclusive, unknown := e.claims(w)
	replicas := "N"
	if len(exclusive)+len(unknown) > 0 { // a second pod would open the same volume
		replicas = "1"
	}
	switch {
	case scaled && by.Program.Name != "":
		return fmt.Sprintf("%s sets the number; let that give it a pod at least while you release", by)
	case scaled:
		return fmt.Sprintf("somebody set the number to 0, which also stops %s; find out why before you change it", by)
	case len(unread) > 0:
		return fmt.Sprintf("find out who set the number to 0: it may be a program whose objects could not be read (%s), and then it is not yours to set", strings.Join(unread, ", "))
	}
	return mend(w, fmt.Sprintf("find out who set the number to 0 and why; if it is to serve again, kubectl scale --replicas=%s %s", replicas, target(w)))
}

// unreadOwners returns the kinds of other programs' objects that were not all read.
func (e *Exam) unreadOwners(namespace string) (kinds []string) {
	for _, p := range slices.Concat(owner.Releasing(), owner.Scaling()) {
		if !e.hasAllOf(p, namespace) && !slices.Contains(kinds, p.Kind) {
			kinds = append(kinds, p.Kind)
		}
	}
	return kinds
}
