package migrate

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// rule is a group of Mappings as a rule of a route. It answers as the group does, by the
// letter of the specification; verify checks that.
type rule struct {
	main      *group
	grpc      bool
	namespace string
	// at is the path on which its conditions stand: its own, or that of a neighbour whose
	// prefix would take a path of this one.
	at        path
	methods   []string // one match for each; empty means any
	headers   []condition
	query     []condition
	filters   filters
	timeout   string
	backends  []backend
	rewrite   string // of Emissary; "" if it leaves the path as it is
	redirects *redirect
}

// perMatch returns the rule, or one for each of its methods if it replaces a prefix: such a
// rule has exactly one match (HTTPRouteRule).
func (r *rule) perMatch() (out []*rule) {
	replaces := r.rewrite != "" && !r.keepsPath() || r.redirects != nil && r.redirects.path != "" && !r.redirects.full
	if r.at.kind != "PathPrefix" || !replaces || len(r.methods) < 2 {
		return []*rule{r}
	}
	for _, method := range r.methods {
		one := *r
		one.methods = []string{method}
		out = append(out, &one)
	}
	return out
}

// path is a path match of a route.
type path struct {
	kind  string // Exact, PathPrefix or RegularExpression
	value string // without the / at its end
}

// key identifies the paths among which the order of rules decides.
func (p path) key() string {
	if p.kind == "RegularExpression" {
		return "~"
	}
	return p.value
}

type condition struct{ name, kind, value string }

type backend struct {
	namespace, service string
	port               int
	weight             int // 0 of 0 if it is the only one
	member             *member
}

// filters are the filters of a rule, as the values of their fields.
type filters struct {
	host            string // in the request to the service
	request, answer headerChange
	mirror          *backend
	percent         int // of the mirror
	cors            map[string]any
}

// headerChange is the value of a header modifier.
type headerChange struct {
	add, set map[string]string
	remove   []string
}

// redirect is the answer of a gateway that redirects.
type redirect struct {
	host string
	path string // "" keeps the path
	full bool   // path replaces all of it, and not only the prefix
	code int
}

// translation translates one group.
type translation struct {
	*migration
	g *group
}

// refuse records why the group cannot move. The path is that of a field of its first member
// that has it.
func (t *translation) refuse(field, format string, args ...any) {
	m := t.g.members[0]
	for _, other := range t.g.members {
		if _, found := other.spec[field]; found {
			m = other
			break
		}
	}
	m.refuse([]string{"spec", field}, field+": "+format, args...)
}

// translate returns a group as a rule. It returns nil if the group cannot move, after
// recording the reasons.
func (m *migration) translate(g *group) *rule {
	t := &translation{m, g}
	for _, one := range g.members {
		moved, idle, reasons := sortFields(one.spec)
		one.moved, one.idle = moved, idle
		one.reasons = append(one.reasons, reasons...)
		for _, name := range ofModule {
			if _, own := one.spec[name]; !own && name != "cors" && name != "load_balancer" && set(m.config.Module[name]) {
				one.refuse(nil, "%s of the Module: %s", name, lookUp(name).why)
			}
		}
	}
	r := &rule{main: g, namespace: g.name().namespace}
	t.readPath(r)
	t.readConditions(r)
	t.readFilters(r)
	t.readBackends(r)
	t.checkBalancer()
	if g.refused() {
		return nil
	}
	return r
}

// same returns a field on which all answering members have to agree, because a rule has it
// only once.
func (t *translation) same(field string, missing any) any {
	value := func(m *member) any {
		if v, found := m.spec[field]; found {
			return v
		}
		return missing
	}
	first := value(t.g.answering()[0])
	for _, m := range t.g.answering()[1:] {
		if fmt.Sprint(value(m)) != fmt.Sprint(first) {
			t.refuse(field, "the members of the group differ, and a rule has only one")
		}
	}
	return first
}

// partial matches a prefix that ends inside of a path element.
var partial = regexp.MustCompile(`[^A-Za-z0-9/]$`)

