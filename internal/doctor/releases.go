package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// releases examines the recorded releases.
func (e *Exam) releases(gateways []GatewayReport) {
	for _, r := range e.Releases {
		about := "release " + e.Namespace + "/" + r.Name
		if r.Err != nil {
			e.find("release", about, "its record cannot be read: "+r.Err.Error(), fmt.Sprintf("use the version of canarize that wrote it; or canarize reject %s, which takes the traffic off the canary by its labels and says what to delete then", r.Name))
			continue
		}
		if problem, mend := unfinished(r.Name, r.State, e.lockless(r.Name)); problem != "" {
			e.find("release", about, problem, mend)
		}
		if r.Behind != "" {
			e.find("gateway", about, "the gateway does something else than its routes ask for: "+r.Behind, fmt.Sprintf("see canarize traffic --live; if nothing changes, canarize reject %s takes the requests off the canary without the gateway", r.Name))
		}
		e.gone(about, r)
		for _, g := range gateways {
			e.found = append(e.found, g.Changed[r.Name]...)
		}
	}
}

func holder(s rollout.State) string {
	if s.Run.Holder == "" {
		return "its holder is unknown"
	}
	return s.Run.Holder
}

// lockless reports whether no process works on a release.
func (e *Exam) lockless(release string) bool {
	id := manifest.ID{Group: leaseGroup, Kind: "Lease", Namespace: e.Namespace, Name: rollout.RecordPrefix + release}
	if lease, found := e.byID[id]; found {
		_, over := e.expired(lease)
		return over
	}
	return e.Missing(id)
}

// gone looks for objects of a canary that somebody deleted.
func (e *Exam) gone(about string, r Recorded) {
	if !slices.Contains([]rollout.Phase{rollout.Standing, rollout.Shifting, rollout.Promoting}, r.State.Phase) {
		return // they are being created or deleted
	}
	var gone []string
	for _, id := range r.State.Objects {
		if e.Missing(id) {
			gone = append(gone, id.String())
		}
	}
	if len(gone) > 0 {
		e.find("release", about, "somebody deleted objects of its canary: "+strings.Join(gone, ", "), "run canarize reject "+r.Name+", then deploy again")
	}
}

// orphans looks for objects of canaries that belong to no recorded release.
func (e *Exam) orphans(gateways []GatewayReport) {
	if !e.HasAll(manifest.ID{Kind: "ConfigMap", Namespace: e.Namespace}) {
		return
	}
	routes, others := e.split(gateways)
	for _, o := range slices.Concat(routes, others) { // in the order in which they have to be deleted
		name := o.GetLabels()[rollout.ReleaseLabel]
		if name == "" || o.ID.Namespace != e.Namespace || o.ID.Kind == "ConfigMap" && o.ID.Name == rollout.RecordPrefix+name || o.ID.Kind == "Lease" || o.ID.Kind == "Pod" {
			continue
		}
		at := slices.IndexFunc(e.Releases, func(r Recorded) bool { return r.Name == name })
		why := "the release has no record"
		switch {
		case at < 0:
		case e.Releases[at].Err != nil || slices.Contains(e.Releases[at].State.Objects, o.ID):
			continue
		case e.Releases[at].State.Phase.Active():
			why = "the record of the release does not list it"
		default:
			why = "the release is " + string(e.Releases[at].State.Phase)
		}
		remove := fmt.Sprintf("kubectl delete %s %s -n %s", strings.ToLower(o.ID.Kind), o.ID.Name, o.ID.Namespace)
		switch {
		case slices.ContainsFunc(gateways, func(g GatewayReport) bool { return slices.Contains(g.Sole, o.ID) }):
			remove = "it gets every request, which would fail without it: apply the stable route beside it first; then " + remove
		case leads(gateways, o.ID):
			remove = "a route leads to it, whose requests would fail without it: delete that first, or correct it; then " + remove
		case at < 0: // a release may have objects in other namespaces than that of its record
			remove = fmt.Sprintf("unless canarize status -A shows an unfinished release %s in another namespace, %s", name, remove)
		}
		e.find("orphan", o.ID.String(), fmt.Sprintf("it is left over from the canary of release %s: %s", name, why), remove)
	}
}

// split separates the routes of gateways from other objects.
func (e *Exam) split(gateways []GatewayReport) (routes, others []Object) {
	for _, o := range e.sorted {
		if slices.ContainsFunc(gateways, func(g GatewayReport) bool { return g.APIGroup != "" && g.APIGroup == o.ID.Group }) {
			routes = append(routes, o)
		} else {
			others = append(others, o)
		}
	}
	return routes, others
}

const leaseGroup = "coordination.k8s.io"

// locks looks for locks that their holder no longer renews.
func (e *Exam) locks() {
	for _, l := range e.Of(e.Namespace, "Lease") {
		if !strings.HasPrefix(l.ID.Name, rollout.RecordPrefix) {
			continue
		}
		if renewed, over := e.expired(l); over {
			e.find("lock", l.ID.String(), fmt.Sprintf("its holder no longer renews it: %s renewed it last at %s", l.Text("spec", "holderIdentity"), renewed.UTC().Format(time.RFC3339)),
				fmt.Sprintf("the next command on release %s takes it over; if no command follows, run kubectl delete lease %s -n %s", strings.TrimPrefix(l.ID.Name, rollout.RecordPrefix), l.ID.Name, l.ID.Namespace))
		}
	}
}

// expired reports whether a Lease was not renewed in time, and when it was last
// renewed.
func (e *Exam) expired(lease Object) (renewed time.Time, over bool) {
	renewed, err := time.Parse(time.RFC3339Nano, lease.Text("spec", "renewTime"))
	if err != nil {
		return renewed, true // it never had a holder
	}
	return renewed, e.Now.After(renewed.Add(time.Duration(lease.number(0, "spec", "leaseDurationSeconds")) * time.Second))
}
