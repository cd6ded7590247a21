package model

import "sort"

// Configuration is the configuration that Emissary gives Envoy: a report, and
// its routes and clusters. It is for programs that do Emissary's work, such as
// the gateway of the test cluster. For shares alone, call Evaluate. Routes on
// TLS connections and TCPMappings are left out.
type Configuration struct {
	Report
	// Posted holds the errors that Emissary shows in its diagnostics.
	// Report.Errors has more: it also reports what goes wrong silently.
	Posted []Problem
	// Module is the configuration of the Module, or empty if there is none.
	Module map[string]any
	// Ports holds the HTTP Listeners that have at least one Host, in the order
	// of the Listeners.
	Ports []Port
	// Routes holds all groups with routes, in the order in which Envoy tries
	// them: those of the report, those that redirect, and those of Emissary's
	// probes.
	Routes []RouteGroup
	// Clusters holds the destinations of requests, by name.
	Clusters []Cluster
}

// Problem is an error that Emissary posts about an object.
type Problem struct {
	Kind, Namespace, Name string
	Ingress               string // that Emissary made the object of; "" for others
	Text                  string
}

// Port is an HTTP Listener with the virtual hosts that it serves without TLS.
type Port struct {
	Name   string // of the Listener; "" for the assumed one
	Number int    // 0 for the assumed one
	// SecurityModel is XFP, SECURE or INSECURE: a request counts as secure by
	// its header x-forwarded-proto, always, or never.
	SecurityModel string
	VirtualHosts  []VirtualHost
}

// VirtualHost is a Host on a Port.
type VirtualHost struct {
	Hostname string // a glob
	// Insecure is the action for requests that do not count as secure: Route,
	// Redirect (to https) or Reject.
	Insecure string
	Routes   []int // indexes in Configuration.Routes of the groups that it serves
}

// RouteGroup is a set of routes for the same requests.
type RouteGroup struct {
	Host     string // hostname glob; "" if there is none or it is a regular expression
	Prefix   string
	Headers  []Match // including :authority and :method if they matter
	Query    []Match
	Internal bool // a probe of Emissary itself
	// Spec holds the fields that the group has only once: the core fields, the
	// fields whose last member wins, and the headers to add, which are merged.
	Spec     map[string]any
	Routes   []Route // in the order in which Envoy tries them
	Shadow   *Route  // gets a copy of the requests
	Redirect *Route  // answers instead of Routes
}

// Match is a header or query parameter that a request must have.
type Match struct {
	Name, Value string
	Any         bool // present, whatever the value
	Regex       bool
}

// Route is the route of a Mapping.
type Route struct {
	Mapping, Namespace string         // as in Row
	Name, Ingress      string         // as in Row
	Spec               map[string]any // of the Mapping, as v3alpha1
	// Threshold is a number out of 100. The route is taken if a random number
	// is below it. It may be out of range; Envoy rejects a negative one.
	Threshold int
	Cluster   string
}

// Cluster is the destination of the requests of one or more routes.
type Cluster struct {
	Name, Stats string
	Host        string
	Port        int
	TLS         bool
	Namespace   string // of the Mapping that it was made for
	Resolver    string // kind of the resolver
	// Spec holds the fields of the Mapping that the cluster was made for. If
	// Mappings share a cluster, it gets the fields of the first one.
	Spec map[string]any
}

// Configure computes the configuration that Emissary gives Envoy for a set of
// decoded Kubernetes objects; see Evaluate.
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
			if h.matches(g) {
				v.Routes = append(v.Routes, i)
			}
		}
		p.VirtualHosts = append(p.VirtualHosts, v)
	}
	return p
}

// routes returns the group as V3Route sees it (v3route.py).
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
		Mapping: m.alias, Namespace: m.namespace, Name: m.name, Ingress: m.ingress, Spec: m.spec,
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

// flatten copies the members' fields into the group (finalize in
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
		// Each member may set case_sensitive; one that does not gets the
		// group's value.
		for _, field := range append(FlattenedFields(), "case_sensitive") {
			if v, found := m.orDefault(field, w); found {
				out[field] = v
			} else if field == "regex_rewrite" {
				// Emissary gives a Mapping without regex_rewrite an empty
				// one, which wins like any other.
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

// orDefault returns a field of the Mapping, or the Module's default if the
// field can have one (AllowedKeys in irhttpmapping.py).
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
