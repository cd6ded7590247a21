package migrate

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/route/emissary/model"
	gateway "github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// prove makes routes and compares both gateways, until no Mapping has to be refused any more.
func (m *migration) prove() []*route {
	for {
		before := m.countRefused()
		for _, g := range m.groups {
			g.notes = nil
			for _, one := range g.members {
				one.compared = nil
			}
		}
		classes := m.classes()
		assign(classes)
		routes := m.pack(classes)
		if m.countRefused() == before {
			m.compare(classes, routes)
		}
		if m.countRefused() == before {
			return routes
		}
	}
}

func (m *migration) countRefused() (n int) {
	for _, g := range m.groups {
		if g.refused() {
			n++
		}
	}
	return n
}

// proof compares what two gateways do with requests.
type proof struct {
	*migration
	routes  map[gateway.ID]*route
	gateway *gateway.Model
	byIndex map[int]*group // by indices in the configuration of Emissary
}

// compare asks both models about requests, and refuses the Mappings for which they differ.
func (m *migration) compare(classes []*class, routes []*route) {
	p := proof{migration: m, routes: map[gateway.ID]*route{}, byIndex: map[int]*group{}}
	for _, g := range m.groups {
		for _, i := range g.indices {
			p.byIndex[i] = g
		}
	}
	var objects []map[string]any
	for _, r := range routes {
		p.routes[r.id] = r
		objects = append(objects, r.value)
	}
	for _, o := range m.grants(routes) {
		objects = append(objects, o.Value())
	}
	for _, o := range m.set.Objects {
		if o.Kind() == "Service" && o.Group() == "" {
			objects = append(objects, m.set.Value(o))
		}
	}
	p.gateway = gateway.New(objects, gateway.Options{})
	if p.unaccepted(routes) {
		return
	}
	p.requests = 0
	for _, c := range classes {
		for _, q := range p.ask(c, classes) {
			m.requests++
			p.check(q)
		}
	}
}

// unaccepted refuses the Mappings of routes that have no effect, or a backend that answers
// with an error, and reports whether there are some.
func (p proof) unaccepted(routes []*route) (found bool) {
	report := p.gateway.Report()
	why := map[gateway.ID]string{}
	for _, problem := range report.Problems {
		if why[problem.Object] == "" {
			why[problem.Object] = problem.String()
		}
	}
	accepted := map[gateway.ID]bool{}
	for _, g := range report.Groups {
		accepted[g.Route] = true
		for _, row := range g.Rows {
			if row.Reason != "" || row.Open != "" {
				p.routes[g.Route].rules[g.Rule].main.refuse("service", "its route %s", row.Reason+row.Open)
				found = true
			}
		}
	}
	for _, r := range routes {
		if accepted[r.id] {
			continue
		}
		for _, one := range r.rules {
			one.main.refuse("prefix", "no gateway would accept its route: %s", why[r.id])
		}
		found = true
	}
	return found
}

// query is a request to both models.
type query struct {
	model.Request
	grpc bool
}

func (q query) String() string {
	out := q.Method + " " + q.Host + q.Path
	if len(q.Query) > 0 {
		out += "?" + q.Query.Encode()
	}
	for i, name := range sortedKeys(q.Headers) {
		out += []string{" with ", " and "}[min(i, 1)] + name + ": " + q.Headers[name]
	}
	return out
}

// share says which part of requests, in parts of a whole, somebody answers, and how.
type share map[string]int64

func (s share) sameAs(whole int64, other share, otherWhole int64) bool {
	if len(s) != len(other) {
		return false
	}
	for answer, parts := range s {
		if parts*otherWhole != other[answer]*whole {
			return false
		}
	}
	return true
}

