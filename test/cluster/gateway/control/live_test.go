package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// with returns a Listener, a Host for everything, and the given objects.
func (b *testbed) with(more ...map[string]any) []map[string]any {
	return append([]map[string]any{b.listener(), host("all", "*", "Route", nil)}, more...)
}

// wantShares checks shares in percent, by version; the remainder are 404s. With 2,000
// requests and five standard deviations, it distinguishes a share of 10 from one of 7.
func (b *testbed) wantShares(what string, q request, want map[string]float64) {
	b.t.Helper()
	const n = 2000
	got := b.count(n, q)
	rest := 100.0
	for _, share := range want {
		rest -= share
	}
	if rest > 0 {
		want = maps.Clone(want)
		want["404"] = rest
	}
	total := 0
	for version, share := range want {
		total += got[version]
		p := share / 100
		if off := math.Abs(float64(got[version]) - n*p); off > 5*math.Sqrt(n*p*(1-p)) {
			b.t.Errorf("%s: %s got %d of %d requests, expected %v %%; all: %v", what, version, got[version], n, share, got)
		}
	}
	if total != n {
		b.t.Errorf("%s: %v, expected only %v", what, got, want)
	}
}

// TestWeights compares Envoy's shares with the table of shares observed with Emissary.
func TestWeights(t *testing.T) {
	b := newTestbed(t, "web", "web-canary", "web-other")
	web := mapping("web", nil)
	canary := func(weight any, more map[string]any) map[string]any {
		m := mapping("web-canary", map[string]any{"weight": weight})
		maps.Copy(m["spec"].(map[string]any), more)
		return m
	}
	for _, c := range []struct {
		what string
		set  []map[string]any
		want map[string]float64
	}{
		{"nothing", []map[string]any{web}, map[string]float64{"web": 100}},
		{"0", []map[string]any{web, canary(0, nil)}, map[string]float64{"web": 100}},
		{"1", []map[string]any{web, canary(1, nil)}, map[string]float64{"web": 99, "web-canary": 1}},
		{"50", []map[string]any{web, canary(50, nil)}, map[string]float64{"web": 50, "web-canary": 50}},
		{"100", []map[string]any{web, canary(100, nil)}, map[string]float64{"web-canary": 100}},
		{"two canaries", []map[string]any{web, canary(10, nil), mapping("web-other", map[string]any{"weight": 20})}, map[string]float64{"web": 70, "web-canary": 10, "web-other": 20}},
		{"two without weight", []map[string]any{web, canary(10, nil), mapping("web-other", nil)}, map[string]float64{"web": 45, "web-canary": 10, "web-other": 45}},
		{"alone at 0", []map[string]any{canary(0, nil)}, map[string]float64{"web-canary": 100}},
		{"60 and 10", []map[string]any{mapping("web", map[string]any{"weight": 60}), canary(10, nil)}, map[string]float64{"web": 60, "web-canary": 10}},
		{"60 and 50", []map[string]any{mapping("web", map[string]any{"weight": 60}), canary(50, nil)}, map[string]float64{"web": 50, "web-canary": 50}},
		{"101", []map[string]any{web, canary(101, nil)}, map[string]float64{}},
		{"a field only the stable has drops the stable", []map[string]any{mapping("web", map[string]any{"connect_timeout_ms": 1000}), canary(1, nil)}, map[string]float64{"web-canary": 100}},
		{"a dot in the canary's name removes the stable", []map[string]any{web, crd("Mapping", "shop", "web.canary", map[string]any{"hostname": "*", "prefix": "/", "service": "web-canary", "weight": 10})}, map[string]float64{"web-canary": 100}},
	} {
		b.apply(b.with(c.set...)...)
		b.wantShares(c.what, request{}, c.want)
	}
}

// TestNegativeWeightFreezesEverything checks that a negative weight freezes all Mappings,
// related or not, until it is corrected.
func TestNegativeWeightFreezesEverything(t *testing.T) {
	b := newTestbed(t, "web", "web-canary", "web-other")
	canary := mapping("web-canary", map[string]any{"weight": 50})
	b.apply(b.with(mapping("web", nil), canary)...)
	bad := mapping("web-canary", map[string]any{"weight": -5})
	b.apply(b.with(mapping("web", nil), bad)...)
	b.apply(b.with(mapping("web", nil), bad, mapping("web-other", map[string]any{"prefix": "/other"}))...)
	b.wantShares("weight", request{}, map[string]float64{"web": 50, "web-canary": 50})
	b.wantShares("another prefix", request{path: "/other"}, map[string]float64{"web": 50, "web-canary": 50})
	b.apply(b.with(mapping("web", nil), mapping("web-canary", map[string]any{"weight": 0}), mapping("web-other", map[string]any{"prefix": "/other"}))...)
	b.wantShares("mended", request{path: "/other"}, map[string]float64{"web-other": 100})
}