func (t *translation) readPath(r *rule) {
	first := t.g.first()
	prefix := text(first["prefix"])
	r.grpc = set(t.same("grpc", false))
	switch {
	case set(first["prefix_regex"]):
		r.at = path{"RegularExpression", anchored(prefix)}
	case !strings.HasPrefix(prefix, "/"):
		t.refuse("prefix", "it begins with no /, so no request fits it")
		return
	case set(first["prefix_exact"]):
		r.at = path{"Exact", prefix}
	case partial.MatchString(prefix):
		t.refuse("prefix", "it ends inside of a path element, and a route compares whole elements")
		return
	default:
		r.at = path{"PathPrefix", cmp.Or(strings.TrimSuffix(prefix, "/"), "/")}
	}
	if v := t.same("case_sensitive", true); !set(v) {
		t.refuse("case_sensitive", "routes compare paths with their case")
	}
	if t.g.redirect() == nil {
		r.rewrite = text(t.same("rewrite", "/"))
		if r.rewrite != "" && (!strings.HasPrefix(r.rewrite, "/") || strings.ContainsAny(r.rewrite, "?#")) {
			t.refuse("rewrite", "%q is no path", r.rewrite)
		}
	}
	if r.grpc {
		t.readMethod(r, prefix)
	}
}

// readMethod checks that a prefix is one of gRPC: /, /SERVICE/ or /SERVICE/METHOD.
func (t *translation) readMethod(r *rule, prefix string) {
	parts := strings.Split(strings.Trim(prefix, "/"), "/")
	switch {
	case r.at.kind == "RegularExpression" || len(parts) > 2 || len(parts) == 1 && r.at.kind == "Exact":
		t.refuse("prefix", "a GRPCRoute matches /, /SERVICE/ or /SERVICE/METHOD")
	case r.rewrite != "" && r.rewrite != prefix:
		t.refuse("rewrite", "%q instead of %q: a GRPCRoute does not rewrite the name of a method; write rewrite: \"\" if Emissary should not either", r.rewrite, prefix)
	}
	fallback, found := number(t.config.Module["cluster_request_timeout_ms"])
	if !found {
		fallback = float64(defaultTimeout)
	}
	switch ms, own := number(t.same("timeout_ms", fallback)); {
	case ms == 0 && own:
	case slices.ContainsFunc(t.g.answering(), func(m *member) bool { return m.spec["timeout_ms"] != nil }):
		t.refuse("timeout_ms", "a GRPCRoute has no timeouts; %s", noField)
	default:
		t.g.name().announce("timeout_ms: Emissary ends a call after %g s, and a GRPCRoute has no timeouts", fallback/1000)
	}
	r.rewrite = ""
}

// methods are those that a route knows (HTTPMethod).
var methods = strings.Fields("GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH")

// simple matches a regular expression that names words only.
var simple = regexp.MustCompile(`^\^?\(?([A-Z]+(?:\|[A-Z]+)*)\)?\$?$`)

// anchored makes a regular expression match the whole text in every gateway, as Emissary's
// do.
func anchored(pattern string) string {
	switch {
	case pattern == ".*" || pattern == ".+":
		return pattern
	case strings.Contains(pattern, "|"), strings.HasSuffix(pattern, `\$`):
		return "^(?:" + pattern + ")$"
	}
	return "^" + strings.TrimPrefix(strings.TrimSuffix(pattern, "$"), "^") + "$"
}

// readConditions reads what a request must have besides its host and path.
func (t *translation) readConditions(r *rule) {
	for _, h := range t.g.config.Headers {
		field := "headers"
		if h.Regex {
			field = "regex_headers"
		}
		switch name := strings.ToLower(h.Name); {
		case name == ":authority" && h.Regex:
			t.refuse("host_regex", "a route has no regular expressions for hosts")
		case name == ":authority":
		case name == ":method":
			t.readMethods(r, h)
		case strings.HasPrefix(name, ":"):
			t.refuse(field, "%q is no header of a route", name)
		case name == "x-forwarded-proto":
			t.refuse(field, "Emissary replaces a match of x-forwarded-proto")
		case name == model.SampleHeader && t.g.base:
		case name == model.SampleHeader:
			t.refuse(field, "%s: the share depends on the ids that a gateway gives, and no group without this header has the rest", name)
		default:
			r.headers = append(r.headers, t.condition(h, name, field))
		}
	}
	for _, q := range t.g.config.Query {
		field := "query_parameters"
		if q.Regex {
			field = "regex_query_parameters"
		}
		r.query = append(r.query, t.condition(q, q.Name, field))
	}
	if r.grpc && (len(r.query) > 0 || len(r.methods) > 0) {
		t.refuse("grpc", "a GRPCRoute matches neither query parameters nor HTTP methods")
	}
}

