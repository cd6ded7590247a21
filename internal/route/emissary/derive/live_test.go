package derive

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type values = map[string]any

// TestShare reads back every share that a release can write.
func TestShare(t *testing.T) {
	for _, version := range []Version{{}, {Major: 3, Minor: 10}, {Major: 4, Minor: 2}} {
		for kind, limit := range map[string]int{"Mapping": 100, "TCPMapping": version.MaxTCPShare()} {
			for percent := range limit + 1 {
				for _, weight := range []any{int64(Weight(kind, percent, version)), float64(Weight(kind, percent, version))} {
					route := values{"kind": kind, "spec": values{"weight": weight}}
					if got := Share(route, version); got != percent {
						t.Errorf("%s at %v in %s: %d %%, expected %d", kind, weight, version, got, percent)
					}
				}
			}
		}
	}
	for _, spec := range []values{nil, {}, {"weight": "10"}} {
		if got := Share(values{"kind": "Mapping", "spec": spec}, Version{}); got != 50 {
			t.Errorf("a Mapping with spec %v: %d %%, expected half", spec, got)
		}
	}
}

func TestTimeout(t *testing.T) {
	for _, c := range []struct {
		spec values
		want int
	}{{nil, 3000}, {values{"timeout_ms": int64(10)}, 10}, {values{"timeout_ms": 0.0}, 0}} {
		if got := Timeout(values{"spec": c.spec}); got != c.want {
			t.Errorf("%v: %d ms, expected %d", c.spec, got, c.want)
		}
	}
}

func TestResync(t *testing.T) {
	const annotation = "---\napiVersion: getambassador.io/v2\nkind: Mapping\nname: other\nprefix: /other\n---\napiVersion: getambassador.io/v2\nkind: Mapping\nname: shop\nprefix: %s\nambassador_id: blue\nservice: shop\n"
	mapping := func(spec values) values {
		return values{"apiVersion": "getambassador.io/v3alpha1", "kind": "Mapping", "metadata": values{"name": "shop", "namespace": "eu"}, "spec": spec}
	}
	service := func(text string) values {
		return values{"apiVersion": "v1", "kind": "Service", "metadata": values{"name": "shop", "namespace": "eu", "annotations": values{annotationConfig: text}}}
	}
	canary := func(spec values) values {
		o := mapping(spec)
		o["apiVersion"] = "getambassador.io/v2" // the version in the manifests; the copied fields are those of v3alpha1
		o["metadata"] = values{"name": "shop-canary", "namespace": "eu", "resourceVersion": "7", "labels": values{"a": "b"}}
		return o
	}
	own := func(rest values) values {
		spec := values{"service": "shop-canary", "weight": int64(10), "stats_name": "c"}
		for k, v := range rest {
			spec[k] = v
		}
		return spec
	}
	for _, c := range []struct {
		name         string
		stable       values
		have, expect values
		changed      bool
	}{
		{"equal", mapping(values{"prefix": "/", "service": "shop"}), own(values{"prefix": "/"}), own(values{"prefix": "/"}), false},
		{"added", mapping(values{"prefix": "/", "service": "shop", "cors": values{}}), own(values{"prefix": "/"}), own(values{"prefix": "/", "cors": values{}}), true},
		{"removed", mapping(values{"prefix": "/", "service": "shop"}), own(values{"prefix": "/", "cors": values{}}), own(values{"prefix": "/"}), true},
		{"weight of stable", mapping(values{"prefix": "/", "weight": int64(50)}), own(values{"prefix": "/"}), own(values{"prefix": "/"}), false},
		{
			"annotation", service(fmt.Sprintf(annotation, "/")),
			own(values{"prefix": "/", "hostname": "*", "ambassador_id": []any{"blue"}}), own(values{"prefix": "/", "hostname": "*", "ambassador_id": []any{"blue"}}), false,
		},
		{
			"annotation edited", service(fmt.Sprintf(annotation, "/new")),
			own(values{"prefix": "/", "hostname": "*", "ambassador_id": []any{"blue"}}), own(values{"prefix": "/new", "hostname": "*", "ambassador_id": []any{"blue"}}), true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synced, changed, err := Resync(c.stable, "shop", canary(c.have))
			if err != nil {
				t.Fatal(err)
			}
			want := mapping(c.expect)
			want["metadata"] = values{"name": "shop-canary", "namespace": "eu", "labels": values{"a": "b"}}
			if diff := cmp.Diff(want, synced); diff != "" || changed != c.changed {
				t.Errorf("changed %v, expected %v (-want +got):\n%s", changed, c.changed, diff)
			}
		})
	}
	if synced, changed, err := Resync(service(""), "shop", canary(own(nil))); synced != nil || changed || err != nil {
		t.Errorf("a Mapping that is gone: %v, %v, %v", synced, changed, err)
	}
	if _, _, err := Resync(service("a: [b"), "shop", canary(own(nil))); err == nil {
		t.Error("no error for an annotation that is not YAML")
	}
}

