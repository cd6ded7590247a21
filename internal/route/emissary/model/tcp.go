package model

import (
	"fmt"
	"strings"
)

// tcpGroup is a set of TCPMappings on one port, while it is built.
type tcpGroup struct {
	first    *resource
	members  []*resource
	keys     map[string]bool
	unserved string // why no connection reaches it; "" if one may
}

// tcpCore returns the fields on which all members of a TCP group must agree
// (CoreMappingKeys in irtcpmappinggroup.py). Only HTTP has labels.
func tcpCore() []string {
	return []string{"address", "circuit_breakers", "enable_ipv4", "enable_ipv6", "host", "idle_timeout_ms", "port", "tls"}
}

// checkTCPMapping returns what validation rejects in a TCPMapping's spec, or "".
func checkTCPMapping(spec map[string]any) string {
	if _, ok := number(spec["port"]); !ok {
		return "has no port that is a number: Emissary ignores it"
	}
	if _, ok := spec["service"].(string); !ok {
		return "has no service: Emissary ignores it"
	}
	if weight, found := spec["weight"]; found {
		if _, ok := number(weight); !ok {
			return "has a wrong value in weight: Emissary ignores the whole TCPMapping"
		}
	}
	return ""
}

// groupTCP sorts TCPMappings into groups and computes their shares
// (irtcpmapping.py, irtcpmappinggroup.py).
func groupTCP(resources []*resource, w *world) []TCPGroup {
	var groups []*tcpGroup
	byID := map[string]*tcpGroup{}
	names := nameCache{}
	for _, r := range resources {
		if _, ok := breakersOf(r, w); !ok {
			r.refused = "has circuit_breakers that are not valid: Emissary ignores it"
			w.log.post(r, r.refused)
			continue
		}
		if w.resolverKind(r) == "" {
			r.refused = fmt.Sprintf("has the resolver %q, which is not defined: Emissary ignores it", w.resolverName(r))
			w.log.post(r, r.refused)
			continue
		}
		id := or(text(r.spec["address"]), "*") + plain(r.spec["port"]) + or(text(r.spec["host"]), "*")
		if names.takesOther(r, id, w) {
			continue
		}
		g := byID[id]
		if g == nil {
			g = &tcpGroup{first: r, keys: map[string]bool{}}
			byID[id] = g
			groups = append(groups, g)
		}
		g.add(r, w)
	}
	var out []TCPGroup
	for _, g := range groups {
		out = append(out, g.finish(w))
	}
	w.listen(groups)
	for i, g := range groups {
		out[i].Unserved = g.unserved
	}
	return out
}

// listen assigns TCP groups to their ports (compute_tcpchains in
// v3listener.py). If two groups need the same port and host, the later one
// wins.
func (w *world) listen(groups []*tcpGroup) {
	taken := map[string]*resource{}
	for i := len(groups) - 1; i >= 0; i-- {
		g := groups[i]
		r := g.first
		name := text(r.spec["host"])
		if name != "" && !w.terminates(name) {
			g.unserved = "has a host, but no TLSContext or Host terminates TLS for it: Emissary disables it"
			w.log.post(r, g.unserved)
			continue
		}
		bind := bindTo("tcp", text(r.spec["address"]), r.spec["port"])
		if winner := taken[bind+" "+name]; winner != nil {
			g.unserved = fmt.Sprintf("listens on the same port and host as %s: Emissary ignores it", winner)
			w.log.post(r, g.unserved)
			continue
		}
		taken[bind+" "+name] = r
		for _, l := range w.listeners {
			l.used = l.used || l.bind == bind
		}
	}
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func breakersOf(r *resource, w *world) (any, bool) {
	breakers := r.spec["circuit_breakers"]
	if breakers == nil {
		breakers = w.module.breakers
	}
	if breakers == nil {
		return nil, true
	}
	_, ok := breakerIDs(breakers)
	return breakers, ok
}

func (g *tcpGroup) add(r *resource, w *world) {
	if g.keys[cacheKey(r)] {
		r.refused = sameKey(r)
		w.log.warn(r.String() + ": " + r.refused)
		return
	}
	var fields []string
	for _, field := range tcpCore() {
		have, found := g.first.spec[field]
		want, asked := r.spec[field]
		if field == "circuit_breakers" {
			have, _ = breakersOf(g.first, w)
			want, _ = breakersOf(r, w)
			found, asked = true, true
		}
		if asked && (!found || !equal(have, want)) {
			fields = append(fields, field)
		}
	}
	if len(fields) > 0 {
		r.refused = fmt.Sprintf("has another %s than %s, which defines the group: Emissary drops it from the group", strings.Join(fields, ", "), g.first)
		w.log.post(r, r.refused)
		return
	}
	g.keys[cacheKey(r)] = true
	g.members = append(g.members, r)
}

func (g *tcpGroup) finish(w *world) TCPGroup {
	out := TCPGroup{Address: text(g.first.spec["address"]), Port: plain(g.first.spec["port"]), Host: text(g.first.spec["host"])}
	rows := make([]weighed, len(g.members))
	for i, r := range g.members {
		weight, weighted := number(r.spec["weight"])
		rows[i] = weighed{name: r.String(), weight: weight, weighted: weighted, position: i}
		w.nameTCP(r)
	}
	sorted, err := normalise(rows)
	if err != nil {
		w.log.post(g.first, "in its group, "+err.Error())
	}
	weights := tcpWeights(sorted, w.opts.Version)
	total := 0
	for _, weight := range weights {
		total += weight
	}
	for i, row := range sorted {
		share := 0.0
		if total > 0 {
			share = 100 * float64(weights[i]) / float64(total)
		}
		r := g.members[row.position]
		out.Rows = append(out.Rows, TCPRow{Mapping: r.alias, Name: r.name, Namespace: r.namespace, Share: share})
	}
	return out
}

// nameTCP names the cluster of a TCPMapping, only to collect Emissary's errors
// about it.
func (w *world) nameTCP(r *resource) {
	namespace := ""
	if r.namespace != w.opts.Namespace && !w.module.ownNamespaceOnly && w.resolverKind(r) != "ConsulResolver" {
		namespace = r.namespace
	}
	service, err := qualify(text(r.spec["service"]), namespace)
	if err != nil {
		w.log.post(r, fmt.Sprintf("has the malformed service %q: %v", text(r.spec["service"]), err))
	}
	breakers, _ := breakersOf(r, w)
	ids, _ := breakerIDs(breakers)
	w.register(r, clusterRequest{
		marker: text(r.spec["cluster_tag"]), service: service, namespace: r.namespace,
		tls: r.spec["tls"], breakers: ids, loadBalancer: w.module.balancer,
	})
}

// terminates reports whether TLS for a server name is terminated by a Host with
// a secret, or by a TLSContext that lists the name.
func (w *world) terminates(name string) bool {
	for _, h := range w.hosts.all {
		if h.tls && globsMeet(h.hostname, name) {
			return true
		}
	}
	return w.contextHosts[name]
}
