package control

import (
	"testing"
)

// ingress returns an Ingress of Emissary's class for the path / of a Service.
func ingress(name, service string) map[string]any {
	backend := map[string]any{"service": map[string]any{"name": service, "port": map[string]any{"number": 80}}}
	path := map[string]any{"path": "/", "pathType": "Prefix", "backend": backend}
	return map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{"name": name, "namespace": "shop", "annotations": map[string]any{"kubernetes.io/ingress.class": "ambassador"}},
		"spec":     map[string]any{"rules": []any{map[string]any{"http": map[string]any{"paths": []any{path}}}}},
	}
}

// TestTraps compares Envoy's shares with those seen with Emissary, and with the real
// shares of the model's report: groups with one match, samples, and Ingresses. The
// Mappings of a set have the names of their Services.
func TestTraps(t *testing.T) {
	b := newTestbed(t, "web", "web-canary", "web-other", "own.a", "own.b")
	web, canary := mapping("web", nil), mapping("web-canary", map[string]any{"weight": 10})
	sampled := func(name string, more map[string]any) map[string]any {
		fields := map[string]any{"regex_headers": map[string]any{"x-request-id": ".*[0-7]$"}}
		for k, v := range more {
			fields[k] = v
		}
		return mapping(name, fields)
	}
	for _, c := range []struct {
		what string
		set  []map[string]any
		want map[string]float64
	}{
		{"an Ingress before the Mapping", []map[string]any{web, canary, ingress("old", "web-other")}, map[string]float64{"web": 45, "web-canary": 10, "web-other": 45}},
		{"an Ingress after the Mapping", []map[string]any{web, canary, ingress("zz", "web-other")}, map[string]float64{"web": 90, "web-canary": 10}},
		{"the same match by precedence", []map[string]any{web, mapping("web-other", map[string]any{"precedence": 5})}, map[string]float64{"web-other": 100}},
		{"the same match with a rest", []map[string]any{
			web, mapping("web-other", map[string]any{"precedence": 5, "weight": 60}), mapping("web-canary", map[string]any{"precedence": 5, "weight": 10}),
		}, map[string]float64{"web-other": 60, "web-canary": 10, "web": 30}},
		{"the rest is shared by weight", []map[string]any{
			web, mapping("web-canary", map[string]any{"weight": 80}), mapping("web-other", map[string]any{"precedence": 5, "weight": 60}), mapping("own.a", map[string]any{"service": "web-other", "precedence": 5, "weight": 10}),
		}, map[string]float64{"web-other": 70, "web-canary": 10, "web": 20}},
		{"a sample", []map[string]any{web, sampled("web-canary", map[string]any{"weight": 20}), sampled("web-other", nil)}, map[string]float64{"web": 50, "web-canary": 10, "web-other": 40}},
	} {
		b.apply(b.with(c.set...)...)
		b.wantShares(c.what, request{}, c.want)
		got := map[string]float64{}
		for _, g := range b.controller.config().Groups {
			for i, row := range g.Rows {
				real := float64(row.Share)
				if g.Reach != nil {
					real = g.Reach.Real[i]
				}
				got[serviceOfCluster(row.Cluster)] += real
			}
		}
		for service, share := range got {
			if share != c.want[service] {
				t.Errorf("%s: the report says %v, expected %v", c.what, got, c.want)
			}
		}
	}
}

// serviceOfCluster returns the Service of a cluster's name in these tests.
func serviceOfCluster(cluster string) string {
	return map[string]string{
		"cluster_web_shop_shop": "web", "cluster_web_canary_shop_shop": "web-canary", "cluster_web_other_shop_shop": "web-other",
		"cluster_web_other_shop_80_shop": "web-other",
	}[cluster]
}

// TestDottedNames checks that of two Mappings of one name up to the first dot, Emissary's
// cache keeps the first, in any group.
func TestDottedNames(t *testing.T) {
	b := newTestbed(t, "web", "web-other")
	b.apply(b.with(
		mapping("web", nil),
		mapping("own.a", map[string]any{"prefix": "/a", "service": "web-other"}),
		mapping("own.b", map[string]any{"prefix": "/b", "service": "web-other"}),
	)...)
	b.wantShares("the first", request{path: "/a"}, map[string]float64{"web-other": 100})
	b.wantShares("the second", request{path: "/b"}, map[string]float64{"web": 100})
}
