package model_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/route/routetest"
)

var options = model.Options{Namespace: "emissary"}

func newMapping(namespace, name string, spec map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": "getambassador.io/v3alpha1", "kind": "Mapping",
		"metadata": map[string]any{"name": name, "namespace": namespace},
		"spec":     spec,
	}
}

// optional sometimes draws a field.
func optional[V any](t *rapid.T, spec map[string]any, field string, values ...V) {
	if rapid.IntRange(0, 5).Draw(t, field+"?") == 0 {
		spec[field] = rapid.SampledFrom(values).Draw(t, field)
	}
}

// drawSet draws Mappings and some objects around them, with distinct names.
func drawSet(t *rapid.T) []map[string]any {
	var set []map[string]any
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		"other/web", "web", "web-canary", "web0-canary", "web.v2", "api", "zz-web", "other/api",
	}), 1, 6, rapid.ID).Draw(t, "names")
	for _, name := range names {
		namespace, short, found := strings.Cut(name, "/")
		if !found {
			namespace, short = "default", name
		}
		spec := map[string]any{
			"prefix":  rapid.SampledFrom([]string{"/", "/app"}).Draw(t, "prefix"),
			"service": rapid.SampledFrom([]string{"web", "web-canary:8080", "https://web.other", "w/x", "[::1"}).Draw(t, "service"),
		}
		if rapid.IntRange(0, 5).Draw(t, "hostname?") > 0 {
			spec["hostname"] = rapid.SampledFrom([]string{"*", "*", "app.example.com", "*.example.com"}).Draw(t, "hostname")
		}
		if rapid.Bool().Draw(t, "weight?") {
			spec["weight"] = rapid.IntRange(0, 100).Draw(t, "weight")
		}
		optional(t, spec, "shadow", true)
		optional(t, spec, "connect_timeout_ms", 1000, 2000)
		optional(t, spec, "circuit_breakers", []any{map[string]any{"max_connections": 10}})
		optional(t, spec, "headers", map[string]any{"x-a": "1"})
		optional(t, spec, "precedence", 1, -1)
		optional(t, spec, "host_redirect", true)
		optional(t, spec, "ambassador_id", []any{"other"})
		optional(t, spec, "stats_name", "shop")
		set = append(set, newMapping(namespace, short, spec))
	}
	if rapid.Bool().Draw(t, "host?") {
		set = append(set, map[string]any{
			"apiVersion": "getambassador.io/v3alpha1", "kind": "Host",
			"metadata": map[string]any{"name": "h", "namespace": "default"},
			"spec":     map[string]any{"hostname": rapid.SampledFrom([]string{"*", "app.example.com", "*.com"}).Draw(t, "host")},
		})
	}
	if rapid.Bool().Draw(t, "service?") {
		set = append(set, map[string]any{
			"apiVersion": "v1", "kind": "Service",
			"metadata": map[string]any{"name": "quote", "namespace": "default", "annotations": map[string]any{
				"getambassador.io/config": "apiVersion: getambassador.io/v2\nkind: Mapping\nname: quote\nprefix: /\nservice: quote\n---\n[",
			}},
		})
	}
	if rapid.Bool().Draw(t, "ingress?") {
		set = append(set, drawIngress(t), map[string]any{
			"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": map[string]any{"name": "main"},
			"spec": map[string]any{"controller": "getambassador.io/ingress-controller"},
		})
	}
	return set
}

func drawIngress(t *rapid.T) map[string]any {
	var paths []any
	for range rapid.IntRange(0, 2).Draw(t, "paths") {
		paths = append(paths, map[string]any{
			"path":     rapid.SampledFrom([]string{"/", "/app", ""}).Draw(t, "path"),
			"pathType": rapid.SampledFrom([]string{"Prefix", "Exact"}).Draw(t, "pathType"),
			"backend":  map[string]any{"service": map[string]any{"name": "old", "port": map[string]any{"number": 80}}},
		})
	}
	rule := map[string]any{"http": map[string]any{"paths": paths}}
	optional(t, rule, "host", "app.example.com", "*.example.com")
	spec := map[string]any{"rules": []any{rule}}
	optional(t, spec, "ingressClassName", "main", "emissary")
	optional(t, spec, "tls", []any{map[string]any{"secretName": "s"}})
	optional(t, spec, "defaultBackend", map[string]any{"service": map[string]any{"name": "old", "port": map[string]any{"number": 80}}})
	return map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": spec,
		"metadata": map[string]any{
			"name": rapid.SampledFrom([]string{"a", "web", "zz"}).Draw(t, "ingress"), "namespace": "default",
			"annotations": map[string]any{"kubernetes.io/ingress.class": rapid.SampledFrom([]string{"ambassador", "nginx"}).Draw(t, "class")},
		},
	}
}

func TestSharesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, g := range model.Evaluate(drawSet(t), options).Groups {
			sum := g.Unrouted
			for _, row := range g.Rows {
				if row.Share < 0 || row.Share > 100 {
					t.Errorf("%s has share %d", row.Mapping, row.Share)
				}
				sum += row.Share
			}
			if sum != 100 {
				t.Errorf("group %s %s: shares and unrouted sum up to %d", g.Host, g.Prefix, sum)
			}
		}
	})
}

func TestOrderOfObjectsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := drawSet(t)
		shuffled := rapid.Permutation(set).Draw(t, "shuffled")
		if diff := cmp.Diff(model.Evaluate(set, options), model.Evaluate(shuffled, options)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUnrelatedObjectsChangeNothing(t *testing.T) {
	unrelated := []map[string]any{
		nil,
		{},
		{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web", "namespace": "default"}},
		{"apiVersion": "example.com/v1", "kind": "Mapping", "metadata": map[string]any{"name": "web", "namespace": "default"}},
		{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "web", "namespace": "default"}},
		{"apiVersion": "getambassador.io/v3alpha1", "kind": "Mapping"},
		{"apiVersion": "getambassador.io/v3alpha1", "kind": "LogService", "metadata": map[string]any{"name": "x"}},
	}
	rapid.Check(t, func(t *rapid.T) {
		set := drawSet(t)
		more := append(append([]map[string]any(nil), set...), rapid.SampledFrom(unrelated).Draw(t, "unrelated"))
		if diff := cmp.Diff(model.Evaluate(set, options), model.Evaluate(more, options)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTypesOfNumbersDoNotMatter checks that a weight may be an int64, float64
// or json.Number. It also checks that Evaluate does not change its input.
func TestTypesOfNumbersDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := drawSet(t)
		want := model.Evaluate(set, options)
		var decoded []map[string]any
		encoded, _ := json.Marshal(set)
		if err := json.Unmarshal(encoded, &decoded); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, model.Evaluate(decoded, options)); diff != "" {
			t.Error(diff)
		}
		again, _ := json.Marshal(set)
		if string(again) != string(encoded) {
			t.Errorf("Evaluate changed its input:\n%s\n%s", encoded, again)
		}
		decoder := json.NewDecoder(strings.NewReader(string(encoded)))
		decoder.UseNumber()
		var numbers []map[string]any
		if err := decoder.Decode(&numbers); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, model.Evaluate(numbers, options)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestExactShare checks the law on which canarize depends: next to a stable
// without weight, a canary gets the share of its weight.
func TestExactShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.IntRange(0, 100).Draw(t, "weight")
		name := rapid.SampledFrom([]string{"a", "web-canary", "web0", "zz"}).Draw(t, "name")
		report := model.Evaluate([]map[string]any{
			newMapping("shop", "web", map[string]any{"hostname": "*", "prefix": "/", "service": "web"}),
			newMapping("shop", name, map[string]any{"hostname": "*", "prefix": "/", "service": "web-canary", "weight": weight}),
		}, options)
		want := []model.Row{
			{Mapping: name, Name: name, Namespace: "shop", Share: weight, Cluster: "cluster_web_canary_shop_shop", Stats: "web_canary_shop"},
			{Mapping: "web", Name: "web", Namespace: "shop", Share: 100 - weight, Cluster: "cluster_web_shop_shop", Stats: "web_shop"},
		}
		if diff := cmp.Diff(want, report.Groups[0].Rows); diff != "" || report.Error || len(report.Dropped) > 0 {
			t.Errorf("%s\n%+v", diff, report)
		}
	})
}

// anything draws decoded JSON with keys that the model reads.
func anything(depth int) *rapid.Generator[any] {
	texts := []string{"", "*", "default", "web", "https://", "[::", "%", "*.a", ".", "ring_hash", "v1"}
	keys := append(model.MustEqualFields(),
		"hostname", "host", "host_regex", "service", "weight", "precedence", "shadow", "host_redirect", "method",
		"regex_headers", "query_parameters", "retry_policy", "resolver", "tls", "ambassador_id", "policy", "cookie",
		"matchLabels", "namespace", "from", "config", "defaults", "httpmapping", "protocol", "protocolStack",
		"hostBinding", "securityModel", "mappingSelector", "port", "priority", "stats_name", "v3StatsName",
	)
	return routetest.Anything(depth, texts, keys)
}

func TestNothingPanics(t *testing.T) {
	kinds := []string{"Mapping", "TCPMapping", "Host", "Module", "Listener", "ConsulResolver", "TLSContext", "Service", "Ingress", "IngressClass"}
	rapid.Check(t, func(t *rapid.T) {
		var set []map[string]any
		for i := range rapid.IntRange(1, 4).Draw(t, "objects") {
			meta := map[string]any{"name": fmt.Sprintf("o%d", i), "namespace": "default", "labels": anything(1).Draw(t, "labels")}
			if rapid.Bool().Draw(t, "module name") {
				meta["name"] = "ambassador"
			}
			set = append(set, map[string]any{
				"apiVersion": rapid.SampledFrom([]string{"getambassador.io/v3alpha1", "getambassador.io/v2", "getambassador.io/v1", "v1", "networking.k8s.io/v1"}).Draw(t, "version"),
				"kind":       rapid.SampledFrom(kinds).Draw(t, "kind"),
				"metadata":   meta,
				"spec":       anything(3).Draw(t, "spec"),
			})
		}
		first := model.Evaluate(set, options)
		if !reflect.DeepEqual(first, model.Evaluate(set, options)) {
			t.Error("two evaluations differ")
		}
		encoded, err := json.Marshal(first)
		if err != nil || strings.Contains(string(encoded), ":null,\"errors") {
			t.Errorf("%s %v", encoded, err)
		}
	})
}
