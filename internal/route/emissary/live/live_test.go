package live_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// dump returns a config_dump of Envoy with one virtual host, as with ?resource=.
func dump(routes string) string {
	return fmt.Sprintf(`{"configs": [{
	  "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump.DynamicRouteConfig",
	  "route_config": {"name": "listener-routeconfig", "virtual_hosts": [{"name": "shop-*", "domains": ["*"], "routes": [%s]}]}
	}]}`, routes)
}

// envoyRoute returns a route as Emissary writes it. The fraction "" means none.
func envoyRoute(match, fraction, cluster string) string {
	if fraction != "" {
		match += `, "runtime_fraction": ` + fraction
	}
	return fmt.Sprintf(`{"match": {%s}, "route": {"cluster": %q}}`, match, cluster)
}

const (
	root     = `"prefix": "/"`
	secure   = root + `, "headers": [{"name": "x-forwarded-proto", "exact_match": "https"}]`
	tenOf100 = `{"default_value": {"numerator": 10}, "runtime_key": "routing.traffic_shift.cluster_b"}`
)

func TestParseConfigDump(t *testing.T) {
	member := func(cluster string, share float64) live.Member { return live.Member{Cluster: cluster, Share: share} }
	const where = "/ (host *)"
	for _, c := range []struct {
		name, routes string
		want         []live.Group
	}{
		{"no route", ``, nil},
		{
			"ten percent", envoyRoute(root, tenOf100, "b") + "," + envoyRoute(root, `{"default_value": {"numerator": 100}}`, "a"),
			[]live.Group{{Match: where, Members: []live.Member{member("b", 10), member("a", 90)}}},
		},
		{
			"no numerator is zero", envoyRoute(root, `{"default_value": {}}`, "b") + "," + envoyRoute(root, "", "a"),
			[]live.Group{{Match: where, Members: []live.Member{member("b", 0), member("a", 100)}}},
		},
		{
			"unrouted", envoyRoute(root, `{"default_value": {"numerator": 60}}`, "b") + "," + envoyRoute(root, `{"default_value": {"numerator": 70}}`, "a"),
			[]live.Group{{Match: where, Members: []live.Member{member("b", 60), member("a", 10)}, Unrouted: 30}},
		},
		{
			"a route behind a higher one gets nothing", envoyRoute(root, "", "a") + "," + envoyRoute(root, tenOf100, "b"),
			[]live.Group{{Match: where, Members: []live.Member{member("a", 100), member("b", 0)}}},
		},
		{
			"finer than a percent", envoyRoute(root, `{"default_value": {"numerator": 1, "denominator": "MILLION"}}`, "b") + "," + envoyRoute(root, "", "a"),
			[]live.Group{{Match: where, Members: []live.Member{member("b", 0.0001), member("a", 99.9999)}}},
		},
		{
			"two groups", envoyRoute(secure, tenOf100, "b") + "," + envoyRoute(root, "", "a"),
			[]live.Group{
				{Match: where, Members: []live.Member{member("b", 10)}, Unrouted: 90},
				{Match: where, Members: []live.Member{member("a", 100)}},
			},
		},
		{
			"case_sensitive is each Mapping's own", envoyRoute(root+`, "case_sensitive": false`, tenOf100, "b") + "," + envoyRoute(root, "", "a"),
			[]live.Group{{Match: where, Members: []live.Member{member("b", 10), member("a", 90)}}},
		},
		{"no cluster", `{"match": {"prefix": "/"}, "redirect": {"https_redirect": true}}, {"match": {"path": "/x"}, "direct_response": {}}`, nil},
		{
			"regex", envoyRoute(`"safe_regex": {"regex": "/a.*"}`, "", "a"),
			[]live.Group{{Match: "/a.* (host *)", Members: []live.Member{member("a", 100)}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := live.ParseConfigDump([]byte(dump(c.routes)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Groups, cmpopts.IgnoreFields(live.Group{}, "Route")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestWholeDump parses an answer to a request without ?resource=.
func TestWholeDump(t *testing.T) {
	whole := fmt.Sprintf(`{"configs": [{"@type": "x", "bootstrap": {}}, {"static_route_configs": [], "dynamic_route_configs": %s}]}`,
		dump(envoyRoute(root, "", "a"))[len(`{"configs": `):len(dump(envoyRoute(root, "", "a")))-1])
	got, err := live.ParseConfigDump([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Groups) != 1 || got.Groups[0].Members[0] != (live.Member{Cluster: "a", Share: 100}) {
		t.Errorf("%+v", got)
	}
}

func TestWrongConfigDumps(t *testing.T) {
	for name, text := range map[string]string{
		"config_dump of Envoy: unexpected end of JSON input":                                                                           ``,
		"config_dump of Envoy: it has no routes yet":                                                                                   `{}`,
		`config_dump of Envoy: route configuration "listener-routeconfig": virtual host "shop-*": unknown denominator THOUSAND`:        dump(envoyRoute(root, `{"default_value": {"denominator": "THOUSAND"}}`, "a")),
		`config_dump of Envoy: route configuration "listener-routeconfig": virtual host "shop-*": unknown denominator 1`:               dump(envoyRoute(root, `{"default_value": {"denominator": 1}}`, "a")),
		`config_dump of Envoy: route configuration "listener-routeconfig": virtual host "shop-*": numerator -1 is not a number from 0`: dump(envoyRoute(root, `{"default_value": {"numerator": -1}}`, "a")),
	} {
		if _, err := live.ParseConfigDump([]byte(text)); err == nil || err.Error() != name {
			t.Errorf("%v, expected %s", err, name)
		}
	}
}

const diagnostics = `{
  "route_info": [{
    "prefix": "/", "host": "*", "key": "http://*/", "clusters": [{"name": "cluster_b", "weight": 10}],
    "_route": {"prefix": "/", "mappings": [
      {"name": "web-canary", "namespace": "shop", "_weight": 10, "cluster": {"name": "cluster_b", "envoy_name": "cluster_b"}},
      {"name": "web", "namespace": "shop", "_weight": 100, "cluster": "cluster_a"}
    ]}
  }, {
    "prefix": "/ambassador/v0/check_ready", "host": "*",
    "_route": {"mappings": [{"name": "internal_readiness_probe_mapping", "namespace": "emissary", "cluster": {"name": "long", "envoy_name": "short"}}]}
  }],
  "errors": [["web-canary.shop.1", "something is wrong"], ["", "everything is wrong"], {"odd": 1}]
}`

func TestParseDiagnostics(t *testing.T) {
	got, err := live.ParseDiagnostics([]byte(diagnostics))
	if err != nil {
		t.Fatal(err)
	}
	want := live.View{
		Groups: []live.Group{
			{Match: "/ (host *)", Members: []live.Member{
				{Namespace: "shop", Mapping: "web-canary", Cluster: "cluster_b", Share: 10},
				{Namespace: "shop", Mapping: "web", Cluster: "cluster_a", Share: 90},
			}},
			{Match: "/ambassador/v0/check_ready (host *)", Members: []live.Member{
				{Namespace: "emissary", Mapping: "internal_readiness_probe_mapping", Cluster: "short", Share: 100},
			}},
		},
		Errors: []live.Error{{Object: "web-canary.shop.1", Text: "something is wrong"}, {Text: "everything is wrong"}, {Text: `{"odd": 1}`}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, text := range []string{"", "{}", `{"route_info": null}`, `<html>`, `{"route_info": {}}`} {
		if _, err := live.ParseDiagnostics([]byte(text)); err == nil {
			t.Errorf("no error for %q", text)
		}
	}
}

// TestRoute: of the groups that lead to a cluster, the Mapping's own group is found.
func TestRoute(t *testing.T) {
	const pinned = root + `, "headers": [{"name": "X-Canary", "string_match": {"exact": "always"}}, {"name": "x-forwarded-proto"}]`
	view, err := live.ParseConfigDump([]byte(dump(
		envoyRoute(pinned, "", "b") + "," + envoyRoute(secure, tenOf100, "b") + "," + envoyRoute(secure, "", "a") + "," + envoyRoute(`"safe_regex": {"regex": "/x.*"}, "query_parameters": [{"name": "v"}]`, "", "c"),
	)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec    map[string]any
		cluster string
		share   float64
	}{
		{map[string]any{"prefix": "/"}, "b", 10},
		{map[string]any{"prefix": "/"}, "a", 90},
		{map[string]any{"prefix": "/", "headers": map[string]any{"x-canary": "always"}}, "b", 100},
		{map[string]any{"prefix": "/", "regex_headers": map[string]any{"x-canary": "a.*"}}, "b", 100},
		{map[string]any{"prefix": "/x.*", "query_parameters": map[string]any{"v": "1"}, "prefix_regex": true}, "c", 100},
	} {
		wants := []live.Want{{Cluster: c.cluster, Share: c.share, Route: live.RouteOf(c.spec)}}
		if problems := live.Check(view, wants); problems != nil {
			t.Errorf("%v: %q", c.spec, problems)
		}
	}
	for _, spec := range []map[string]any{{"prefix": "/", "method": "GET"}, {"prefix": "/y"}} {
		if problems := live.Check(view, []live.Want{{Cluster: "b", Share: 10, Route: live.RouteOf(spec)}}); len(problems) != 1 || problems[0] != "cluster b has no route" {
			t.Errorf("%v: %q", spec, problems)
		}
	}
	if route := live.RouteOf(map[string]any{"port": 80}); route != nil {
		t.Errorf("a Mapping without a prefix: %v", route)
	}
}

// TestSourcesAgree: for any thresholds, both sources give the same shares. They equal
// those of a draw against each threshold in turn, and their sum is all requests.
func TestSourcesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		thresholds := rapid.SliceOfN(rapid.IntRange(0, 120), 1, 5).Draw(t, "thresholds")
		var routes []json.RawMessage
		var mappings []map[string]any
		for i, threshold := range thresholds {
			cluster := fmt.Sprint("c", i)
			routes = append(routes, json.RawMessage(envoyRoute(root, fmt.Sprintf(`{"default_value": {"numerator": %d}}`, threshold), cluster)))
			mappings = append(mappings, map[string]any{"name": "m", "namespace": "n", "cluster": cluster, "_weight": threshold})
		}
		text, err := json.Marshal(routes)
		if err != nil {
			t.Fatal(err)
		}
		envoy, err := live.ParseConfigDump([]byte(dump(string(text[1 : len(text)-1]))))
		if err != nil {
			t.Fatal(err)
		}
		diag, err := json.Marshal(map[string]any{"route_info": []any{map[string]any{"_route": map[string]any{"mappings": mappings}}}})
		if err != nil {
			t.Fatal(err)
		}
		emissary, err := live.ParseDiagnostics(diag)
		if err != nil {
			t.Fatal(err)
		}
		sum := envoy.Groups[0].Unrouted
		for i, m := range envoy.Groups[0].Members {
			sum += m.Share
			if other := emissary.Groups[0].Members[i].Share; other != m.Share || m.Share != float64(draws(thresholds, i)) {
				t.Fatalf("member %d: Envoy %v %%, Emissary %v %%, drawn %d %%", i, m.Share, other, draws(thresholds, i))
			}
		}
		if math.Abs(sum-100) > 1e-9 {
			t.Fatalf("%v %% in all", sum)
		}
	})
}

// draws counts the numbers 0 to 99 for which the i-th threshold is the first match,
// like Envoy's search for a route.
func draws(thresholds []int, i int) (n int) {
	for draw := range 100 {
		first := -1
		for j, threshold := range thresholds {
			if draw < threshold {
				first = j
				break
			}
		}
		if first == i {
			n++
		}
	}
	return n
}

func FuzzParseConfigDump(f *testing.F) {
	f.Add([]byte(dump(envoyRoute(secure, tenOf100, "b") + "," + envoyRoute(root, "", "a"))))
	f.Add([]byte(`{"configs": [{"dynamic_route_configs": [{}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) { checkParser(t, text, live.ParseConfigDump) })
}

func FuzzParseDiagnostics(f *testing.F) {
	f.Add([]byte(diagnostics))
	f.Fuzz(func(t *testing.T, text []byte) { checkParser(t, text, live.ParseDiagnostics) })
}

// checkParser checks that the shares from any text are parts of a whole.
func checkParser(t *testing.T, text []byte, parse func([]byte) (live.View, error)) {
	view, err := parse(text)
	if err != nil {
		return
	}
	for _, g := range view.Groups {
		sum := g.Unrouted
		for _, m := range g.Members {
			if m.Share < 0 || m.Share > 100 {
				t.Errorf("%s: %s has %v %%", g.Match, m.Cluster, m.Share)
			}
			sum += m.Share
		}
		if math.Abs(sum-100) > 1e-6 {
			t.Errorf("%s: %v %% in all", g.Match, sum)
		}
	}
}

// listeners returns a dump with one listener for each configuration of a filter.
func listeners(configs ...string) string {
	var all []string
	for _, c := range configs {
		all = append(all, fmt.Sprintf(`{"name": "tcp", "active_state": {"listener": {"filter_chains": [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": %s}]}]}}}`, c))
	}
	return `{"configs": [` + strings.Join(all, ",") + `]}`
}

const tcpProxy = `"@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"`

func TestParseListeners(t *testing.T) {
	got, err := live.ParseListeners([]byte(listeners(
		`{`+tcpProxy+`, "weighted_clusters": {"clusters": [{"name": "b", "weight": 25}, {"name": "a", "weight": 100}]}}`,
		`{`+tcpProxy+`, "cluster": "c"}`,
		`{`+tcpProxy+`}`,
		`{"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"}`,
	)))
	if err != nil {
		t.Fatal(err)
	}
	want := []live.Group{
		{Match: "tcp", Members: []live.Member{{Cluster: "b", Share: 20}, {Cluster: "a", Share: 80}}},
		{Match: "tcp", Members: []live.Member{{Cluster: "c", Share: 100}}},
	}
	if diff := cmp.Diff(want, got.Groups); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wants := []live.Want{{Namespace: "n", Mapping: "m", Cluster: "b", Share: 25, TCP: true}}
	if diff := cmp.Diff([]string{"TCPMapping n/m has 20 % of the requests, not 25 %"}, live.Check(got, wants)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := live.ParseListeners([]byte("no")); err == nil {
		t.Error("no error for invalid JSON")
	}
}

func FuzzParseListeners(f *testing.F) {
	f.Add([]byte(listeners(`{` + tcpProxy + `, "weighted_clusters": {"clusters": [{"name": "b", "weight": 1}, {"name": "a", "weight": 100}]}}`)))
	f.Fuzz(func(t *testing.T, text []byte) { checkParser(t, text, live.ParseListeners) })
}

// TestRealEnvoy parses pages of Envoy 1.40 and of the gateway of test/cluster, recorded
// while the sample application had a canary at 10 %.
func TestRealEnvoy(t *testing.T) {
	route := map[string]any{"prefix": "/", "hostname": "*", "service": "sampleapp:8080"}
	canary := map[string]any{"prefix": "/", "hostname": "*", "service": "sampleapp-canary:8080"}
	want := func(name string, spec map[string]any, share float64) live.Want {
		mapping := map[string]any{"apiVersion": "getambassador.io/v3alpha1", "kind": "Mapping", "metadata": map[string]any{"name": name, "namespace": "default"}, "spec": spec}
		cluster, _ := model.Names(mapping, model.Options{Namespace: "emissary"})
		return live.Want{Namespace: "default", Mapping: name, Cluster: cluster, Share: share, Route: live.RouteOf(spec)}
	}
	wants := []live.Want{want("sampleapp", route, 90), want("sampleapp-canary", canary, 10)}
	wrong := []live.Want{want("sampleapp-canary", canary, 11)}
	for file, parse := range map[string]func([]byte) (live.View, error){
		"config_dump.json": live.ParseConfigDump, "diagnostics.json": live.ParseDiagnostics,
	} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		view, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if problems := live.Check(view, wants); problems != nil {
			t.Errorf("%s: %q", file, problems)
		}
		if problems := live.Check(view, wrong); len(problems) == 0 {
			t.Errorf("%s: no problem reported for a missing share", file)
		}
	}
}
