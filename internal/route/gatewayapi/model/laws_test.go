package model_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/gatewayapi/model"
	"github.com/canarize/canarize/internal/route/routetest"
)

// sometimes draws a field in one of so many cases.
func sometimes(t *rapid.T, o m, field string, oneIn int, values ...any) {
	if rapid.IntRange(1, oneIn).Draw(t, field+"?") == 1 {
		o[field] = rapid.SampledFrom(values).Draw(t, field)
	}
}

var paths = []string{"/", "/", "/a", "/a", "/a/b", "/ab"}

func drawCondition(t *rapid.T, name, value string) any {
	return m{"name": rapid.SampledFrom([]string{name, name + "2"}).Draw(t, "name"), "value": rapid.SampledFrom([]string{value, value + "2"}).Draw(t, "value")}
}

// drawMatch draws the match of an HTTPRoute. Names within a list differ.
func drawMatch(t *rapid.T) m {
	match := m{}
	path := m{"value": rapid.SampledFrom(paths).Draw(t, "path")}
	sometimes(t, path, "type", 3, "Exact")
	if rapid.IntRange(1, 10).Draw(t, "expression?") == 1 {
		path = m{"type": "RegularExpression", "value": rapid.SampledFrom([]string{"/a.*", "/.*", "a"}).Draw(t, "expression")}
	}
	if rapid.IntRange(1, 5).Draw(t, "path?") > 1 {
		match["path"] = path
	}
	sometimes(t, match, "method", 4, "GET", "POST")
	list := func(field, name, value string) {
		if rapid.Bool().Draw(t, field+"?") {
			return
		}
		all := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) any { return drawCondition(t, name, value) }), 0, 2, func(c any) string { return c.(m)["name"].(string) }).Draw(t, field)
		if len(all) > 0 {
			match[field] = all
		}
	}
	list("headers", "h", "1")
	list("queryParams", "q", "1")
	return match
}

func drawBackend(t *rapid.T) any {
	b := m{"name": rapid.SampledFrom([]string{"web", "web-canary", "gone"}).Draw(t, "backend"), "port": 80}
	sometimes(t, b, "weight", 2, 0, 1, 9, 90, 1_000_000)
	sometimes(t, b, "namespace", 6, "other")
	sometimes(t, b, "port", 8, 81)
	return b
}

func drawRule(t *rapid.T) any {
	rule := m{"backendRefs": rapid.SliceOfN(rapid.Custom(drawBackend), 0, 3).Draw(t, "backends")}
	matches := rapid.SliceOfN(rapid.Custom(drawMatch), 0, 2).Draw(t, "matches")
	if len(matches) > 0 {
		var all []any
		for _, match := range matches {
			all = append(all, match)
		}
		rule["matches"] = all
	}
	return rule
}

var hostnames = []string{"shop.com", "*.shop.com", "eu.shop.com", "*.com"}

func drawHTTPRoute(t *rapid.T, name string) m {
	spec := m{"rules": rapid.SliceOfN(rapid.Custom(drawRule), 1, 3).Draw(t, "rules")}
	parent := m{"name": "public", "namespace": "edge"}
	sometimes(t, parent, "sectionName", 3, "l0", "l1")
	sometimes(t, parent, "port", 8, 80, 81)
	spec["parentRefs"] = []any{parent}
	if all := rapid.SliceOfNDistinct(rapid.SampledFrom(hostnames), 0, 2, rapid.ID).Draw(t, "hostnames"); len(all) > 0 && rapid.Bool().Draw(t, "hostnames?") {
		spec["hostnames"] = []any{}
		for _, h := range all {
			spec["hostnames"] = append(spec["hostnames"].([]any), h)
		}
	}
	namespace, short, _ := strings.Cut(name, "/")
	o := newObject(gatewayAPI, "HTTPRoute", namespace, short, spec)
	sometimes(t, o["metadata"].(m), "creationTimestamp", 2, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
	return o
}

// drawGateway draws a Gateway with distinct hostnames of its listeners on port 80.
func drawGateway(t *rapid.T) m {
	var listeners []any
	for i, h := range rapid.SliceOfNDistinct(rapid.SampledFrom(append([]string{""}, hostnames...)), 1, 3, rapid.ID).Draw(t, "listeners") {
		l := m{"name": fmt.Sprint("l", i), "port": 80, "protocol": "HTTP"}
		if h != "" {
			l["hostname"] = h
		}
		sometimes(t, l, "allowedRoutes", 2, m{"namespaces": m{"from": "All"}})
		listeners = append(listeners, l)
	}
	return newObject(gatewayAPI, "Gateway", "edge", "public", m{"gatewayClassName": "c", "listeners": listeners})
}

// drawSet draws a Gateway, routes with distinct names, and the Services web and
// web-canary, which other namespaces have too.
func drawSet(t *rapid.T) []m {
	set := []m{drawGateway(t)}
	for _, namespace := range []string{"edge", "other"} {
		for _, name := range []string{"web", "web-canary"} {
			set = append(set, newObject("v1", "Service", namespace, name, m{"ports": []any{m{"port": 80}}}))
		}
	}
	if rapid.Bool().Draw(t, "grant?") {
		set = append(set, newObject(gatewayAPI, "ReferenceGrant", "other", "g", m{
			"from": []any{m{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "edge"}},
			"to":   []any{m{"group": "", "kind": "Service"}},
		}))
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"edge/a", "edge/b", "edge/c", "other/a"}), 1, 4, rapid.ID).Draw(t, "names") {
		set = append(set, drawHTTPRoute(t, name))
	}
	return set
}

