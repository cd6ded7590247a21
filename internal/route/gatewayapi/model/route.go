package model

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of a route (HTTPRouteSpec, HTTPRouteRule, GRPCRouteSpec, CommonRouteSpec).
const (
	maxParents, maxHostnames = 32, 16
	maxRules, maxFilters     = 16, 16
	maxBackends              = 16
	maxMatches               = 64  // of a rule
	maxMatchesOfRoute        = 128 // of all rules
	maxConditions            = 16  // headers or query parameters of a match
	maxWeight                = 1_000_000
)

// route is an HTTPRoute or GRPCRoute.
type route struct {
	id        ID
	grpc      bool
	created   time.Time // zero if the object does not say
	last      bool      // it will be created after all others
	parents   []parent
	hostnames []string // empty means those of the listener
	rules     []*rule
}

// parent is a reference to what a route attaches to (ParentReference).
type parent struct {
	group, kind, namespace, name string
	section                      string // "" means every listener
	port                         int64  // 0 means every port
	path                         []string
}

// id names a parent, with its group if that is not the Gateway's.
func (p parent) id() ID {
	if p.group != APIGroup {
		return ID{strings.TrimPrefix(p.group+"/"+p.kind, "/"), p.namespace, p.name}
	}
	return ID{p.kind, p.namespace, p.name}
}

func (p parent) isGateway() bool { return p.group == APIGroup && p.kind == "Gateway" }

// rule is a rule of a route.
type rule struct {
	route    *route
	index    int
	path     []string
	matches  []*match // at least one
	filters  []string // types
	redirect bool     // the gateway answers the requests with a redirect
	backends []backend
	mirrors  []mirror
	sticky   bool // sessions stay with their backend
	shares   shares
}

// label names the rule in messages that name the route already.
func (r *rule) label() string { return "rules[" + strconv.Itoa(r.index) + "]" }

// match is one way to match a rule; all its conditions have to fit.
type match struct {
	rule    *rule
	index   int
	field   []string // path in the object
	path    pattern  // of an HTTP request
	method  string   // of an HTTP request; "" means any
	headers []condition
	query   []condition
	// service and rpc compare the names in a gRPC request.
	service, rpc pattern
}

func (m *match) String() string {
	var parts []string
	switch {
	case m.rule.route.grpc && m.service.kind == everything && m.rpc.kind == everything:
		parts = append(parts, "every gRPC method")
	case m.rule.route.grpc:
		name := func(p pattern) string { return cmp.Or(strings.TrimPrefix(p.String(), "= "), "*") }
		parts = append(parts, name(m.service)+"/"+name(m.rpc))
	case m.method != "":
		parts = append(parts, m.method+" "+m.path.String())
	default:
		parts = append(parts, m.path.String())
	}
	for _, h := range m.headers {
		parts = append(parts, h.String())
	}
	for _, q := range m.query {
		parts = append(parts, "?"+q.String())
	}
	return strings.Join(parts, ", ")
}

// backend is a target of requests (BackendRef).
type backend struct {
	Backend
	weight  int64
	filters []string // types
	path    []string
}

// mirror is a target of copies of requests (HTTPRequestMirrorFilter).
type mirror struct {
	backend
	numerator, denominator int64
}

// readRoute reads an HTTPRoute or GRPCRoute.
func readRoute(o map[string]any, id ID) (*route, *reader) {
	r := &reader{id: id}
	out := &route{id: id, grpc: id.Kind == "GRPCRoute"}
	if created, err := time.Parse(time.RFC3339, text(object(o["metadata"])["creationTimestamp"])); err == nil {
		out.created = created
	}
	spec := node{r, []string{"spec"}, o["spec"]}
	spec.object("parentRefs useDefaultGateways hostnames rules")
	for _, n := range spec.get("parentRefs").items(maxParents) {
		out.parents = append(out.parents, readParent(n, id))
	}
	for _, n := range spec.get("hostnames").items(maxHostnames) {
		out.hostnames = append(out.hostnames, readHostname(n))
	}
	rules := spec.get("rules")
	if rules.missing() && !out.grpc {
		rules.v = []any{map[string]any{}} // the default: one rule for everything
	}
	total := 0
	for _, n := range rules.items(maxRules) {
		rule := readRule(n, out)
		out.rules = append(out.rules, rule)
		total += len(rule.matches)
	}
	if total > maxMatchesOfRoute {
		rules.refuse("have %d matches, and at most %d are allowed", total, maxMatchesOfRoute)
	}
	return out, r
}

