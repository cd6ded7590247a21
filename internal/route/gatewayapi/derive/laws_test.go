package derive_test

import (
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/gatewayapi/derive"
	"github.com/canarize/canarize/internal/route/gatewayapi/model"
	"github.com/canarize/canarize/internal/route/routetest"
)

// What random routes and requests are made of.
var (
	hosts   = []string{"a.example.com", "b.example.com", "*.example.com"}
	paths   = []string{"/", "/a", "/a/", "/a/b"}
	headers = []string{"x-a", "x-b"}
	values  = []string{"1", "2"}
	methods = []string{"GET", "POST"}
)

// drawRoute draws a route to Services whose names are given.
func drawRoute(t *rapid.T, name string, services []string) string {
	label := func(what string) string { return name + " " + what }
	one := func(what string, from []string) string { return rapid.SampledFrom(from).Draw(t, label(what)) }
	often := func(what string) bool { return rapid.Bool().Draw(t, label(what)) }
	var b strings.Builder
	fmt.Fprintf(&b, "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: %s", name)
	if often("old") {
		fmt.Fprintf(&b, ", creationTimestamp: '202%d-01-01T00:00:00Z'", rapid.IntRange(0, 2).Draw(t, label("age")))
	}
	fmt.Fprintf(&b, "}\nspec:\n  parentRefs: [{name: public%s}]\n", one("section", []string{"", ", sectionName: all", ", sectionName: some"}))
	if often("hosts") {
		fmt.Fprintf(&b, "  hostnames: ['%s']\n", one("host", hosts))
	}
	b.WriteString("  rules:\n")
	for range rapid.IntRange(1, 2).Draw(t, label("rules")) {
		b.WriteString("    - matches:\n")
		for range rapid.IntRange(1, 2).Draw(t, label("matches")) {
			fmt.Fprintf(&b, "        - {path: {type: %s, value: %s}", one("type", []string{"Exact", "PathPrefix", "PathPrefix"}), one("path", paths))
			if often("by method") {
				fmt.Fprintf(&b, ", method: %s", one("method", methods))
			}
			for _, field := range []string{"headers", "queryParams"} {
				if often(field) {
					fmt.Fprintf(&b, ", %s: [{name: %s, value: '%s'}]", field, one("name", headers), one("value", values))
				}
			}
			b.WriteString("}\n")
		}
		fmt.Fprintf(&b, "      backendRefs: [{name: %s, port: 80, weight: %d}", one("service", services), rapid.IntRange(1, 3).Draw(t, label("weight")))
		if often("two") {
			fmt.Fprintf(&b, ", {name: %s, port: 80, weight: %d}", one("second service", services), rapid.IntRange(0, 3).Draw(t, label("weight")))
		}
		b.WriteString("]\n")
	}
	return b.String()
}

const world = `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public}
spec:
  gatewayClassName: envoy
  listeners:
    - {name: all, port: 80, protocol: HTTP}
    - {name: some, port: 80, protocol: HTTP, hostname: "*.example.com"}
`

