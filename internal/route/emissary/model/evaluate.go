package model

import "sort"

// Evaluate computes what Emissary does with a set of decoded Kubernetes
// objects. It uses Mappings (v1, v2, v3alpha1), TCPMappings, Hosts, Modules,
// Listeners, resolvers and TLSContexts, including those in the
// getambassador.io/config annotation of a Service or Ingress and those that
// Emissary makes of an Ingress of its class, and ignores other objects. If the set has no Host, it assumes one for *; if it has no HTTP
// Listener, it assumes one for all Hosts. It assumes neither if the set is
// complete. It does not change the objects.
func Evaluate(objects []map[string]any, opts Options) Report {
	return evaluate(objects, opts).report()
}

// evaluation holds the results after all groups are finished.
type evaluation struct {
	all    []*resource
	groups []*group
	tcp    []TCPGroup
	world  *world
}

func evaluate(objects []map[string]any, opts Options) evaluation {
	log := &journal{}
	c := collect(objects, opts, log)
	w := newWorld(c, opts, log)

	var mappings []*mapping
	names := nameCache{}
	for _, r := range c.mappings {
		if m := newMapping(r, w); m != nil && !names.takesOther(r, m.groupID, w) {
			mappings = append(mappings, m)
		}
	}
	mappings = append(mappings, probes(w)...)
	groups := groupUp(mappings, log)
	for _, g := range groups {
		g.finish(w)
	}
	tcp := groupTCP(c.tcp, w)
	disableIdle(w.listeners, log)
	return evaluation{all: c.all, groups: groups, tcp: tcp, world: w}
}

func (e evaluation) report() Report {
	log := e.world.log
	report := Report{TCPGroups: e.tcp, Groups: assemble(e.groups, e.world)}
	report.Drops = drops(e.all, report.Groups)
	report.TCPDrops = tcpDrops(e.all, e.tcp)
	report.Dropped = make([]string, len(report.Drops))
	for i, d := range report.Drops {
		report.Dropped[i] = d.Mapping
	}
	report.Error = log.posted
	report.Errors = append([]string{}, log.texts...)
	report.Uncounted = log.uncounted
	return report
}

// probes returns the Mappings that Emissary makes for its own health checks and
// diagnostics (irambassador.py). A probe joins a group of ours that has its
// prefix.
func probes(w *world) []*mapping {
	var out []*mapping
	for _, p := range []struct{ field, name, prefix string }{
		{"liveness_probe", "internal_liveness_probe_mapping", "/ambassador/v0/check_alive"},
		{"readiness_probe", "internal_readiness_probe_mapping", "/ambassador/v0/check_ready"},
		{"diagnostics", "internal_diagnostics_probe_mapping", "/ambassador/v0/"},
	} {
		spec := map[string]any{"prefix": p.prefix, "rewrite": p.prefix, "service": "127.0.0.1:8877", "hostname": "*"}
		if own, found := w.module.config[p.field]; found {
			if !truthy(object(own)["enabled"]) {
				continue
			}
			for _, field := range []string{"prefix", "rewrite", "service"} {
				if v := text(object(own)[field]); v != "" {
					spec[field] = v
				}
			}
		}
		r := &resource{kind: "InternalMapping", name: p.name, alias: p.name, namespace: w.opts.Namespace, spec: spec}
		if m := newMapping(r, w); m != nil {
			m.internal = true
			out = append(out, m)
		}
	}
	return out
}

// inOrder returns the groups with routes in the order in which Envoy tries them
// (ordered_groups in ir.py).
func inOrder(groups []*group) []*group {
	sorted := make([]*group, 0, len(groups))
	for i := len(groups) - 1; i >= 0; i-- {
		if len(groups[i].members) > 0 || groups[i].redirect != nil {
			sorted = append(sorted, groups[i])
		}
	}
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].rank.compare(sorted[j].rank) > 0 })
	return sorted
}