// TestMatching checks which requests reach which Mapping.
func TestMatching(t *testing.T) {
	b := newTestbed(t, "web", "pinned", "regex", "app", "query", "method", "exact", "first", "annotated", "selected", "shouting")
	annotated := map[string]any{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{"name": "annotated", "namespace": "shop", "annotations": map[string]any{
			"getambassador.io/config": "apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nname: annotated\nhostname: '*'\nprefix: /annotated\nservice: annotated\n",
		}},
	}
	selected := mapping("selected", map[string]any{"hostname": nil, "prefix": "/selected"})
	selected["metadata"].(map[string]any)["labels"] = map[string]any{"team": "a"}
	b.apply(b.with(
		mapping("web", nil), annotated, selected,
		host("selecting", "selecting.example.com", "Route", map[string]any{"mappingSelector": map[string]any{"matchLabels": map[string]any{"team": "a"}}}),
		mapping("pinned", map[string]any{"headers": map[string]any{"x-canary": "yes"}}),
		mapping("regex", map[string]any{"regex_headers": map[string]any{"cookie": ".*beta=1.*"}}),
		mapping("app", map[string]any{"hostname": "app.example.com"}),
		mapping("query", map[string]any{"query_parameters": map[string]any{"v": "2"}}),
		mapping("method", map[string]any{"method": "PUT"}),
		mapping("exact", map[string]any{"prefix": "/exact", "prefix_exact": true}),
		mapping("first", map[string]any{"prefix": "/f", "precedence": 10}),
		mapping("shouting", map[string]any{"prefix": "/loud", "case_sensitive": false}),
	)...)
	for _, c := range []struct {
		request
		want string
	}{
		{request{}, "web"},
		{request{header: map[string]string{"X-Canary": "yes"}}, "pinned"},
		{request{header: map[string]string{"X-Canary": "no"}}, "web"},
		{request{header: map[string]string{"Cookie": "a=b; beta=1"}}, "regex"},
		{request{host: "app.example.com"}, "app"},
		{request{host: "APP.example.com"}, "web"},
		{request{host: "other.example.com"}, "web"},
		{request{path: "/?v=2"}, "query"},
		{request{path: "/?v=3"}, "web"},
		{request{method: http.MethodPut}, "method"},
		{request{path: "/exact"}, "exact"},
		{request{path: "/exact/more"}, "web"},
		{request{path: "/file", header: map[string]string{"X-Canary": "yes"}}, "first"},
		{request{path: "/annotated"}, "annotated"},
		{request{path: "/LOUD"}, "shouting"},
		{request{path: "/EXACT"}, "web"},
		{request{path: "/selected", host: "selecting.example.com"}, "selected"},
		{request{path: "/selected"}, "web"},
		// Emissary's own diagnostics take this path of every site; here nothing
		// listens on their port.
		{request{path: "/ambassador/v0/diag/"}, "503"},
	} {
		got, err := b.ask(c.request)
		if err != nil || got != c.want {
			t.Errorf("%+v is answered by %s (%v), want %s", c.request, got, err, c.want)
		}
	}
}

// TestActions checks rewrites, timeouts, redirects and changes of headers.
func TestActions(t *testing.T) {
	b := newTestbed(t, "web", "kept", "slow", "patient", "moved", "headers")
	for _, name := range []string{"slow", "patient"} {
		b.upstreams[name].delay = 3500 * time.Millisecond
	}
	b.apply(b.with(
		mapping("web", map[string]any{"prefix": "/app/"}),
		mapping("kept", map[string]any{"prefix": "/kept", "rewrite": ""}),
		mapping("slow", map[string]any{"prefix": "/slow"}),
		mapping("patient", map[string]any{"prefix": "/patient", "timeout_ms": 8000}),
		mapping("moved", map[string]any{"prefix": "/moved", "host_redirect": true, "service": "new.example.com", "redirect_response_code": 302}),
		mapping("headers", map[string]any{"prefix": "/headers", "regex_rewrite": map[string]any{"pattern": "/headers/([a-z]+)", "substitution": "/\\1/x"},
			"add_request_headers": map[string]any{"x-team": map[string]any{"value": "a"}}, "remove_request_headers": []any{"x-secret"}}),
	)...)
	for path, want := range map[string]string{
		"/app/a/b": "web", "/kept/a": "kept", "/slow": "504", "/patient": "patient", "/moved": "302", "/headers/abc": "headers",
	} {
		if got, err := b.ask(request{path: path, header: map[string]string{"X-Secret": "s"}}); err != nil || got != want {
			t.Errorf("%s is answered by %s (%v), want %s", path, got, err, want)
		}
	}
	for name, path := range map[string]string{"web": "/a/b", "kept": "/kept/a", "headers": "/abc/x"} {
		if seen := b.upstreams[name].seen(); seen[path] != 1 {
			t.Errorf("%s has seen %v, want %s", name, seen, path)
		}
	}
	if h := b.upstreams["headers"].header; h.Get("X-Team") != "a" || h.Get("X-Secret") != "" {
		t.Errorf("headers that arrive: %v", h)
	}
}