func readParent(n node, of ID) parent {
	n.object("group kind namespace name sectionName port")
	return parent{
		group:     n.get("group").text(APIGroup),
		kind:      n.get("kind").text("Gateway"),
		namespace: n.get("namespace").text(of.Namespace),
		name:      n.get("name").name(253),
		section:   n.get("sectionName").text(""),
		port:      n.get("port").number(0, 1, 65535),
		path:      n.path,
	}
}

func readRule(n node, of *route) *rule {
	index, _ := strconv.Atoi(n.path[len(n.path)-1])
	out := &rule{route: of, index: index, path: n.path}
	if of.grpc {
		n.object("name matches filters backendRefs sessionPersistence")
	} else {
		n.object("name matches filters backendRefs timeouts retry sessionPersistence")
	}
	out.sticky = !n.get("sessionPersistence").missing()
	matches := n.get("matches").items(maxMatches)
	if len(matches) == 0 { // then the rule matches everything
		matches = []node{n.get("matches").step("0", map[string]any{})}
	}
	for i, m := range matches {
		read := readMatch
		if of.grpc {
			read = readGRPCMatch
		}
		one := read(m)
		one.rule, one.index, one.field = out, i, m.path
		out.matches = append(out.matches, one)
	}
	for _, f := range n.get("filters").items(maxFilters) {
		out.filters = append(out.filters, out.readFilter(f))
	}
	refs := n.get("backendRefs")
	for _, b := range refs.items(maxBackends) {
		out.backends = append(out.backends, out.readBackend(b))
	}
	out.redirect = slices.Contains(out.filters, "RequestRedirect")
	if out.redirect && len(out.backends) > 0 {
		refs.refuse("stand beside a RequestRedirect")
	}
	if out.redirect && slices.Contains(out.filters, "URLRewrite") {
		n.get("filters").refuse("have RequestRedirect and URLRewrite")
	}
	return out
}

// pathForm matches a path, and notInPath what the path of an exact or prefix match may not
// have (HTTPPathMatch).
var (
	pathForm  = regexp.MustCompile(`^/(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})*$`)
	notInPath = regexp.MustCompile(`//|/\.{1,2}(/|$)|%2[fF]`)
)

func readMatch(n node) *match {
	n.object("path headers queryParams method")
	path := n.get("path")
	path.object("type value")
	value := path.get("value")
	m := &match{
		path:   newPattern(kind(path.get("type").oneOf("PathPrefix", "Exact PathPrefix RegularExpression")), value.text("/")),
		method: n.get("method").oneOf("", "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH"),
	}
	switch {
	case len(m.path.text) > 1024:
		value.refuse("has more than 1024 characters")
	case m.path.kind != regular && (!pathForm.MatchString(m.path.text) || notInPath.MatchString(m.path.text)):
		value.refuse("is %q, expected a path such as /cart", m.path.text)
	}
	m.headers = readConditions(n.get("headers"), strings.ToLower, 4096)
	m.query = readConditions(n.get("queryParams"), func(name string) string { return name }, 1024)
	return m
}

var (
	serviceForm = regexp.MustCompile(`^(?i)\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$`)
	methodForm  = regexp.MustCompile(`^[A-Za-z_][A-Za-z_0-9]*$`)
)

func readGRPCMatch(n node) *match {
	n.object("method headers")
	method := n.get("method")
	method.object("type service method")
	m := &match{headers: readConditions(n.get("headers"), strings.ToLower, 4096)}
	k := kind(method.get("type").oneOf("Exact", "Exact RegularExpression"))
	read := func(name string, form *regexp.Regexp, what string) pattern {
		at := method.get(name)
		value := at.text("")
		switch {
		case value == "": // any
			return pattern{}
		case len(value) > 1024:
			at.refuse("has more than 1024 characters")
		case k == exact && !form.MatchString(value):
			at.refuse("is %q, which is no %s", value, what)
		}
		return newPattern(k, value)
	}
	m.service, m.rpc = read("service", serviceForm, "name of a gRPC service"), read("method", methodForm, "name of a gRPC method")
	if !method.missing() && m.service.kind == everything && m.rpc.kind == everything {
		method.refuse("has neither a service nor a method")
	}
	return m
}

