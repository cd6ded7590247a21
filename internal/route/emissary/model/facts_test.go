package model_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// TestErrors checks the messages to the user, about errors that Emissary posts
// and about silent ones.
func TestErrors(t *testing.T) {
	stable := newMapping("shop", "web", map[string]any{"hostname": "*", "prefix": "/", "service": "web"})
	canary := func(name string, fields map[string]any) map[string]any {
		spec := map[string]any{"hostname": "*", "prefix": "/", "service": "web-canary"}
		for k, v := range fields {
			spec[k] = v
		}
		return newMapping("shop", name, spec)
	}
	for _, c := range []struct {
		what    string
		canary  map[string]any
		posted  bool
		dropped []string
		says    []string
	}{
		{"weight 101", canary("web-canary", map[string]any{"weight": 101}), true, nil, []string{"Mapping shop/web-canary", "101", "cold start", "404"}},
		{"negative", canary("web-canary", map[string]any{"weight": -5}), false, nil, []string{"Mapping shop/web-canary", "negative", "whole configuration freezes"}},
		{"mismatch", canary("web-canary", map[string]any{"keepalive": map[string]any{"time": 1}, "connect_timeout_ms": 1}), false, nil, nil},
		{"mismatch of a later one", canary("web0", map[string]any{"connect_timeout_ms": 1}), true, []string{"web0"}, []string{"Mapping shop/web0", "connect_timeout_ms", "Mapping shop/web", "drops"}},
		{"dots", canary("web.canary", map[string]any{"weight": 10}), false, []string{"web"}, []string{"Mapping shop/web:", `"web"`, "silently"}},
		{"no service", canary("web0", map[string]any{"service": nil}), true, []string{"web0"}, []string{"Mapping shop/web0", "service"}},
		{"weight of the wrong type", canary("web0", map[string]any{"weight": "10"}), true, []string{"web0"}, []string{"Mapping shop/web0", "weight"}},
		{"another id", canary("web0", map[string]any{"ambassador_id": []any{"x"}}), false, []string{"web0"}, nil},
	} {
		report := model.Evaluate([]map[string]any{stable, c.canary}, options)
		all := strings.Join(report.Errors, "\n")
		for _, word := range c.says {
			if !strings.Contains(all, word) {
				t.Errorf("%s: %q does not say %q", c.what, all, word)
			}
		}
		if report.Error != c.posted || len(c.says) == 0 && all != "" {
			t.Errorf("%s: error %v, texts %q", c.what, report.Error, all)
		}
		if diff := cmp.Diff(append([]string{}, c.dropped...), report.Dropped); diff != "" {
			t.Errorf("%s: dropped %s", c.what, diff)
		}
		for _, d := range report.Drops {
			if d.Reason == "" || d.Namespace != "shop" {
				t.Errorf("%s: %+v", c.what, d)
			}
		}
	}
}

func TestReportHasNoNullLists(t *testing.T) {
	for _, report := range []model.Report{
		{}, model.Evaluate(nil, options), {Groups: []model.Group{{}}},
	} {
		encoded, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(string(encoded), `"host":null`, ""); strings.Contains(got, "null") {
			t.Errorf("%s", encoded)
		}
	}
	encoded, _ := json.Marshal(model.Evaluate([]map[string]any{
		newMapping("emissary", "web", map[string]any{"hostname": "*", "prefix": "/", "service": "web"}),
	}, options))
	want := `{"groups":[{"host":"*","prefix":"/","routed":true,"unrouted":0,"shadows":[],"rows":[{"mapping":"web","namespace":"emissary","share":100,"cluster":"cluster_web_emissary","stats":"web"}]}],"dropped":[],"error":false,"errors":[]}`
	if string(encoded) != want {
		t.Errorf("got  %s\nwant %s", encoded, want)
	}
}