// TestShadow checks that a part of the requests is copied, and that no answer to a copy is
// used.
func TestShadow(t *testing.T) {
	b := newTestbed(t, "web", "copy")
	for weight, share := range map[int]float64{100: 1, 25: 0.25} {
		b.apply(b.with(mapping("web", nil), mapping("copy", map[string]any{"shadow": true, "weight": weight}))...)
		before := b.upstreams["copy"].seen()["/"]
		const n = 2000
		b.wantShares("answers", request{}, map[string]float64{"web": 100})
		got := 0
		for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if got = b.upstreams["copy"].seen()["/"] - before; float64(got) >= n*share {
				break // copies may arrive after the answer
			}
		}
		if off := math.Abs(float64(got) - n*share); off > 5*math.Sqrt(n*share*(1-share)) {
			t.Errorf("weight %d: %d of %d requests were copied", weight, got, n)
		}
	}
}

// TestHosts checks what happens to requests without TLS, by Host and Listener.
func TestHosts(t *testing.T) {
	b := newTestbed(t, "web")
	web := mapping("web", nil)
	insecure := b.listener()
	insecure["spec"].(map[string]any)["securityModel"] = "INSECURE"
	https := map[string]string{"X-Forwarded-Proto": "https"}
	for _, c := range []struct {
		what    string
		objects []map[string]any
		header  map[string]string
		want    string
	}{
		{"Route", b.with(web), nil, "web"},
		{"no Host", []map[string]any{b.listener(), web}, nil, "301"},
		{"no Host, behind a load balancer with TLS", []map[string]any{b.listener(), web}, https, "301"},
		{"Reject", []map[string]any{b.listener(), host("all", "*", "Reject", nil), web}, nil, "404"},
		{"Host for another name", []map[string]any{b.listener(), host("all", "app.example.com", "Route", nil), web}, nil, "404"},
		{"INSECURE", []map[string]any{insecure, host("all", "*", "Redirect", nil), web}, nil, "301"},
	} {
		b.apply(c.objects...)
		if got, err := b.ask(request{header: c.header}); err != nil || got != c.want {
			t.Errorf("%s: %s (%v), want %s", c.what, got, err, c.want)
		}
	}
	b.apply(web)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		b.client.CloseIdleConnections()
		if _, err := b.ask(request{}); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("without a Listener requests are answered still")
		}
	}
}

// TestStatistics checks that Envoy's counters, under the model's names, agree with the
// counts of the clients, and that the diagnostics show the same shares.
func TestStatistics(t *testing.T) {
	b := newTestbed(t, "web", "web-canary")
	b.apply(b.with(mapping("web", nil), mapping("web-canary", map[string]any{"weight": 10, "stats_name": "canary_stats"}),
		mapping("other", map[string]any{"prefix": "/other", "weight": 7, "shadow": true, "host_redirect": true}))...)
	seen := b.count(2000, request{})
	server := httptest.NewServer(b.controller.Handler(b.envoy, time.Now()))
	defer server.Close()
	metrics := fetch(t, server.URL+"/metrics")
	for stats, version := range map[string]string{"web_shop": "web", "canary_stats": "web-canary"} {
		line := fmt.Sprintf("envoy_cluster_upstream_rq_total{envoy_cluster_name=%q} %d\n", stats, seen[version])
		if !strings.Contains(metrics, line) {
			t.Errorf("/metrics has no line %s", line)
		}
	}
	var diagnostics struct {
		RouteInfo []struct {
			Prefix string
			Route  struct {
				Mappings []struct {
					Name   string
					Weight int `json:"_weight"`
				}
			} `json:"_route"`
		} `json:"route_info"`
		Errors [][2]string
	}
	if err := json.Unmarshal([]byte(fetch(t, server.URL+"/ambassador/v0/diag/?json=true")), &diagnostics); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range diagnostics.RouteInfo {
		for _, m := range r.Route.Mappings {
			if r.Prefix == "/" {
				got += fmt.Sprintf("%s %d ", m.Name, m.Weight)
			}
		}
	}
	if got != "web-canary 10 web 100 " {
		t.Errorf("the diagnostics say %q", got)
	}
	if len(diagnostics.Errors) != 1 || diagnostics.Errors[0][0] != "other.shop.1" {
		t.Errorf("errors %v, expected one about other", diagnostics.Errors)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, response.Status, err)
	}
	return body.String()
}

// TestChangingWeightsLosesNothing checks that every request is answered while weights go up
// and down.
func TestChangingWeightsLosesNothing(t *testing.T) {
	b := newTestbed(t, "web", "web-canary")
	b.apply(b.with(mapping("web", nil), mapping("web-canary", map[string]any{"weight": 0}))...)
	answers := make(chan map[string]int)
	go func() { answers <- b.count(6000, request{}) }()
	for _, weight := range []int{1, 10, 50, 100, 0, 30} {
		b.apply(b.with(mapping("web", nil), mapping("web-canary", map[string]any{"weight": weight}))...)
	}
	seen := <-answers
	if seen["web"]+seen["web-canary"] != 6000 || seen["web-canary"] == 0 {
		t.Errorf("answers: %v", seen)
	}
}