func drawRequest(t *rapid.T) model.Request {
	q := model.Request{
		Host: rapid.SampledFrom([]string{"shop.com", "eu.shop.com", "us.shop.com", "x.eu.shop.com", "other.org"}).Draw(t, "host"), Port: 80,
		Method: rapid.SampledFrom([]string{"GET", "GET", "POST", "PUT"}).Draw(t, "method"),
		Path:   rapid.SampledFrom([]string{"/", "/a", "/a", "/a/", "/a/b", "/a/b", "/a/b/c", "/ab", "/A"}).Draw(t, "path"),
		Query:  url.Values{}, Headers: map[string][]string{},
	}
	for _, name := range []string{"h", "h2"} {
		if v := rapid.SampledFrom([]string{"", "1", "1", "12"}).Draw(t, name); v != "" {
			q.Headers[name] = []string{v}
		}
	}
	for _, name := range []string{"q", "q2"} {
		if v := rapid.SampledFrom([]string{"", "1", "1", "12"}).Draw(t, name); v != "" {
			q.Query[name] = []string{v}
		}
	}
	return q
}

func newModel(set []m) *model.Model { return model.New(set, model.Options{Complete: true}) }

// ask returns the answer of the only Gateway.
func ask(t *rapid.T, set []m, q model.Request) model.Answer {
	answers := newModel(set).Ask(q)
	if len(answers) != 1 {
		t.Fatalf("%d answers", len(answers))
	}
	return answers[0]
}

// taker names the rule that takes a request, or "".
func taker(a model.Answer) string {
	if a.Group == nil {
		return ""
	}
	return fmt.Sprintf("%s/%s rules[%d]", a.Group.Route.Namespace, a.Group.Route.Name, a.Group.Rule)
}

// TestSharesAddUp: the shares of a rule's backends and of its errors are all its requests.
func TestSharesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, g := range newModel(drawSet(t)).Report().Groups {
			var sum int64
			percent, failing := 0.0, 0.0
			for _, r := range g.Rows {
				sum += r.Weight
				percent += r.Percent()
				if r.Status != "" {
					failing += r.Percent()
				}
				if r.Of != g.Rows[0].Of || r.Weight < 0 {
					t.Errorf("%+v", r)
				}
			}
			switch {
			case len(g.Rows) == 0 && g.Status != "500" || len(g.Rows) > 0 && g.Rows[0].Of != sum:
				t.Errorf("%+v", g)
			case sum == 0 && len(g.Rows) > 0 && g.Open == "":
				t.Errorf("weights of 0 are decided: %+v", g)
			case sum > 0 && (percent < 99.999 || percent > 100.001):
				t.Errorf("%v %%: %+v", percent, g)
			case sum > 0 && g.Unserved == "" && (g.Errors() < failing-0.001 || g.Errors() > failing+0.001):
				t.Errorf("%v %% errors, not %v: %+v", g.Errors(), failing, g)
			}
		}
	})
}

// compareAll compares everything that two sets answer.
func compareAll(t *rapid.T, a, b []m) {
	q := drawRequest(t)
	if diff := cmp.Diff(newModel(a).Report(), newModel(b).Report(), cmp.AllowUnexported(model.Mirror{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(ask(t, a, q), ask(t, b, q), cmp.AllowUnexported(model.Mirror{})); diff != "" {
		t.Error(diff)
	}
}

func TestOrderOfObjectsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := drawSet(t)
		compareAll(t, set, rapid.Permutation(set).Draw(t, "shuffled"))
	})
}

