package live

import (
	"context"
	"errors"
	"testing"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// TestWantOfOneRoute: a Service may have other Mappings besides the release's. Envoy
// has no names of Mappings, and their shares must not be mixed up.
func TestWantOfOneRoute(t *testing.T) {
	const routes = `{"configs": [{"route_config": {"name": "listener-8080", "virtual_hosts": [{"name": "*", "routes": [
		{"match": {"prefix": "/other/"}, "route": {"cluster": "cluster_shop_default_8080_default"}},
		{"match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": 10}}}, "route": {"cluster": "cluster_shop_canary_default_8080_default"}},
		{"match": {"prefix": "/"}, "route": {"cluster": "cluster_shop_default_8080_default"}}
	]}]}}]}`
	view, err := ParseConfigDump([]byte(routes))
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
	r := &Router{Namespace: "emissary"}
	wants := []Want{r.want(mapping("shop-canary", "shop-canary:8080"), 10), r.want(mapping("shop", "shop:8080"), 90)}
	if problems := Check(view, wants); len(problems) > 0 {
		t.Errorf("%q", problems)
	}
	wants[1].Share = 80
	if problems := Check(view, wants); len(problems) != 1 {
		t.Errorf("a wrong share is not reported: %q", problems)
	}
}

// written records the last number that was set.
type written struct {
	route.Cluster
	last *int
}

func (w written) SetNumber(_ context.Context, _ manifest.ID, _ string, n int, _ bool) error {
	*w.last = n
	return nil
}

// unknown is a gateway whose version is not known.
type unknown struct{ Verifier }

func (unknown) Versions(context.Context) ([]derive.Version, error) { return nil, errors.New("no pods") }

// TestWeights: the router writes no weight at which Emissary stops routing or applies
// no more changes.
func TestWeights(t *testing.T) {
	for _, c := range []struct {
		kind            string
		percent, weight int // weight -1: none is written
	}{{"Mapping", 0, 0}, {"Mapping", 100, 100}, {"Mapping", 101, -1}, {"Mapping", -1, -1}, {"TCPMapping", 50, 100}, {"TCPMapping", 60, 100}} {
		last := -1
		r := &Router{Cluster: written{last: &last}, Gateways: unknown{}}
		err := r.SetShare(t.Context(), []rollout.Route{{Pair: rollout.Pair{Canary: manifest.ID{Kind: c.kind}}}}, c.percent)
		if last != c.weight || (err == nil) != (c.weight >= 0) {
			t.Errorf("%s at %d %%: weight %d, %v", c.kind, c.percent, last, err)
		}
	}
}