func TestToV3Alpha1(t *testing.T) {
	for _, c := range []struct{ v2, v3 string }{
		{`{"prefix":"/","service":"web"}`, `{"hostname":"*","prefix":"/","service":"web"}`},
		{`{"host":"a.b","service":"web","tls":true}`, `{"hostname":"a.b","service":"https://web"}`},
		{`{"host":"a.*","host_regex":true}`, `{"host":"a.*","host_regex":true}`},
		{`{"host":"_skip_mapping_with_empty_host_"}`, `{}`},
		{`{"host":"*","service":"http://web:1","tls":true}`, `{"hostname":"*","service":"https://web:1"}`},
		{`{"host":"*","service":"web","tls":false}`, `{"hostname":"*","service":"web"}`},
		{`{"host":"*","tls":"ctx"}`, `{"hostname":"*","tls":"ctx"}`},
		{`{"host":"*","headers":{"a":true,"b":"x","c":false},"query_parameters":{"q":true}}`, `{"headers":{"b":"x"},"hostname":"*","regex_headers":{"a":".*"},"regex_query_parameters":{"q":".*"}}`},
		{`{"host":"*","ambassador_id":["--apiVersion-v3alpha1-only--default"],"v3StatsName":"s","weight":null}`, `{"ambassador_id":["default"],"hostname":"*","stats_name":"s"}`},
	} {
		var spec map[string]any
		if err := json.Unmarshal([]byte(c.v2), &spec); err != nil {
			t.Fatal(err)
		}
		mapping := newMapping("default", "web", spec)
		mapping["apiVersion"] = "getambassador.io/v2"
		out := model.ToV3Alpha1(mapping)
		got, _ := json.Marshal(out["spec"])
		if string(got) != c.v3 || out["apiVersion"] != "getambassador.io/v3alpha1" {
			t.Errorf("%s: got %s, want %s", c.v2, got, c.v3)
		}
	}
}

func TestAnnotations(t *testing.T) {
	owner := func(annotation string) map[string]any {
		return map[string]any{
			"apiVersion": "v1", "kind": "Service",
			"metadata": map[string]any{
				"name": "quote", "namespace": "shop", "labels": map[string]any{"host": "app"},
				"annotations": map[string]any{"getambassador.io/config": annotation},
			},
		}
	}
	report := model.Evaluate([]map[string]any{
		owner("---\napiVersion: ambassador/v1\nkind: Mapping\nname: quote_mapping\nprefix: /\nservice: quote\n" +
			"---\n---\napiVersion: getambassador.io/v3alpha1\nkind: Mapping\nname: quote-canary\nhostname: '*'\nprefix: /\nservice: quote-canary\nweight: 10\n"),
	}, options)
	if len(report.Groups) != 1 || len(report.Groups[0].Rows) != 2 || report.Groups[0].Rows[0].Share != 10 || report.Groups[0].Rows[1].Mapping != "quote_mapping" {
		t.Errorf("%+v", report)
	}
	objects, err := model.AnnotationObjects(owner("apiVersion: getambassador.io/v2\nkind: Mapping\nname: q\nprefix: /q/\nservice: q"))
	want := []map[string]any{{
		"apiVersion": "getambassador.io/v2", "kind": "Mapping",
		"metadata": map[string]any{"name": "q", "namespace": "shop", "labels": map[string]any{"host": "app"}},
		"spec":     map[string]any{"prefix": "/q/", "service": "q"},
	}}
	if diff := cmp.Diff(want, objects); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	// A broken annotation and an alias bomb are ignored. An implementation
	// that expands the bomb does not end.
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 8) + "*" + string(c-1) + "]\n"
	}
	for _, source := range []string{"a: [", "- x", bomb, "&a [*a]"} {
		report := model.Evaluate([]map[string]any{owner(source)}, options)
		if len(report.Errors) != 1 || !strings.Contains(report.Errors[0], "Service shop/quote") || report.Error {
			t.Errorf("%.40q: %+v", source, report)
		}
	}
	report = model.Evaluate([]map[string]any{owner("apiVersion: ambassador/v0\nkind: Mapping\nname: old\nprefix: /\nservice: q")}, options)
	if !report.Error || len(report.Dropped) != 1 {
		t.Errorf("%+v", report)
	}
}

