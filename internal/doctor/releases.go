package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// unfinished says what to run when a process ended in a phase.
var unfinished = map[rollout.Phase]string{
	rollout.Deploying: "run canarize deploy again, or canarize reject %s",
	rollout.Shifting:  "run canarize shift %s --to WEIGHT again, or canarize reject",
	rollout.Promoting: "run canarize promote %s to the end",
	rollout.Retiring:  "run canarize promote %s to the end",
	rollout.Rejecting: "run canarize reject %s to the end",
}

// releases looks at what the cluster remembers of releases.
func (e *exam) releases() {
	for _, r := range e.Releases {
		about := "release " + e.Namespace + "/" + r.Name
		if r.Err != nil {
			e.find("release", about, "its memory cannot be read: "+r.Err.Error(), fmt.Sprintf("use the canarize that wrote it, or delete its canary's objects and ConfigMap %s", rollout.RecordPrefix+r.Name))
			continue
		}
		if mend, under := unfinished[r.State.Phase]; under && e.lockless(r.Name) {
			e.find("release", about, fmt.Sprintf("a process ended while it was %s, at a weight of %d %%: %s", r.State.Phase, r.State.Weight, holder(r.State)), fmt.Sprintf(mend, r.Name))
		}
		if r.State.Held != "" {
			e.find("release", about, "it is held: "+r.State.Held, fmt.Sprintf("canarize reject %s, or repeat the command with --override-hold once that is settled", r.Name))
		}
		e.gone(about, r)
		e.drifted(r)
	}
}

func holder(s rollout.State) string {
	if s.Run.Holder == "" {
		return "nobody knows whose"
	}
	return s.Run.Holder
}

// lockless says whether nobody works on a release now.
func (e *exam) lockless(release string) bool {
	id := manifest.ID{Group: leaseGroup, Kind: "Lease", Namespace: e.Namespace, Name: rollout.RecordPrefix + release}
	if lease, found := e.byID[id]; found {
		_, over := e.expired(lease)
		return over
	}
	return e.absent(id)
}

// gone looks for objects of a canary that somebody has deleted.
func (e *exam) gone(about string, r Release) {
	if !slices.Contains([]rollout.Phase{rollout.Standing, rollout.Shifting, rollout.Promoting}, r.State.Phase) {
		return // they are being made, or removed
	}
	var gone []string
	for _, id := range r.State.Objects {
		if e.absent(id) {
			gone = append(gone, id.String())
		}
	}
	if len(gone) > 0 {
		e.find("release", about, "somebody has deleted objects of its canary: "+strings.Join(gone, ", "), "canarize reject "+r.Name+", and deploy again")
	}
}

// drifted looks for routes that somebody has changed during a release.
func (e *exam) drifted(r Release) {
	if r.State.Phase != rollout.Standing {
		return
	}
	for _, route := range r.Plan.Routes {
		stable, haveStable := e.byID[route.Stable]
		canary, haveCanary := e.byID[route.Canary]
		if !haveCanary {
			continue
		}
		if share := derive.Share(canary.Object); share != r.State.Weight {
			e.find("release", route.Canary.String(), fmt.Sprintf("somebody moved its weight to %d %%; the release wants %d %%", share, r.State.Weight),
				fmt.Sprintf("let nobody else write it; canarize shift %s --to %d puts it back", r.Name, r.State.Weight))
		}
		if !haveStable {
			continue // said by the group
		}
		if _, changed, err := derive.Resync(stable.Object, route.Name, canary.Object); err == nil && changed {
			e.find("release", route.Stable.String(), "somebody changed it since the canary was made, so both may no longer be one group",
				fmt.Sprintf("canarize shift %s --to %d takes the change over to the canary", r.Name, r.State.Weight))
		}
	}
}

// orphans looks for objects of canaries that no release remembers.
func (e *exam) orphans() {
	if !e.listed(manifest.ID{Kind: "ConfigMap", Namespace: e.Namespace}) {
		return
	}
	objects := slices.Clone(e.objects)
	slices.SortStableFunc(objects, func(a, b object) int { // routes first, as they have to be deleted
		return strings.Compare(a.deletes(), b.deletes())
	})
	for _, o := range objects {
		name := o.GetLabels()[rollout.ReleaseLabel]
		if name == "" || o.id.Namespace != e.Namespace || o.id.Kind == "ConfigMap" && o.id.Name == rollout.RecordPrefix+name || o.id.Kind == "Lease" || o.id.Kind == "Pod" {
			continue
		}
		at := slices.IndexFunc(e.Releases, func(r Release) bool { return r.Name == name })
		why := "no release remembers it"
		switch {
		case at < 0:
		case e.Releases[at].Err != nil || slices.Contains(e.Releases[at].State.Objects, o.id):
			continue
		case e.Releases[at].State.Phase.Active():
			why = "the release does not remember it"
		default:
			why = "the release is " + string(e.Releases[at].State.Phase)
		}
		e.find("orphan", o.id.String(), fmt.Sprintf("it is left over from the canary of release %s: %s", name, why),
			fmt.Sprintf("kubectl delete %s %s -n %s", strings.ToLower(o.id.Kind), o.id.Name, o.id.Namespace))
	}
}

// deletes sorts what has to be deleted first before the rest.
func (o object) deletes() string {
	if o.id.Group == mappingGroup {
		return "first"
	}
	return "then"
}

const leaseGroup = "coordination.k8s.io"

// locks looks for locks whose holder is gone.
func (e *exam) locks() {
	for _, l := range e.of(e.Namespace, "Lease") {
		if !strings.HasPrefix(l.id.Name, rollout.RecordPrefix) {
			continue
		}
		if renewed, over := e.expired(l); over {
			e.find("lock", l.id.String(), fmt.Sprintf("its holder is gone: %s renewed it last at %s", l.text("spec", "holderIdentity"), renewed.UTC().Format(time.RFC3339)),
				fmt.Sprintf("the next command on release %s takes it over; where there is to be none, kubectl delete lease %s -n %s", strings.TrimPrefix(l.id.Name, rollout.RecordPrefix), l.id.Name, l.id.Namespace))
		}
	}
}

// expired says whether a Lease was not renewed in its time, and when it was last.
func (e *exam) expired(lease object) (renewed time.Time, over bool) {
	renewed, err := time.Parse(time.RFC3339Nano, lease.text("spec", "renewTime"))
	if err != nil {
		return renewed, true // nobody has ever held it
	}
	return renewed, e.Now.After(renewed.Add(time.Duration(lease.number(0, "spec", "leaseDurationSeconds")) * time.Second))
}