// assemble converts the groups in which Mappings have a share to the form of
// the report.
func assemble(groups []*group, w *world) []Group {
	used := map[string]bool{}
	for _, g := range groups {
		g.virtual, g.hosts = w.hosts.matching(g)
		for _, m := range g.members {
			if len(g.hosts) > 0 {
				used[m.clusters.envoy] = true
			}
		}
	}
	ordered := inOrder(groups)
	w.reach(ordered)
	out := []Group{}
	whole := map[string]int{} // by base, the group without a sample
	var bases []string
	for _, g := range ordered {
		if len(g.members) == 0 || g.first.internal {
			continue
		}
		if _, found := whole[g.base]; !found && !g.sampled {
			whole[g.base] = len(out)
		}
		bases = append(bases, g.base)
		out = append(out, g.report(used))
		if r := out[len(out)-1].Reach; r != nil && r.Unserved != "" {
			w.log.warn(g.first.String() + ": its group " + r.Unserved)
		}
	}
	for i, g := range out {
		if at, found := whole[bases[i]]; found && g.Reach != nil && g.Reach.Sampled {
			g.Reach.Whole = at
		}
	}
	return out
}

func (g *group) report(used map[string]bool) Group {
	percent, unrouted := shares(g.rows)
	out := Group{Host: g.host, Prefix: g.first.prefix, Unrouted: unrouted, Hosts: g.hosts, Shadows: []string{}, Rows: []Row{}}
	if g.shadow != nil {
		out.Shadows = append(out.Shadows, g.shadow.alias)
	}
	for i, row := range g.rows {
		m := g.members[row.position]
		out.Rows = append(out.Rows, Row{
			Mapping: m.alias, Namespace: m.namespace, Share: percent[i],
			Cluster: m.clusters.envoy, Stats: m.clusters.stats, Ingress: m.ingress, Name: m.name,
		})
		out.Routed = out.Routed || used[m.clusters.envoy]
	}
	out.Reach = g.portion.report(g, percent)
	return out
}

// drops returns the Mappings that no group lists by their name.
func drops(all []*resource, groups []Group) []Drop {
	type key struct{ name, namespace string }
	rows, shadows := map[key]bool{}, map[string]bool{}
	for _, g := range groups {
		for _, row := range g.Rows {
			rows[key{row.Mapping, row.Namespace}] = true
		}
		for _, s := range g.Shadows {
			shadows[s] = true
		}
	}
	out := []Drop{}
	for _, r := range all {
		if r.kind != "Mapping" || rows[key{r.name, r.namespace}] || shadows[r.name] {
			continue
		}
		out = append(out, r.drop(rows[key{r.alias, r.namespace}] || shadows[r.alias]))
	}
	sortDrops(out)
	return out
}

// tcpDrops returns the TCPMappings that no group lists.
func tcpDrops(all []*resource, groups []TCPGroup) []Drop {
	type key struct{ alias, namespace string }
	rows := map[key]bool{}
	for _, g := range groups {
		for _, row := range g.Rows {
			rows[key{row.Mapping, row.Namespace}] = true
		}
	}
	var out []Drop
	for _, r := range all {
		if r.kind == "TCPMapping" && (!rows[key{r.alias, r.namespace}] || r.refused != "") {
			out = append(out, r.drop(false))
		}
	}
	sortDrops(out)
	return out
}

// drop describes a Mapping that no group lists under its name. listed means that one
// lists it under its alias.
func (r *resource) drop(listed bool) Drop {
	d := Drop{Mapping: r.name, Namespace: r.namespace, Ingress: r.ingress, Reason: r.reason(), Alias: listed}
	if listed {
		d.Reason = "is called " + r.alias + " by Emissary, because another namespace has a Mapping with the same name"
	}
	return d
}

func sortDrops(all []Drop) {
	sort.SliceStable(all, func(i, j int) bool {
		if all[i].Mapping != all[j].Mapping {
			return all[i].Mapping < all[j].Mapping
		}
		return all[i].Namespace < all[j].Namespace
	})
}

// reason returns why no group lists a Mapping.
func (r *resource) reason() string {
	switch {
	case r.foreign:
		return "is for another ambassador_id"
	case r.ignored:
		return "has an apiVersion that Emissary does not watch"
	case r.refused != "":
		return r.refused
	case truthy(r.spec["host_redirect"]):
		return "redirects and has no share"
	case truthy(r.spec["shadow"]):
		return "shadows nothing: no Mapping of its group gets requests"
	}
	return "is replaced by a later definition of the same name"
}
