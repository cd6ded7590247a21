package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// routing is what Emissary makes of everything that was seen.
func (e *exam) routing() model.Configuration {
	if e.computed == nil {
		var objects []map[string]any
		for _, o := range e.objects {
			if o.id.Group == mappingGroup || o.GetAnnotations()["getambassador.io/config"] != "" {
				objects = append(objects, o.Object)
			}
		}
		c := model.Configure(objects, model.Options{Namespace: e.GatewayNamespace, AmbassadorID: e.ambassadorID(), Complete: e.Whole})
		e.computed = &c
	}
	return *e.computed
}

const mappingGroup = "getambassador.io"

// seesTraffic says that 'canarize traffic' shows the same.
const seesTraffic = "; canarize traffic --live shows what Emissary makes of the Mappings"

// posted are errors that Emissary shows: about objects of the namespace, and about
// those that concern every Mapping.
func (e *exam) posted() {
	for _, p := range e.routing().Posted {
		about := manifest.ID{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}
		if e.inScope(about) || slices.Contains([]string{"Host", "Listener", "Module"}, p.Kind) {
			e.find("emissary", about.String(), "Emissary posts an error: it "+p.Text, "correct it"+seesTraffic)
		}
	}
	if e.Whole && len(e.Versions) > 0 && !e.listens() {
		e.find("emissary", "Listeners", "there is none, so Emissary takes no requests", "apply a Listener, as Emissary's quick start does")
	}
}

func (e *exam) listens() bool {
	return slices.ContainsFunc(e.objects, func(o object) bool { return o.id.Kind == "Listener" })
}

// inScope says whether a Mapping, or a Service that carries some, is looked at: one of
// the wanted release or, without one, any of the namespace.
func (e *exam) inScope(id manifest.ID) bool {
	if e.Wanted == nil {
		return id.Namespace == e.Namespace
	}
	for _, r := range e.Wanted.Plan.Routes {
		if id.Namespace == r.Stable.Namespace && (id.Name == r.Name || id.Name == r.Canary.Name || id.Name == r.Stable.Name) {
			return true
		}
	}
	return false
}

// member is a Mapping of a group.
type member struct {
	id     manifest.ID
	share  int
	canary bool
}

func (m member) String() string { return fmt.Sprintf("%s (%d %%)", m.id, m.share) }

// named lists the first of the members of a group.
func named(all []member) string {
	const most = 6
	var texts []string
	for _, m := range all[:min(len(all), most)] {
		texts = append(texts, m.String())
	}
	if more := len(all) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}

func (e *exam) members(g model.Group) (all, stable []member) {
	for _, row := range g.Rows {
		name, _ := strings.CutSuffix(row.Mapping, "."+row.Namespace) // of the second Mapping of a name
		m := member{id: manifest.ID{Group: mappingGroup, Kind: "Mapping", Namespace: row.Namespace, Name: name}, share: row.Share}
		m.canary = e.byID[m.id].isCanary()
		all = append(all, m)
		if !m.canary {
			stable = append(stable, m)
		}
	}
	return all, stable
}

// groups looks for Mappings that answer the same requests and are not a stable one
// with its canary.
func (e *exam) groups() {
	for _, g := range e.routing().Groups {
		all, stable := e.members(g)
		scoped := slices.DeleteFunc(slices.Concat(stable, all), func(m member) bool { return !e.inScope(m.id) })
		if len(scoped) == 0 {
			continue
		}
		about := scoped[0].id.String()
		where := fmt.Sprintf("hostname %q, prefix %q", g.Host, g.Prefix)
		switch {
		case len(stable) > 1:
			e.find("group", about, fmt.Sprintf("its group (%s) has several members: %s; a canary's weight would not be its share", where, named(all)),
				"leave one Mapping for these requests, or give the others another prefix, hostname or header"+seesTraffic)
		case len(stable) == 0:
			e.find("group", about, fmt.Sprintf("there is no stable Mapping beside it (%s), so it gets every request, whatever its weight", where),
				"apply the stable Mapping at once, or delete this one")
		case g.Unrouted > 0:
			e.find("group", about, fmt.Sprintf("%d %% of the requests of its group (%s) are routed nowhere", g.Unrouted, where), "remove the weight of the stable Mapping")
		}
		if e.Whole && len(g.Hosts) == 0 && e.listens() {
			e.find("group", about, fmt.Sprintf("no Host takes its group (%s), so it gets no requests", where), "apply a Host for it, or correct its hostname")
		}
	}
}

