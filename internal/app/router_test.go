package app

import (
	"testing"

	"github.com/canarize/canarize/internal/emissary/live"
)

// TestWantOfOneRoute: a Service may have other Mappings besides the one that a
// release is about. Envoy knows no names; they must not count as its shares.
func TestWantOfOneRoute(t *testing.T) {
	const routes = `{"configs": [{"route_config": {"name": "listener-8080", "virtual_hosts": [{"name": "*", "routes": [
		{"match": {"prefix": "/other/"}, "route": {"cluster": "cluster_shop_default_8080_default"}},
		{"match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": 10}}}, "route": {"cluster": "cluster_shop_canary_default_8080_default"}},
		{"match": {"prefix": "/"}, "route": {"cluster": "cluster_shop_default_8080_default"}}
	]}]}}]}`
	view, err := live.ParseConfigDump([]byte(routes))
	if err != nil {
		t.Fatal(err)
	}
	mapping := func(name, service string) map[string]any {
		return map[string]any{
			"apiVersion": "getambassador.io/v3alpha1", "kind": "Mapping",
			"metadata": map[string]any{"name": name, "namespace": "default"},
			"spec":     map[string]any{"hostname": "*", "prefix": "/", "service": service},
		}
	}
	r := &router{namespace: "emissary"}
	wants := []live.Want{r.want(mapping("shop-canary", "shop-canary:8080"), 10), r.want(mapping("shop", "shop:8080"), 90)}
	if problems := live.Check(view, wants); len(problems) > 0 {
		t.Errorf("%q", problems)
	}
	wants[1].Share = 80
	if problems := live.Check(view, wants); len(problems) != 1 {
		t.Errorf("a wrong share is not found: %q", problems)
	}
}