// TestTypesOfNumbersDoNotMatter: a number may be an int, float64 or json.Number. The input
// is not changed.
func TestTypesOfNumbersDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := drawSet(t)
		encoded, _ := json.Marshal(set)
		for _, useNumber := range []bool{false, true} {
			decoder := json.NewDecoder(strings.NewReader(string(encoded)))
			if useNumber {
				decoder.UseNumber()
			}
			var decoded []m
			if err := decoder.Decode(&decoded); err != nil {
				t.Fatal(err)
			}
			compareAll(t, set, decoded)
		}
		if again, _ := json.Marshal(set); string(again) != string(encoded) {
			t.Errorf("the input was changed:\n%s\n%s", encoded, again)
		}
	})
}

// TestReference: a direct reading of the specification, without attachments, ranks or
// sorting, finds the same rule.
func TestReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := drawSet(t)
		for range 10 {
			q := drawRequest(t)
			a := ask(t, set, q)
			if a.Open == "" && taker(a) != reference(set, q) {
				t.Errorf("%+v: model %q, reference %q", q, taker(a), reference(set, q))
			}
		}
	})
}

// TestUnservedGetsNothing: no request is taken by a match that the report calls unserved.
func TestUnservedGetsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, q := drawSet(t), drawRequest(t)
		a := ask(t, set, q)
		if a.Group == nil {
			return
		}
		for _, g := range newModel(set).Report().Groups {
			if g.Unserved != "" && g.Route == a.Group.Route && g.Rule == a.Group.Rule && g.Index == a.Group.Index && slices.Contains(g.Listeners, a.Group.Listeners[0]) {
				t.Errorf("%+v takes %+v", g, q)
			}
		}
	})
}

// ownRoute returns a copy of a route whose matches have one more header, and whose rules
// that selects keeps only.
func ownRoute(route m, keeps func(rule int) bool) m {
	copied := deepCopy(route).(m)
	copied["metadata"].(m)["name"] = route["metadata"].(m)["name"].(string) + "-canary"
	delete(copied["metadata"].(m), "creationTimestamp") // it is younger
	spec := copied["spec"].(m)
	var rules []any
	for i, r := range spec["rules"].([]any) {
		rule := r.(m)
		if !keeps(i) {
			continue
		}
		if rule["matches"] == nil {
			rule["matches"] = []any{m{}}
		}
		for _, match := range rule["matches"].([]any) {
			headers, _ := match.(m)["headers"].([]any)
			match.(m)["headers"] = append(headers, m{"name": "x-canary", "value": "1"})
		}
		rules = append(rules, rule)
	}
	spec["rules"] = rules
	return copied
}

func deepCopy(v any) any {
	switch t := v.(type) {
	case m:
		out := m{}
		for k, v := range t {
			out[k] = deepCopy(v)
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i, v := range t {
			out[i] = deepCopy(v)
		}
		return out
	}
	return v
}

// withHeader returns a request with the header that a canary's own route asks for.
func withHeader(q model.Request) model.Request {
	headers := map[string][]string{"x-canary": {"1"}}
	maps.Copy(headers, q.Headers)
	q.Headers = headers
	return q
}

// TestOwnRoute is the law behind a canary's own route: a copy of a route, with one more
// header in all its matches, takes exactly those requests of the route that have the
// header, each by the copy of the rule that would have had it. Others stay where they are,
// but for the exception that TestOwnRouteOfNeighbours shows.
func TestOwnRoute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := drawSet(t)
		for range 5 {
			checkOwnRoute(t, set, drawRequest(t))
		}
	})
}

func checkOwnRoute(t *rapid.T, set []m, q model.Request) {
	route := set[len(set)-1]
	name := route["metadata"].(m)["namespace"].(string) + "/" + route["metadata"].(m)["name"].(string)
	both := append(slices.Clone(set), ownRoute(route, func(int) bool { return true }))
	before, without, with := ask(t, set, q), ask(t, both, q), ask(t, both, withHeader(q))
	if taker(without) != taker(before) {
		t.Errorf("without the header %q takes a request of %q", taker(without), taker(before))
	}
	if before.Open != "" || with.Open != "" {
		return
	}
	own := strings.Replace(taker(before), name+" ", name+"-canary ", 1)
	switch took := strings.HasPrefix(taker(with), name+"-canary "); {
	case strings.HasPrefix(taker(before), name+" "):
		if taker(with) != own {
			t.Errorf("with the header %q takes a request of %q", taker(with), taker(before))
		}
	case took && !onlyByHeadersOrLess(set, before, q):
		t.Errorf("the copy takes a request of %q, which ranks before the route by its host, path or method", taker(before))
	case !took && taker(with) != taker(before):
		t.Errorf("%q takes a request of %q", taker(with), taker(before))
	}
}