// mappings looks at Mappings one by one.
func (e *exam) mappings() {
	e.orders()
	for _, o := range e.objects {
		if o.id.Group != mappingGroup || !strings.HasSuffix(o.id.Kind, "Mapping") || !e.inScope(o.id) {
			continue
		}
		if reason, dropped := e.drop(o); dropped {
			e.find("mapping", o.id.String(), "Emissary drops it: it "+reason, "correct it"+seesTraffic)
		}
		if weight := o.value("spec", "weight"); weight != nil && !o.isCanary() {
			e.find("mapping", o.id.String(), fmt.Sprintf("it has a weight of its own (%v), so no canary can stand beside it with an exact share", weight), "remove spec.weight")
		}
		if s, err := model.ParseService(o.text("spec", "service")); err == nil {
			e.target(o, s)
		}
	}
}

// orders looks for canaries that Emissary 3.10 sorts behind their stable Mapping: its
// cache adds those to the group once more at every change of anything else.
func (e *exam) orders() {
	if !slices.ContainsFunc(gatewayVersions(e.gatewayPods()), func(v string) bool { return strings.HasPrefix(v, "3.") }) {
		return
	}
	var routes []rollout.Route
	for _, r := range e.Releases {
		if r.State.Phase.Active() {
			routes = append(routes, r.Plan.Routes...)
		}
	}
	if e.Wanted != nil {
		routes = append(routes, e.Wanted.Plan.Routes...)
	}
	seen := map[manifest.ID]bool{}
	for _, r := range routes {
		if id := r.Canary; !seen[id] && id.Name+"."+id.Namespace > r.Name+"."+id.Namespace {
			seen[id] = true
			e.find("mapping", id.String(), fmt.Sprintf("its name sorts behind that of its stable Mapping %s, and then its share grows in Emissary 3.10 with every change of another Mapping", r.Name),
				"use a --suffix that begins with a dash, such as -canary")
		}
	}
}

// target looks for the Service that a Mapping routes to.
func (e *exam) target(o object, s model.Service) {
	if s.Namespace != "" && s.Namespace != o.id.Namespace {
		return
	}
	if id := (manifest.ID{Kind: "Service", Namespace: o.id.Namespace, Name: s.Name}); e.absent(id) {
		e.find("mapping", o.id.String(), fmt.Sprintf("it routes to %s, which is not there, so its requests fail", id), "apply the Service, or correct spec.service")
	}
}

// drop gives why a Mapping of this installation that should get requests gets none.
func (e *exam) drop(o object) (reason string, dropped bool) {
	if o.value("spec", "host_redirect") == true || o.value("spec", "shadow") == true || o.value("spec", "ambassador_id") != nil {
		return "", false
	}
	for _, p := range e.routing().Posted {
		if p.Name == o.id.Name && p.Namespace == o.id.Namespace {
			return "", false // said already
		}
	}
	for _, d := range e.routing().Drops {
		if d.Mapping == o.id.Name && d.Namespace == o.id.Namespace {
			return d.Reason, !slices.ContainsFunc(e.routing().Groups, func(g model.Group) bool {
				return slices.ContainsFunc(g.Rows, func(row model.Row) bool {
					return row.Namespace == d.Namespace && row.Mapping == d.Mapping+"."+d.Namespace
				})
			})
		}
	}
	return "", false
}