func TestRealShare(t *testing.T) {
	route := func(kind, name string, spec values) values {
		return values{"apiVersion": "getambassador.io/v3alpha1", "kind": kind, "metadata": values{"name": name, "namespace": "eu"}, "spec": spec}
	}
	mapping := func(name string, rest values) values {
		spec := values{"hostname": "*", "prefix": "/", "service": name, "ambassador_id": []any{"blue"}}
		for k, v := range rest {
			spec[k] = v
		}
		return route("Mapping", name, spec)
	}
	for _, c := range []struct {
		name           string
		stable, canary values
		want           float64
		fails          bool
	}{
		{"a pair", mapping("shop", nil), mapping("shop-canary", values{"weight": 10}), 10, false},
		{"nothing", mapping("shop", nil), mapping("shop-canary", values{"weight": 0}), 0, false},
		{"another group", mapping("shop", nil), mapping("shop-canary", values{"weight": 10, "prefix": "/other"}), 0, true},
		{"another Emissary", mapping("shop", nil), mapping("shop-canary", values{"weight": 10, "ambassador_id": []any{"red"}}), 0, true},
		{"unrouted", mapping("shop", values{"weight": 20}), mapping("shop-canary", values{"weight": 10}), 0, true},
		{"dropped", mapping("shop", nil), mapping("shop-canary", values{"weight": 10, "prefix": 7}), 0, true},
		{
			"TCP", route("TCPMapping", "shop", values{"port": 9000, "service": "shop:1"}),
			route("TCPMapping", "shop-canary", values{"port": 9000, "service": "shop-canary:1", "weight": 25}), 20, false,
		},
		{"a resolver of the cluster", mapping("shop", values{"resolver": "pods"}), mapping("shop-canary", values{"resolver": "pods", "weight": 10}), 10, false},
		{
			"a load balancer", mapping("shop", values{"load_balancer": values{"policy": "round_robin"}}),
			mapping("shop-canary", values{"load_balancer": values{"policy": "round_robin"}, "weight": 10}), 10, false,
		},
		{
			"a wrong load balancer", mapping("shop", values{"load_balancer": values{"policy": "x"}}),
			mapping("shop-canary", values{"load_balancer": values{"policy": "x"}, "weight": 10}), 0, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := RealShare(c.stable, c.canary, "emissary", Version{})
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("%v and %v, expected %v", got, err, c.want)
			}
		})
	}
	if got := Cluster(mapping("shop", nil), "emissary"); got != "cluster_shop_eu_eu" {
		t.Errorf("cluster %q", got)
	}
	balanced := mapping("shop", values{"resolver": "pods", "load_balancer": values{"policy": "round_robin"}})
	if got := Cluster(balanced, "emissary"); got != "cluster_shop_eu_eu_er_round_robin" {
		t.Errorf("cluster %q", got)
	}
	delete(balanced["spec"].(values), "resolver")
	if got := Cluster(balanced, "emissary"); got != "cluster_shop_eu_eu_er_round_robin" {
		t.Errorf("cluster %q", got)
	}
}

const annotationConfig = "getambassador.io/config"