func TestNames(t *testing.T) {
	mapping := newMapping("default", "web-canary", map[string]any{"prefix": "/", "service": "sampleapp-canary"})
	if c, s := model.Names(mapping, options); c != "cluster_sampleapp_canary_default_default" || s != "sampleapp_canary_default" {
		t.Errorf("%q %q", c, s)
	}
	long := newMapping("default", "x", map[string]any{"prefix": "/", "service": "sampleapp-canary.default.svc.cluster.local:80"})
	if c, _ := model.Names(long, model.Options{Namespace: "default"}); c != "cluster_sampleapp_canary_default_svc_clu-8AA895CA9701F274-0" {
		t.Errorf("%q", c)
	}
	if c, s := model.Names(map[string]any{"kind": "Service"}, options); c != "" || s != "" {
		t.Errorf("%q", c)
	}
}

// TestReachability checks that Routed follows clusters, and that Hosts lists
// the Hosts that really match a group.
func TestReachability(t *testing.T) {
	report := model.Evaluate([]map[string]any{
		newMapping("shop", "web", map[string]any{"hostname": "a.example.com", "prefix": "/", "service": "web"}),
		newMapping("shop", "lost", map[string]any{"prefix": "/lost/", "service": "lost"}),
		{
			"apiVersion": "getambassador.io/v3alpha1", "kind": "Host",
			"metadata": map[string]any{"name": "h", "namespace": "shop"},
			"spec":     map[string]any{"hostname": "*.example.com"},
		},
	}, options)
	got := map[string][]string{}
	for _, g := range report.Groups {
		got[g.Rows[0].Mapping] = g.Hosts
		if g.Routed != (len(g.Hosts) > 0) {
			t.Errorf("%+v", g)
		}
	}
	if diff := cmp.Diff(map[string][]string{"web": {"*.example.com"}, "lost": nil}, got); diff != "" {
		t.Error(diff)
	}
}

// TestNamesInSeveralNamespaces: a Mapping that Emissary calls by another name gets its
// requests; one that it also drops has the real reason.
func TestNamesInSeveralNamespaces(t *testing.T) {
	in := func(namespace, host string, more map[string]any) map[string]any {
		spec := map[string]any{"hostname": host, "prefix": "/", "service": "web"}
		for k, v := range more {
			spec[k] = v
		}
		return newMapping(namespace, "web", spec)
	}
	red := newMapping("red", "a", map[string]any{"hostname": "red", "prefix": "/", "service": "web"})
	report := model.Evaluate([]map[string]any{
		in("blue", "blue", nil), in("green", "green", nil), red, in("red", "red", map[string]any{"connect_timeout_ms": 1}),
		in("teal", "teal", map[string]any{"shadow": true}),
	}, options)
	var rows []string
	for _, g := range report.Groups {
		for _, row := range g.Rows {
			rows = append(rows, row.Mapping+" = "+row.Member())
		}
	}
	slices.Sort(rows)
	if want := []string{"a = Mapping red/a", "web = Mapping blue/web", "web.green = Mapping green/web"}; !slices.Equal(rows, want) {
		t.Errorf("rows %q", rows)
	}
	want := map[string]string{"green": "is called web.green by Emissary", "red": "has another connect_timeout_ms", "teal": "shadows nothing"}
	for _, d := range report.Drops {
		if !strings.Contains(d.Reason, want[d.Namespace]) || d.Alias != (d.Namespace == "green") || want[d.Namespace] == "" {
			t.Errorf("%+v", d)
		}
	}
	if len(report.Drops) != len(want) {
		t.Errorf("%+v", report.Drops)
	}
}
