package examine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/servicename"
)

// seeTraffic is advice: 'canarize traffic' shows the same problem.
const seeTraffic = "; canarize traffic --live shows what Emissary does with the Mappings"

// postedErrors adds the errors that Emissary posts about objects of the namespace and
// about all Mappings: those that it was asked for, and those that canarize computes.
func (x *exam) postedErrors(found *findings) {
	for _, p := range x.Posted {
		about := manifest.ID{Group: group, Kind: "Mapping", Namespace: p.Namespace, Name: p.Name}
		switch {
		case p.Name == "":
			found.add("emissary", "Emissary", "Emissary posts an error: "+p.Text, "correct it"+seeTraffic)
		case x.inScope(about):
			found.add("emissary", p.Namespace+"/"+p.Name, "Emissary posts an error: "+p.Text, "correct it"+seeTraffic)
		}
	}
	for _, p := range x.routing.Posted {
		about := manifest.ID{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}
		if p.Ingress != "" {
			about = ingressID(p.Namespace, p.Ingress)
		}
		if x.posts(p) || !x.inScope(about) && !slices.Contains([]string{"Host", "Listener", "Module"}, p.Kind) {
			continue
		}
		problem := "Emissary posts an error: it " + p.Text
		if x.Asked {
			problem = "it " + p.Text + ", although Emissary posts no error about it (yet)"
		}
		found.add("emissary", about.String(), problem, "correct it"+seeTraffic)
	}
	if x.Whole && len(x.Served[group]) > 0 && !x.listens() {
		found.add("emissary", "Listeners", "there is none, so Emissary takes no requests", "apply a Listener, as Emissary's quick start does")
	}
}

// posts reports whether Emissary itself posts an error about the object of p.
func (x *exam) posts(p model.Problem) bool {
	return slices.ContainsFunc(x.Posted, func(real doctor.Posted) bool { return real.Namespace == p.Namespace && real.Name == p.Name })
}

func (x *exam) listens() bool {
	return slices.ContainsFunc(x.Sorted(), func(o doctor.Object) bool { return o.ID.Kind == "Listener" })
}