// onlyByHeadersOrLess reports whether a route of the set would have had a request with an
// answer if headers ranked before nothing but the number of them.
func onlyByHeadersOrLess(set []m, a model.Answer, q model.Request) bool {
	keys := referenceKeys(set, q)
	if len(keys) < 2 {
		return false
	}
	route := set[len(set)-1]["metadata"].(m)
	for _, k := range keys {
		if k.namespace == route["namespace"] && k.name == route["name"] && slices.Equal(k.key[:upToMethod], keys[0].key[:upToMethod]) {
			return true
		}
	}
	return false
}

// TestOwnRouteOfNeighbours: what a canary's own route takes from others. A neighbour, or a
// sibling rule that is not copied, that ranks before the route by a query parameter loses
// its requests to the copy, because headers rank before parameters.
func TestOwnRouteOfNeighbours(t *testing.T) {
	rule := func(backend string, match m) any {
		return m{"matches": []any{match}, "backendRefs": []any{m{"name": backend, "port": 80}}}
	}
	parameter := m{"queryParams": []any{m{"name": "q", "value": "1"}}}
	route := func(name string, rules ...any) m {
		return newObject(gatewayAPI, "HTTPRoute", "edge", name, m{"parentRefs": []any{m{"name": "public"}}, "rules": rules})
	}
	gateway := newObject(gatewayAPI, "Gateway", "edge", "public", m{"listeners": []any{m{"name": "web", "port": 80, "protocol": "HTTP"}}})
	q := withHeader(model.Request{Path: "/", Method: "GET", Port: 80, Query: url.Values{"q": {"1"}}})
	for _, c := range []struct {
		name  string
		set   []m
		keeps func(int) bool
		want  string
	}{
		{"neighbour", []m{route("neighbour", rule("web", parameter)), route("stable", rule("web", m{}))}, func(int) bool { return true }, "edge/stable-canary rules[0]"},
		{"sibling, not copied", []m{route("stable", rule("web", m{}), rule("other", parameter))}, func(i int) bool { return i == 0 }, "edge/stable-canary rules[0]"},
		{"sibling, copied", []m{route("stable", rule("web", m{}), rule("other", parameter))}, func(int) bool { return true }, "edge/stable-canary rules[1]"},
		{"neighbour with a longer path", []m{route("neighbour", rule("web", m{"path": m{"type": "Exact", "value": "/"}})), route("stable", rule("web", m{}))}, func(int) bool { return true }, "edge/neighbour rules[0]"},
	} {
		set := append(slices.Clone(c.set), gateway, ownRoute(c.set[len(c.set)-1], c.keeps))
		answers := model.New(set, model.Options{}).Ask(q)
		if len(answers) != 1 || taker(answers[0]) != c.want || answers[0].Open != "" {
			t.Errorf("%s: %+v, expected %s", c.name, answers, c.want)
		}
	}
}

// anything draws decoded JSON with keys that the model reads.
func anything(depth int) *rapid.Generator[any] {
	texts := []string{"", "*", "*.a", "web", "/", "/a", "Exact", "RegularExpression", "(", "HTTP", "Gateway", "RequestMirror", "Selector", "In"}
	return routetest.Anything(depth, texts, strings.Fields(`parentRefs hostnames rules matches path type value headers queryParams method
		name namespace kind group sectionName port backendRefs weight filters requestMirror backendRef percent fraction numerator denominator
		listeners hostname protocol allowedRoutes namespaces from selector matchLabels matchExpressions key operator values kinds to service ports`))
}

func TestNothingPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set []m
		for i := range rapid.IntRange(1, 4).Draw(t, "objects") {
			version := gatewayAPI
			kind := rapid.SampledFrom([]string{"HTTPRoute", "GRPCRoute", "Gateway", "ReferenceGrant", "Service", "Namespace"}).Draw(t, "kind")
			if kind == "Service" || kind == "Namespace" {
				version = "v1"
			}
			set = append(set, newObject(version, kind, "edge", fmt.Sprint("o", i), anything(5).Draw(t, "spec")))
		}
		first := model.New(set, model.Options{})
		if !reflect.DeepEqual(first.Report(), model.New(set, model.Options{}).Report()) {
			t.Error("two evaluations differ")
		}
		first.Ask(drawRequest(t))
	})
}
