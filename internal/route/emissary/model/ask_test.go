package model_test

import (
	"fmt"
	"net/url"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// TestDivideGivesTheShares: what a group's routes take of its requests is what the report
// says, in the sets of Emissary's own generator and in random ones.
func TestDivideGivesTheShares(t *testing.T) {
	compared := 0
	check := func(t interface{ Errorf(string, ...any) }, objects []map[string]any, opts model.Options) {
		c := model.Configure(objects, opts)
		router, at := model.NewRouter(c), 0
		for i, g := range c.Routes {
			if g.Internal || g.Redirect != nil || g.Samples() {
				continue
			}
			for at < len(c.Groups) && (c.Groups[at].Prefix != g.Prefix || len(c.Groups[at].Rows) != len(g.Routes) || c.Groups[at].Rows[0].Mapping != g.Routes[0].Mapping) {
				at++ // one that is left out here
			}
			if at == len(c.Groups) {
				t.Errorf("%s is no group of the report", g.Prefix)
				return
			}
			parts := map[int]int{}
			for _, taken := range router.Divide([]int{i}) {
				parts[taken.Route] += taken.Parts
			}
			for j, row := range c.Groups[at].Rows {
				if compared++; parts[j]*100 != row.Share*model.Whole {
					t.Errorf("%s: %d of %d, and the share is %d", row.Mapping, parts[j], model.Whole, row.Share)
				}
			}
			at++
		}
	}
	for _, table := range []string{"shares.json", "generated.json"} {
		for _, s := range readSets(t, table) {
			check(t, s.Mappings, options)
		}
	}
	rapid.Check(t, func(t *rapid.T) { check(t, drawSet(t), options) })
	if compared < 1500 {
		t.Errorf("only %d shares", compared)
	}
}

// asked returns who takes a request, with parts in percent.
func asked(t *testing.T, objects []map[string]any, q model.Request) string {
	t.Helper()
	c := model.Configure(objects, options)
	if q.Query == nil {
		q.Query = url.Values{}
	}
	out := ""
	for _, taken := range model.NewRouter(c).Ask(c.Ports[0], q) {
		g := c.Routes[taken.Group]
		route := g.Redirect
		if taken.Route >= 0 {
			route = &g.Routes[taken.Route]
		}
		out += fmt.Sprintf("%s %g ", route.Name, 100*float64(taken.Parts)/model.Whole)
	}
	return out
}

// TestAsk: the facts that decide which routes take a request.
func TestAsk(t *testing.T) {
	mapping := func(name string, spec map[string]any) map[string]any {
		if spec["service"] = name; spec["hostname"] == nil {
			spec["hostname"] = "*"
		}
		return newMapping("default", name, spec)
	}
	host := func(name string) map[string]any {
		return map[string]any{
			"apiVersion": "getambassador.io/v3alpha1", "kind": "Host", "metadata": map[string]any{"name": fmt.Sprintf("h%d", len(name)), "namespace": "default"},
			"spec": map[string]any{"hostname": name},
		}
	}
	type spec = map[string]any
	objects := []map[string]any{
		host("*"), host("*.example.com"), host("shop.example.com"),
		mapping("web", spec{"prefix": "/"}),
		mapping("shop", spec{"prefix": "/", "hostname": "shop.example.com"}),
		mapping("api", spec{"prefix": "/api", "weight": int64(60)}),
		mapping("api2", spec{"prefix": "/api", "weight": int64(10)}),
		mapping("cart", spec{"prefix": "/cart/", "weight": int64(0)}),
		mapping("tester", spec{"prefix": "/cart/", "headers": spec{"X-Tester": "yes"}}),
		mapping("exact", spec{"prefix": "/exact", "prefix_exact": true}),
		mapping("any-case", spec{"prefix": "/Any", "case_sensitive": false}),
		mapping("numbers", spec{"prefix": "/n/[0-9]+", "prefix_regex": true}),
		mapping("posts", spec{"prefix": "/post", "method": "POST"}),
		mapping("query", spec{"prefix": "/q", "query_parameters": spec{"a": "b"}}),
		mapping("some", spec{"prefix": "/s/", "regex_headers": spec{"x-request-id": ".*0$"}, "weight": int64(4)}),
		mapping("some-rest", spec{"prefix": "/s/", "regex_headers": spec{"x-request-id": ".*0$"}}),
		mapping("all", spec{"prefix": "/s/"}),
		mapping("moved", spec{"prefix": "/moved/", "host_redirect": true}),
		mapping("named", spec{"prefix": "/named/", "hostname": "*.test"}),
	}
	for _, c := range []struct {
		q    model.Request
		want string
	}{
		{model.Request{Host: "a.test", Path: "/x"}, "web 100 "},
		{model.Request{Host: "shop.example.com", Path: "/x"}, "shop 100 "},
		{model.Request{Host: "www.example.com", Path: "/x"}, "web 100 "},
		{model.Request{Host: "shop.example.com", Path: "/api/x"}, "api 60 api2 10 shop 30 "},
		{model.Request{Host: "a.test", Path: "/apis"}, "api 60 api2 10 web 30 "},
		{model.Request{Host: "a.test", Path: "/cart"}, "web 100 "},
		{model.Request{Host: "a.test", Path: "/cart/"}, "cart 100 "},
		{model.Request{Host: "a.test", Path: "/cart/", Headers: map[string]string{"x-tester": "yes"}}, "tester 100 "},
		{model.Request{Host: "a.test", Path: "/cart/", Headers: map[string]string{"x-tester": "no"}}, "cart 100 "},
		{model.Request{Host: "a.test", Path: "/exact"}, "exact 100 "},
		{model.Request{Host: "a.test", Path: "/exact/"}, "web 100 "},
		{model.Request{Host: "a.test", Path: "/aNy"}, "any-case 100 "},
		{model.Request{Host: "a.test", Path: "/n/12"}, "numbers 100 "},
		{model.Request{Host: "a.test", Path: "/n/12/"}, "web 100 "},
		{model.Request{Host: "a.test", Path: "/post", Method: "POST"}, "posts 100 "},
		{model.Request{Host: "a.test", Path: "/post", Method: "GET"}, "web 100 "},
		{model.Request{Host: "a.test", Path: "/q", Query: url.Values{"a": {"b"}}}, "query 100 "},
		{model.Request{Host: "a.test", Path: "/q", Query: url.Values{"a": {"c"}}}, "web 100 "},
		{model.Request{Host: "a.test", Path: "/s/"}, "some 0.25 some-rest 6 all 93.75 "},
		{model.Request{Host: "a.test", Path: "/moved/"}, "moved 100 "},
		{model.Request{Host: "a.test", Path: "/named/"}, "named 100 "},
		{model.Request{Host: "a.best", Path: "/named/"}, "web 100 "},
	} {
		if have := asked(t, objects, c.q); have != c.want {
			t.Errorf("%+v: %s, want %s", c.q, have, c.want)
		}
	}
	if have := asked(t, objects[1:3], model.Request{Host: "a.test", Path: "/"}); have != "" {
		t.Errorf("no Host: %s", have)
	}
}