// TestNobodyElseLosesRequests derives the canaries of random routes, and asks the model about
// random requests before and after. What did not go to a stable route goes where it went. A
// request of stable goes to the same rule of the canary's route if its id is in the sample,
// else to stable as before. With weights all go to the canary's route, and every backend
// except stable keeps its part; so it is if the stable route itself is changed.
func TestNobodyElseLosesRequests(t *testing.T) {
	derived := 0
	rapid.Check(t, func(t *rapid.T) {
		text := world + drawRoute(t, "stable", []string{"web", "web", "old"})
		for i := range rapid.IntRange(0, 2).Draw(t, "neighbours") {
			text += drawRoute(t, fmt.Sprintf("neighbour-%d", i), []string{"web", "old", "other", "other"})
		}
		objects, err := manifest.Parse(manifest.Source{Name: "input.yml", Data: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		set, err := manifest.NewSet(objects, "default")
		if err != nil {
			t.Fatal(err)
		}
		request := routetest.Request(set)
		weight := rapid.IntRange(0, 100).Draw(t, "weight")
		request.Weight = &weight
		strategy := rapid.SampledFrom(derive.Strategies()).Draw(t, "strategy")
		result, err := derive.Router{Strategy: strategy}.Canary(request)
		if err != nil || len(result.Routes) == 0 {
			return
		}
		derived++
		before, after := models(set, result.Routes)
		for range 5 {
			checkRequest(t, before, after, drawRequest(t), strategy, weight)
		}
	})
	if derived == 0 {
		t.Error("no random set had a canary")
	}
}

// models returns the model without and with the canaries. A route that is not a changed one
// is the youngest.
func models(set *manifest.Set, routes []route.Route) (before, after *model.Model) {
	var objects []map[string]any
	for _, o := range set.Objects {
		objects = append(objects, set.Value(o))
	}
	with := slices.Clone(objects)
	var created []model.ID
	for _, r := range routes {
		value := set.Value(r.Canary)
		if at := slices.IndexFunc(with, func(o map[string]any) bool { return model.IDOf(o) == model.IDOf(value) }); at >= 0 {
			with[at] = value
			continue
		}
		with, created = append(with, value), append(created, model.IDOf(value))
	}
	return model.New(objects, model.Options{}), model.New(with, model.Options{New: created})
}

func drawRequest(t *rapid.T) model.Request {
	one := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(t, what) }
	q := model.Request{
		Host: one("host", "a.example.com", "b.example.com", "c.example.com", "example.org"), Port: 80,
		Method: one("method", methods...), Path: one("path", "/", "/a", "/a/", "/a/b", "/b"), Query: url.Values{},
		Headers: map[string][]string{
			"x-forwarded-proto": {"https"},
			"X-Request-Id":      {rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`).Draw(t, "id")},
		},
	}
	for _, name := range headers {
		if value := one(name, "", "1", "2"); value != "" {
			q.Headers[name] = []string{value}
		}
		if value := one("?"+name, "", "1", "2"); value != "" {
			q.Query[name] = []string{value}
		}
	}
	return q
}

var lastDigits = regexp.MustCompile(`([0-9])[^0-9]*([0-9])[^0-9]*$`)

// inSample reports whether the last two digits of an id, read backwards, are below a weight.
func inSample(id string, weight int) bool {
	m := lastDigits.FindStringSubmatch(id)
	return m != nil && int(10*(m[2][0]-'0')+m[1][0]-'0') < weight
}

func checkRequest(t *rapid.T, before, after *model.Model, q model.Request, strategy derive.Strategy, weight int) {
	old, now := before.Ask(q), after.Ask(q)
	if len(old) != len(now) {
		t.Fatalf("%d answers before, %d after", len(old), len(now))
	}
	for i, was := range old {
		is := now[i]
		toCanary := strategy == derive.InPlace || strategy == derive.Weights && weight > 0 || strategy == derive.IDs && inSample(q.Headers["X-Request-Id"][0], weight)
		suffix := "-canary"
		if strategy == derive.InPlace {
			suffix = ""
		}
		switch {
		case was.Group == nil:
			if is.Group != nil {
				t.Fatalf("nobody took the request, and now %s does", is.Group.Route)
			}
		case is.Group == nil:
			t.Fatalf("%s took the request, and now nobody does", was.Group.Route)
		case !leadsToWeb(before, was.Group.Route) || !toCanary:
			if !reflect.DeepEqual(was.Group.Route, is.Group.Route) || !reflect.DeepEqual(was.Group.Rows, is.Group.Rows) {
				t.Fatalf("%s rules[%d] took the request, and now %s rules[%d] does", was.Group.Route, was.Group.Rule, is.Group.Route, is.Group.Rule)
			}
		case is.Group.Route.Name != was.Group.Route.Name+suffix || is.Group.Rule != was.Group.Rule:
			t.Fatalf("%s rules[%d] took the request, and now %s rules[%d] does", was.Group.Route, was.Group.Rule, is.Group.Route, is.Group.Rule)
		default:
			checkParts(t, was.Group.Rows, is.Group.Rows, strategy, weight)
		}
	}
}

// leadsToWeb reports whether a route leads to the Service with the canary.
func leadsToWeb(m *model.Model, route model.ID) bool {
	for _, g := range m.Report().Groups {
		for _, row := range g.Rows {
			if g.Route == route && row.Name == "web" {
				return true
			}
		}
	}
	return false
}

// checkParts compares the parts of the requests that Services get.
func checkParts(t *rapid.T, old, now []model.Row, strategy derive.Strategy, weight int) {
	parts := func(rows []model.Row) map[string]float64 {
		out := map[string]float64{}
		for _, r := range rows {
			out[r.Name] += float64(r.Weight) / float64(r.Of)
		}
		return out
	}
	want, have := parts(old), parts(now)
	share := 1.0
	if strategy != derive.IDs {
		share = float64(weight) / 100
	}
	want["web-canary"] = want["web"] * share
	want["web"] *= 1 - share
	for _, name := range []string{"web", "web-canary", "old", "other"} {
		if d := want[name] - have[name]; d > 1e-9 || d < -1e-9 {
			t.Fatalf("%s gets %v instead of %v", name, have[name], want[name])
		}
	}
}