var tokenForm = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+\\-.^_`|~]+$")

// readConditions reads header or query parameter matches. The names of headers do not
// depend on case. Of entries with equivalent names only the first counts
// (HTTPHeaderMatch, HTTPQueryParamMatch, GRPCHeaderMatch).
func readConditions(n node, canonical func(string) string, most int) (out []condition) {
	names, written := map[string]bool{}, map[string]bool{}
	for _, c := range n.items(maxConditions) {
		c.object("type name value")
		at := c.get("name")
		name := at.pattern(tokenForm, 256, "name of a header or parameter")
		k := kind(c.get("type").oneOf("Exact", "Exact RegularExpression"))
		value := newPattern(k, c.get("value").name(most))
		switch {
		case written[name]:
			at.refuse("is %q for the second time", name)
		case names[canonical(name)]:
			at.say("is %q, and an earlier entry has the same name: this one is ignored", name)
		default:
			out = append(out, condition{canonical(name), value})
		}
		names[canonical(name)], written[name] = true, true
	}
	return out
}

// fieldOf returns the field of a filter that belongs to a type.
func fieldOf(filter string) string {
	switch filter {
	case "CORS":
		return "cors"
	case "URLRewrite":
		return "urlRewrite"
	}
	return strings.ToLower(filter[:1]) + filter[1:]
}

const (
	filtersOfGRPC = "RequestHeaderModifier ResponseHeaderModifier RequestMirror ExtensionRef"
	filtersOfHTTP = filtersOfGRPC + " RequestRedirect URLRewrite CORS ExternalAuth"
)

// readFilter reads a filter of the rule, or of a backend of it, and returns its type.
func (r *rule) readFilter(n node) string {
	types := filtersOfHTTP
	if r.route.grpc {
		types = filtersOfGRPC
	}
	fields := []string{"type"}
	for _, t := range strings.Fields(types) {
		fields = append(fields, fieldOf(t))
	}
	n.object(strings.Join(fields, " "))
	typ := n.get("type").oneOf("", types)
	if typ == "" || !slices.Contains(strings.Fields(types), typ) {
		if n.get("type").missing() {
			n.get("type").refuse("is missing")
		}
		return typ
	}
	for _, name := range fields[1:] {
		switch f := n.get(name); {
		case name == fieldOf(typ) && f.missing():
			f.refuse("is missing")
		case name != fieldOf(typ) && !f.missing():
			f.refuse("stands in a filter of type %s", typ)
		}
	}
	replaces := n.get(fieldOf(typ)).get("path").get("type")
	if text(replaces.v) == "ReplacePrefixMatch" && (len(r.matches) != 1 || r.matches[0].path.kind != prefix) {
		replaces.refuse("is ReplacePrefixMatch, so the rule needs exactly one match, with a PathPrefix")
	}
	if typ == "RequestMirror" {
		r.mirrors = append(r.mirrors, r.readMirror(n.get("requestMirror")))
	}
	return typ
}

// readMirror reads where copies of requests go. Without a percentage or a fraction all
// requests are copied.
func (r *rule) readMirror(n node) mirror {
	n.object("backendRef percent fraction")
	percent, fraction := n.get("percent"), n.get("fraction")
	fraction.object("numerator denominator")
	m := mirror{backend: r.readReference(n.get("backendRef"), "group kind name namespace port"), numerator: percent.number(100, 0, 100), denominator: 100}
	if !fraction.missing() {
		m.numerator = fraction.get("numerator").number(0, 0, 1<<31-1)
		m.denominator = fraction.get("denominator").number(100, 1, 1<<31-1)
		if !percent.missing() {
			n.refuse("has a percent and a fraction")
		}
		if m.numerator > m.denominator {
			fraction.refuse("is more than 1")
		}
	}
	return m
}

func (r *rule) readBackend(n node) backend {
	b := r.readReference(n, "group kind name namespace port weight filters")
	b.weight = n.get("weight").number(1, 0, maxWeight)
	for _, f := range n.get("filters").items(maxFilters) {
		b.filters = append(b.filters, r.readFilter(f))
	}
	return b
}

// readReference reads a reference to a backend (BackendObjectReference).
func (r *rule) readReference(n node, fields string) backend {
	n.object(fields)
	b := backend{path: n.path, Backend: Backend{
		Group:     n.get("group").text(""),
		Kind:      n.get("kind").text("Service"),
		Namespace: n.get("namespace").text(r.route.id.Namespace),
		Name:      n.get("name").name(253),
		Port:      n.get("port").number(0, 1, 65535),
	}}
	if port := n.get("port"); b.isService() && port.missing() {
		port.refuse("is missing, and a Service needs one")
	}
	return b
}
