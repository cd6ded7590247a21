package model

import "sort"

// Configuration is what Emissary tells Envoy: a report, and the routes and
// clusters behind it. It is for programs that do Emissary's work in its place, as
// the gateway of the test cluster does; who only wants shares calls Evaluate.
// Routes on connections with TLS and TCPMappings are left out.
type Configuration struct {
	Report
	// Posted are the errors Emissary shows in its diagnostics. Report.Errors
	// has more: also what goes wrong in silence.
	Posted []Problem
	// Module is the configuration of the Module; empty when there is none.
	Module map[string]any
	// Ports are the HTTP Listeners that take at least one Host, in the order of
	// the Listeners.
	Ports []Port
	// Routes are all groups with routes, in the order in which Envoy tries them:
	// those of the report, those that redirect, and those of Emissary's probes.
	Routes []RouteGroup
	// Clusters are where requests go, by name.
	Clusters []Cluster
}

// Problem is an error Emissary posts about an object.
type Problem struct {
	Kind, Namespace, Name string
	Text                  string
}

// Port is an HTTP Listener with the virtual hosts it answers for without TLS.
type Port struct {
	Name   string // of the Listener; "" for the one that is assumed
	Number int    // 0 for the one that is assumed
	// SecurityModel is XFP, SECURE or INSECURE: whether a request counts as
	// secure by its header x-forwarded-proto, always, or never.
	SecurityModel string
	VirtualHosts  []VirtualHost
}

// VirtualHost is a Host on a Port.
type VirtualHost struct {
	Hostname string // a glob
	// Insecure is what becomes of requests that do not count as secure: Route,
	// Redirect (to https) or Reject.
	Insecure string
	Routes   []int // positions in Configuration.Routes of the groups it takes
}

// RouteGroup is a set of routes for the same requests.
type RouteGroup struct {
	Host     string // hostname glob; "" when there is none or a regular expression
	Prefix   string
	Headers  []Match // with :authority and :method, where they matter
	Query    []Match
	Internal bool // a probe of Emissary itself
	// Spec has the fields of which the group has one value: the core ones, those
	// of which the last member wins, and headers to add, which are merged.
	Spec     map[string]any
	Routes   []Route // in the order in which Envoy tries them
	Shadow   *Route  // gets a copy of the requests
	Redirect *Route  // answers instead of Routes
}

// Match is a header or query parameter that requests must have.
type Match struct {
	Name, Value string
	Any         bool // present, whatever the value
	Regex       bool
}

// Route is a Mapping as a route.
type Route struct {
	Mapping, Namespace string         // as in Row
	Spec               map[string]any // of the Mapping, as v3alpha1
	// Threshold is the number out of 100 below which a random number must be for
	// the route to be taken. It may be out of range; Envoy refuses a negative one.
	Threshold int
	Cluster   string
}

// Cluster is where the requests of one or more routes go.
type Cluster struct {
	Name, Stats string
	Host        string
	Port        int
	TLS         bool
	Namespace   string // of the Mapping it was made for
	Resolver    string // kind of the resolver
	// Spec has the fields of the Mapping the cluster was made for. Mappings that
	// share a cluster get what the first of them says.
	Spec map[string]any
}

// Configure computes what Emissary tells Envoy about a set of decoded Kubernetes
// objects; see Evaluate.
func Configure(objects []map[string]any, opts Options) Configuration {
	e := evaluate(objects, opts)
	out := Configuration{
		Report: e.report(), Posted: e.world.log.posts, Module: e.world.module.config,
		Clusters: e.world.made,
	}
	ordered := inOrder(e.groups)
	for _, g := range ordered {
		out.Routes = append(out.Routes, g.routes(e.world))
	}
	for _, l := range e.world.listeners {
		if l.http {
			if p := portOf(l, e.world.hosts.all, ordered); len(p.VirtualHosts) > 0 {
				out.Ports = append(out.Ports, p)
			}
		}
	}
	sort.SliceStable(out.Clusters, func(i, j int) bool { return out.Clusters[i].Name < out.Clusters[j].Name })
	return out
}

func portOf(l *listener, hosts []*host, ordered []*group) Port {
	p := Port{SecurityModel: l.model}
	if l.resource != nil {
		p.Name = l.name
		port, _ := number(l.spec["port"])
		p.Number = rounded(port)
	}
	cleartext, _ := l.chains(hosts)
	for _, name := range sortedKeys(cleartext) {
		h := cleartext[name]
		v := VirtualHost{Hostname: h.hostname, Insecure: h.action}
		for i, g := range ordered {
			if h.takes(g) {
				v.Routes = append(v.Routes, i)
			}
		}
		p.VirtualHosts = append(p.VirtualHosts, v)
	}
	return p
}

// routes gives the group the shape in which V3Route sees it (v3route.py).
func (g *group) routes(w *world) RouteGroup {
	out := RouteGroup{
		Host: g.host, Prefix: g.first.prefix, Internal: g.first.internal,
		Headers: matches(g.first.headers), Query: matches(g.first.query), Spec: g.flatten(w),
	}
	for _, row := range g.rows {
		out.Routes = append(out.Routes, route(g.members[row.position], row.threshold))
	}
	if g.shadow != nil {
		r := route(g.shadow, 100)
		out.Shadow = &r
	}
	if g.redirect != nil {
		r := route(g.redirect, 100)
		out.Redirect = &r
	}
	return out
}

func route(m *mapping, threshold int) Route {
	return Route{
		Mapping: m.alias, Namespace: m.namespace, Spec: m.spec,
		Threshold: threshold, Cluster: m.clusters.envoy,
	}
}

func matches(in []match) []Match {
	var out []Match
	for _, m := range in {
		out = append(out, Match{Name: m.name, Value: m.value, Any: m.any, Regex: m.regex})
	}
	return out
}

// flatten lifts the members' fields into the group (finalize in
// irhttpmappinggroup.py).
func (g *group) flatten(w *world) map[string]any {
	out := map[string]any{}
	for _, field := range MustEqualFields() {
		if v, found := g.first.spec[field]; found {
			out[field] = v
		}
	}
	members := g.byRank()
	if g.redirect != nil {
		members = append(members, g.redirect)
	}
	for _, m := range members {
		// case_sensitive is free, but who has none gets the group's.
		for _, field := range append(FlattenedFields(), "case_sensitive") {
			if v, found := m.orDefault(field, w); found {
				out[field] = v
			} else if field == "regex_rewrite" {
				// Emissary gives every Mapping an empty one, which wins like any other.
				delete(out, field)
			}
		}
		for _, field := range MergedFields() {
			merged := map[string]any{}
			v, _ := m.orDefault(field, w)
			for _, headers := range []any{out[field], v} {
				for name, value := range object(headers) {
					merged[name] = value
				}
			}
			if len(merged) > 0 {
				out[field] = merged
			}
		}
	}
	return out
}

// orDefault is a field of the Mapping or, for those that have one, the Module's
// default (AllowedKeys in irhttpmapping.py).
func (m *mapping) orDefault(field string, w *world) (any, bool) {
	v, found := m.spec[field]
	switch field {
	case "remove_request_headers", "remove_response_headers", "add_request_headers", "add_response_headers":
		if !found {
			v = w.module.fallback(field)
			found = v != nil
		}
	}
	return v, found
}