func (t *translation) condition(m model.Match, name, field string) condition {
	switch {
	case m.Any:
		return condition{name, "RegularExpression", ".*"}
	case m.Value == "":
		t.refuse(field, "%s: a route matches no empty value", name)
	case m.Regex:
		return condition{name, "RegularExpression", anchored(m.Value)}
	}
	return condition{name, "Exact", m.Value}
}

func (t *translation) readMethods(r *rule, m model.Match) {
	words := simple.FindStringSubmatch(m.Value)
	switch {
	case !m.Regex:
		r.methods = []string{m.Value}
	case words == nil:
		t.refuse("method_regex", "%q is no list of methods, such as GET|HEAD", m.Value)
	default:
		r.methods = strings.Split(words[1], "|")
	}
	for _, method := range r.methods {
		if !slices.Contains(methods, method) {
			t.refuse("method", "a route matches no method %q", method)
		}
	}
}

// checkBalancer refuses what keeps a client with one pod.
func (t *translation) checkBalancer() {
	for _, m := range t.g.members {
		balancer, found := m.spec["load_balancer"]
		if !found {
			balancer = t.config.Module["load_balancer"]
		}
		switch policy := text(object(balancer)["policy"]); policy {
		case "":
		case "round_robin", "least_request":
			m.announce("load_balancer: %s is not translated; the gateway spreads requests over the pods in its own way", policy)
		default:
			m.refuse([]string{"spec", "load_balancer"}, "load_balancer: %s keeps a client with one pod; %s", policy, noField)
		}
	}
}

// readBackends translates the shares of the members into weights.
func (t *translation) readBackends(r *rule) {
	taken := t.router.Divide(t.g.indices)
	if r.redirects != nil {
		return
	}
	sum := 0
	for _, part := range taken {
		sum += part.Parts
	}
	if sum != model.Whole {
		t.refuse("weight", "the weights of the group leave %s %% of its requests to the next Mapping that fits, and a rule takes all", percent(model.Whole-sum))
	}
	scale, divide := scaleOf(taken)
	for _, m := range t.g.routed() {
		b, ok := t.backend(m)
		if !ok {
			continue
		}
		if len(t.g.routed()) > 1 {
			b.weight = t.partsOf(m, taken) * scale / divide
		}
		if i := slices.IndexFunc(r.backends, func(o backend) bool { return o.sameTarget(b) }); i >= 0 {
			r.backends[i].weight += b.weight
			continue
		}
		r.backends = append(r.backends, b)
	}
	if len(r.backends) > 16 {
		t.refuse("service", "the group has %d Services, and a rule has at most 16", len(r.backends))
	}
}

func (b backend) sameTarget(o backend) bool {
	return b.namespace == o.namespace && b.service == o.service && b.port == o.port
}

// partsOf returns the share of a member in parts of model.Whole. A member may be in the
// group and in those that choose some of its requests by their ids.
func (t *translation) partsOf(m *member, taken []model.Taken) (parts int) {
	for _, part := range taken {
		if part.Group == m.group && part.Route == m.route {
			parts += part.Parts
		}
	}
	return parts
}

// scaleOf returns by which fraction to multiply parts of model.Whole, so that the weights
// are whole numbers with a round sum, or else the smallest whole numbers.
func scaleOf(taken []model.Taken) (scale, divide int) {
	for sum := 100; sum <= 1_000_000; sum *= 10 {
		if !slices.ContainsFunc(taken, func(p model.Taken) bool { return p.Parts*sum%model.Whole != 0 }) {
			return sum, model.Whole
		}
	}
	common := model.Whole
	for _, p := range taken {
		for b := p.Parts; b != 0; {
			common, b = b, common%b
		}
	}
	return 1, common
}

func percent(parts int) string {
	return strconv.FormatFloat(100*float64(parts)/model.Whole, 'f', -1, 64)
}