// inScope reports whether a Mapping, or a Service that contains Mappings, is examined:
// one of the planned release, or without one any in the namespace.
func (x *exam) inScope(id manifest.ID) bool {
	if x.Wanted == nil {
		return id.Namespace == x.Namespace
	}
	for _, r := range x.Wanted.Plan.Routes {
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

// list returns the names of the first members of a group.
func list(all []member) string {
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

func (x *exam) members(g model.Group) (all, stable []member) {
	for _, row := range g.Rows {
		m := member{id: manifest.ID{Group: group, Kind: "Mapping", Namespace: row.Namespace, Name: row.Name}, share: row.Share}
		if row.Ingress != "" {
			m.id = ingressID(row.Namespace, row.Ingress)
		}
		m.canary = x.isCanary(m.id)
		all = append(all, m)
		if !m.canary {
			stable = append(stable, m)
		}
	}
	return all, stable
}

func ingressID(namespace, name string) manifest.ID {
	return manifest.ID{Group: "networking.k8s.io", Kind: "Ingress", Namespace: namespace, Name: name}
}

func (x *exam) isCanary(id manifest.ID) bool {
	o, found := x.Find(id)
	return found && o.IsCanary()
}

// groups looks for Mappings with the same requests that are not just a stable Mapping
// and its canary.
func (x *exam) groups(found *findings) {
	for _, g := range x.routing.Groups {
		all, stable := x.members(g)
		if rest := x.rest(g, all); len(stable) == 0 {
			stable = rest
		}
		scoped := slices.DeleteFunc(slices.Concat(stable, all), func(m member) bool { return !x.inScope(m.id) })
		if len(scoped) == 0 {
			continue
		}
		about := scoped[0].id.String()
		where := fmt.Sprintf("hostname %q, prefix %q", g.Host, g.Prefix)
		if g.Reach != nil && g.Reach.Sampled {
			where += fmt.Sprintf(", %s of the requests by their %s", g.Reach.Of, model.SampleHeader)
		}
		switch {
		case g.Reach != nil && g.Reach.Unserved != "":
			found.add("group", about, fmt.Sprintf("its group (%s) %s", where, g.Reach.Unserved),
				"give one of the two another prefix, hostname or header; delete one only if nobody needs its requests"+seeTraffic)
		case len(stable) > 1:
			found.add("group", about, fmt.Sprintf("its group (%s) has several members: %s; a canary's weight would not be its share", where, list(all)),
				"if one Mapping is to get all of these requests, give the others another prefix, hostname or header; if they share them on purpose, no exact canary is possible here"+seeTraffic)
		case len(stable) == 0:
			found.add("group", about, fmt.Sprintf("there is no stable Mapping beside it (%s), so it gets every request, whatever its weight", where),
				"apply the stable Mapping at once; without this one and without a stable one the requests fail")
		case len(all) == 1 && all[0].canary:
			found.add("group", about, fmt.Sprintf("it is left over from a share below 1 %%: it keeps its sample (%s) for the stable version", where), "delete it")
		case g.Unrouted > 0:
			found.add("group", about, fmt.Sprintf("%d %% of the requests of its group (%s) are routed nowhere", g.Unrouted, where), "if the stable Mapping is to get them, remove its weight")
		}
		if x.Whole && len(g.Hosts) == 0 && x.listens() {
			found.add("group", about, fmt.Sprintf("no Host accepts its group (%s), so it gets no requests", where), "apply a Host for it, or correct its hostname")
		}
	}
}

// rest returns the members of a sample that route to the stable version, as a pair of
// 'canarize generate' with a share below 1 % has one: those whose cluster a stable Mapping
// for the other requests has.
func (x *exam) rest(g model.Group, all []member) (rest []member) {
	if g.Reach == nil || !g.Reach.Sampled || g.Reach.Whole < 0 {
		return nil
	}
	whole := x.routing.Groups[g.Reach.Whole]
	others, _ := x.members(whole)
	stable := map[string]bool{} // by cluster
	for i, row := range whole.Rows {
		stable[row.Cluster] = stable[row.Cluster] || !others[i].canary
	}
	for i, row := range g.Rows {
		if stable[row.Cluster] {
			rest = append(rest, all[i])
		}
	}
	return rest
}

// mappings examines each Mapping.
func (x *exam) mappings(found *findings) {
	for _, o := range x.Sorted() {
		if o.ID.Group != group || !strings.HasSuffix(o.ID.Kind, "Mapping") || !x.inScope(o.ID) {
			continue
		}
		if reason, dropped := x.drop(o); dropped {
			found.add("mapping", o.ID.String(), "Emissary drops it: it "+reason, "correct it"+seeTraffic)
		}
		if weight := o.Value("spec", "weight"); weight != nil && !o.IsCanary() {
			found.add("mapping", o.ID.String(), fmt.Sprintf("it has a weight of its own (%v), so a canary beside it cannot have an exact share", weight), x.adviceOnWeight(o))
		}
		x.target(found, o)
	}
}

// adviceOnWeight returns the advice for a stable Mapping with a weight. Beside others it
// belongs to a split, and without it the Mapping would get another part of the requests.
func (x *exam) adviceOnWeight(o doctor.Object) string {
	for _, g := range x.routing.Groups {
		_, stable := x.members(g)
		if len(stable) > 1 && slices.ContainsFunc(stable, func(m member) bool { return m.id == o.ID }) {
			return "it shares its requests with other Mappings: end that split first; to remove the weight alone would change who gets them"
		}
	}
	return "if it is to get all of its requests, remove spec.weight"
}

// leads returns the Services to which Mappings and Emissary's Ingresses lead.
func (x *exam) leads() (services []manifest.ID) {
	add := func(service, namespace string) {
		address, err := servicename.ParseAddress(service)
		if name, known := servicename.Parse(address.Host); err == nil && known {
			services = append(services, manifest.ID{Kind: "Service", Namespace: cmp.Or(name.Namespace, namespace), Name: name.Service})
		}
	}
	for _, c := range x.routing.Clusters {
		add(c.Host, c.Namespace)
	}
	for _, o := range x.Sorted() { // also those that Emissary drops
		if o.ID.Group == group && strings.HasSuffix(o.ID.Kind, "Mapping") {
			add(o.Text("spec", "service"), o.ID.Namespace)
		}
	}
	return services
}

// sole returns the Mappings of canaries that have no stable Mapping beside them.
func (x *exam) sole() (ids []manifest.ID) {
	for _, g := range x.routing.Groups {
		all, stable := x.members(g)
		if len(stable) > 0 || len(x.rest(g, all)) > 0 {
			continue
		}
		for _, m := range all {
			ids = append(ids, m.id)
		}
	}
	return ids
}

// orders looks for canaries that Emissary 3.10 sorts after their stable Mapping: its
// cache then adds them to the group again with every change of another object.
func (x *exam) orders(found *findings) {
	if !slices.ContainsFunc(x.versions, func(v model.Version) bool { return v.Major == 3 }) {
		return
	}
	var routes []rollout.Route
	for _, r := range x.Releases {
		if r.State.Phase.Active() {
			routes = append(routes, r.Plan.Routes...)
		}
	}
	if x.Wanted != nil {
		routes = append(routes, x.Wanted.Plan.Routes...)
	}
	seen := map[manifest.ID]bool{}
	for _, r := range routes {
		if id := r.Canary; id.Group == group && !seen[id] && id.Name+"."+id.Namespace > r.Name+"."+id.Namespace {
			seen[id] = true
			found.add("mapping", id.String(), fmt.Sprintf("its name sorts after that of its stable Mapping %s; in Emissary 3.10 its share then grows with every change of another Mapping", r.Name),
				"use a --suffix that begins with a dash, such as -canary")
		}
	}
}

// target looks for the Service that a Mapping routes to.
func (x *exam) target(found *findings, o doctor.Object) {
	spec, _ := o.Value("spec").(map[string]any)
	if _, kind := x.upstreams.Resolver(spec); !model.IsKubernetes(kind) {
		return
	}
	address, err := servicename.ParseAddress(o.Text("spec", "service"))
	s, known := servicename.Parse(address.Host)
	if err != nil || !known || s.Namespace != "" && s.Namespace != o.ID.Namespace {
		return
	}
	if id := (manifest.ID{Kind: "Service", Namespace: o.ID.Namespace, Name: s.Service}); x.Missing(id) {
		found.add("mapping", o.ID.String(), fmt.Sprintf("it routes to %s, which does not exist, so its requests fail", id), "apply the Service, or correct spec.service")
	}
}

// drop returns why a Mapping of this installation gets no requests although it should.
func (x *exam) drop(o doctor.Object) (reason string, dropped bool) {
	if o.Value("spec", "host_redirect") == true || o.Value("spec", "shadow") == true || o.Value("spec", "ambassador_id") != nil {
		return "", false
	}
	for _, p := range x.routing.Posted {
		if p.Kind == o.ID.Kind && p.Name == o.ID.Name && p.Namespace == o.ID.Namespace {
			return "", false // already reported
		}
	}
	drops := x.routing.Drops
	if o.ID.Kind == "TCPMapping" {
		drops = x.routing.TCPDrops
	}
	for _, d := range drops {
		if d.Mapping == o.ID.Name && d.Namespace == o.ID.Namespace {
			return d.Reason, !d.Alias
		}
	}
	return "", false
}