func (s share) describe(whole int64) string {
	var out []string
	for _, answer := range slices.Sorted(maps.Keys(s)) {
		text := answer
		if len(s) > 1 {
			text = fmt.Sprintf("%.6g %% %s", 100*float64(s[answer])/float64(whole), answer)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// check compares the answers to a request. A difference that every gateway must have is
// announced; for another one, Mappings are refused.
func (p proof) check(q query) {
	emissary, taker := p.emissary(q)
	answer := p.ofGateway(q)
	var other *group // which a gateway asks
	if answer.Group != nil {
		other = p.routes[answer.Group.Route].rules[answer.Group.Rule].main
	}
	have, whole := p.shares(q, answer)
	same := emissary.sameAs(model.Whole, have, whole)
	sure := answer.Open == "" && (answer.Group == nil || answer.Group.Remark == "")
	switch {
	case taker != nil && taker.refused():
		if other != nil {
			other.note(taker, "takes requests such as %s, as long as %s is not moved", q, taker.name())
		}
	case same && sure, taker == nil && other == nil:
	case taker == nil && q.Path+"/" == other.config.Prefix:
		other.note(nil, "prefix: %s goes to it too; Emissary answers it with 404, because the prefix ends with a /", q.Path)
	case taker != nil && taker.endsInside(q.Path):
		taker.note(other, "prefix: a route compares whole elements of a path; so paths such as %s, which Emissary sends to it, get %s", q.Path, have.describe(whole))
	case taker != nil && sure && emissary.loose().sameAs(model.Whole, have.loose(), whole):
		taker.note(nil, "rewrite: a route joins paths with one /, so for some paths the service sees another one: for %s Emissary sends %s, the route %s", q.Path, emissary.path(), have.path())
	default:
		p.blame(q, answer, taker, other, fmt.Sprintf("Emissary: %s, the route: %s", emissary.describe(model.Whole), have.describe(whole)), same)
	}
}

// blame refuses the Mappings for which the models differ.
func (p proof) blame(q query, answer gateway.Answer, taker, other *group, difference string, same bool) {
	blamed := taker
	if blamed == nil {
		blamed = other
	}
	if blamed.refused() {
		return
	}
	if answer.Open != "" { // a regular expression is the cause, if one fits
		for _, i := range p.router.Fitting(p.port, q.Request) {
			if g := p.byIndex[i]; g != nil && !g.refused() && set(g.config.Spec["prefix_regex"]) {
				blamed = g
				break
			}
		}
	}
	why := difference
	switch {
	case answer.Open != "":
		why = "who answers is left to the gateway: " + answer.Open
	case same && answer.Group != nil:
		why = "who answers depends on the ages of routes: it " + answer.Group.Remark
	}
	blamed.refuse("prefix", "no route does the same for %s; %s", q, why)
}

// note records a change at the member that names the group: once for each kind of change and
// each other group in it.
func (g *group) note(other *group, format string, args ...any) {
	m, key := g.name(), noted{other, format}
	if !g.notes[key] {
		if g.notes == nil {
			g.notes = map[noted]bool{}
		}
		g.notes[key] = true
		m.compared = append(m.compared, fmt.Sprintf(format, args...))
	}
}

// noted identifies a kind of change.
type noted struct {
	other  *group
	format string
}

// endsInside reports whether a path fits the prefix of a group in the middle of an element.
func (g *group) endsInside(path string) bool {
	rest, found := strings.CutPrefix(path, g.config.Prefix)
	return found && g.rule != nil && g.rule.at.kind == "PathPrefix" && !strings.HasSuffix(g.config.Prefix, "/") && rest != "" && rest[0] != '/'
}

// loose returns the share without doubled slashes, and without those at the end of paths.
func (s share) loose() share {
	out := share{}
	for answer, parts := range s {
		out[lastSlash.ReplaceAllString(strings.ReplaceAll(answer, "//", "/"), "$1")] += parts
	}
	return out
}

var lastSlash = regexp.MustCompile(`/( |$)`)

// path returns the path that the first of the services sees.
func (s share) path() string {
	for _, answer := range slices.Sorted(maps.Keys(s)) {
		_, path, _ := strings.Cut(answer, " as ")
		path, _, _ = strings.Cut(path, " ")
		return path
	}
	return ""
}

// nobody is the answer of both gateways if no route fits.
const nobody = "404"

// emissary returns what Emissary does with a request, and the group that takes it first.
func (p proof) emissary(q query) (out share, taker *group) {
	out = share{}
	rest := int64(model.Whole)
	for _, taken := range p.router.Ask(p.port, q.Request) {
		g := p.byIndex[taken.Group]
		if g == nil {
			out["Emissary's own page"] += int64(taken.Parts)
			rest -= int64(taken.Parts)
			continue
		}
		if taker == nil || g.refused() {
			taker = g
		}
		out[p.answerOf(g, taken, q)] += int64(taken.Parts)
		rest -= int64(taken.Parts)
	}
	if rest > 0 {
		out[nobody] = rest
	}
	return out, taker
}

// ofGateway asks the routes.
func (p proof) ofGateway(q query) gateway.Answer {
	request := gateway.Request{Host: q.Host, Port: 443, Method: q.Method, Path: q.Path, Query: q.Query, GRPC: q.grpc, Headers: map[string][]string{}}
	for name, value := range q.Headers {
		request.Headers[name] = []string{value}
	}
	for _, answer := range p.gateway.Ask(request) {
		return answer // all routes name one Gateway
	}
	return gateway.Answer{Status: nobody}
}

// shares returns what the backends of an answer get.
func (p proof) shares(q query, answer gateway.Answer) (out share, whole int64) {
	if answer.Group == nil {
		return share{nobody: 1}, 1
	}
	out = share{}
	r := ruleOf(p.routes[answer.Group.Route].value, answer.Group.Rule)
	if to := filterOf(r, "requestRedirect"); to != nil {
		path := modified(q.Path, matchOf(r, answer.Group.Index), object(to["path"]))
		return share{fmt.Sprintf("redirect %v to %v%s", to["statusCode"], to["hostname"], path): 1}, 1
	}
	for _, row := range answer.Group.Rows {
		whole += row.Weight
		if row.Weight > 0 {
			out[sent(row.Backend.String(), r, q, answer.Group)] += row.Weight
		}
	}
	return out, whole
}

// sent describes what a backend gets: SERVICE as PATH, and what else is not as in the request.
func sent(backend string, r map[string]any, q query, g *gateway.Group) string {
	rewrite := filterOf(r, "urlRewrite")
	out := backend + " as " + modified(q.Path, matchOf(r, g.Index), object(rewrite["path"]))
	if host := text(rewrite["hostname"]); host != "" {
		out += " for " + host
	}
	if limit := text(object(r["timeouts"])["request"]); limit != "" {
		out += " in " + limit
	}
	for _, mirror := range g.Mirrors {
		out += fmt.Sprintf(" and %g %% to %s", mirror.Percent(), mirror.Backend)
	}
	return out
}

func ruleOf(route map[string]any, i int) map[string]any {
	return object(list(object(route["spec"])["rules"])[i])
}

func filterOf(rule map[string]any, field string) map[string]any {
	for _, f := range list(rule["filters"]) {
		if v := object(object(f)[field]); v != nil {
			return v
		}
	}
	return nil
}

func matchOf(rule map[string]any, i int) map[string]any {
	if matches := list(rule["matches"]); i < len(matches) {
		return object(object(matches[i])["path"])
	}
	return nil
}

// modified returns a path after a modifier of a filter, by the table in HTTPPathModifier.
func modified(path string, match, modifier map[string]any) string {
	if full := text(modifier["replaceFullPath"]); full != "" {
		return full
	}
	replace, found := modifier["replacePrefixMatch"].(string)
	if !found {
		return path
	}
	rest := strings.TrimPrefix(path, strings.TrimSuffix(text(match["value"]), "/"))
	if replace = strings.TrimSuffix(replace, "/"); rest == "" && replace == "" {
		return "/"
	}
	return replace + rest
}

// answerOf describes what a route of Emissary does with a request, in the same words.
func (p proof) answerOf(g *group, taken model.Taken, q query) string {
	t := &translation{p.migration, g}
	if m := g.redirect(); m != nil {
		path := q.Path
		switch to, prefix := text(m.spec["path_redirect"]), text(m.spec["prefix_redirect"]); {
		case to != "":
			path = to
		case prefix != "":
			path = g.replaced(path, prefix)
		}
		code := int64(301)
		if n, ok := number(m.spec["redirect_response_code"]); ok && slices.Contains([]float64{302, 303, 307, 308}, n) {
			code = int64(n)
		}
		return fmt.Sprintf("redirect %d to %s%s", code, text(m.spec["service"]), path)
	}
	i := slices.IndexFunc(g.members, func(m *member) bool {
		return m.role == routed && m.group == taken.Group && m.route == taken.Route
	})
	m := g.members[i]
	b, ok := t.backend(m)
	if !ok {
		return text(m.spec["service"])
	}
	out := b.target() + " as "
	rewrite, found := m.spec["rewrite"]
	if !found {
		rewrite = "/"
	}
	if to := text(rewrite); to != "" {
		out += g.replaced(q.Path, to)
	} else {
		out += q.Path
	}
	if host := text(m.spec["host_rewrite"]); host != "" {
		out += " for " + host
	}
	if !set(m.spec["grpc"]) {
		out += " in " + t.readTimeout()
	}
	if s := g.shadow(); s != nil {
		if mirror, ok := t.backend(s); ok {
			weight, found := number(s.spec["weight"])
			if !found {
				weight = 100
			}
			out += fmt.Sprintf(" and %g %% to %s", weight, mirror.target())
		}
	}
	return out
}

func (b backend) target() string { return fmt.Sprintf("%s/%s:%d", b.namespace, b.service, b.port) }

// replaced returns a path after Envoy's prefix_rewrite, which replaces what the match of the
// route fits: the prefix, or the whole of an exact path or regular expression.
func (g *group) replaced(path, by string) string {
	if set(g.config.Spec["prefix_regex"]) || set(g.config.Spec["prefix_exact"]) {
		return by
	}
	return by + path[min(len(g.config.Prefix), len(path)):] // shorter only if Emissary ignores case
}

// queryOf returns a request with the conditions of groups.
func queryOf(host, path string, conditions ...need) query {
	q := query{Request: model.Request{Host: host, Path: path, Method: "GET", Query: url.Values{}, Headers: map[string]string{}}}
	for _, c := range conditions {
		if c.method != "" {
			q.Method = c.method
		}
		maps.Copy(q.Headers, c.headers)
		for name, value := range c.query {
			q.Query.Set(name, value)
		}
	}
	return q
}
