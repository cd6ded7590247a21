package live_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/route/routetest"
)

// gatewayStub implements Verifier with a routetest.Gateway.
type gatewayStub struct {
	*routetest.Gateway
	version derive.Version
}

func (g gatewayStub) Versions(context.Context) ([]derive.Version, error) {
	return []derive.Version{g.version}, nil
}

func (g gatewayStub) There(context.Context) (bool, error) { return g.Gateway.There, nil }

func (g gatewayStub) Suspects(context.Context, string, string, time.Duration) ([]string, error) {
	return nil, nil
}

func (g gatewayStub) VerifyShare(context.Context, []live.Want, time.Duration) (live.Verified, error) {
	if !g.Follows {
		return live.Verified{}, &live.NotVerifiedError{}
	}
	return live.Verified{Pods: 1, Sources: []string{"Envoy's routes"}}, nil
}

// TestRouter runs the router tests on a Mapping. A TCPMapping is not released, because Envoy
// refuses it at a weight of 0.
func TestRouter(t *testing.T) {
	const mapping = "apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: {name: shop}\nspec: {hostname: '*', prefix: /, service: 'shop:80'}\n"
	set := func(field string, value any) func(map[string]any) {
		return func(o map[string]any) { o["spec"].(map[string]any)[field] = value }
	}
	for name, c := range map[string]struct {
		stable   string
		edit     func(map[string]any)
		features []routetest.Feature
		version  derive.Version
	}{
		"Mapping": {mapping, set("prefix", "/edited/"), []routetest.Feature{routetest.OwnObject, routetest.Counted, routetest.Seen}, derive.Version{}},
	} {
		t.Run(name, func(t *testing.T) {
			routetest.Run(t, routetest.Subject{
				Routers: []route.Named{{Name: route.Default, Deriver: derive.Router{Namespace: "emissary", Version: c.version}}},
				Live: func(cluster route.Cluster, g *routetest.Gateway) route.Live {
					return &live.Router{Cluster: cluster, Namespace: "emissary", Version: c.version, Gateways: gatewayStub{g, c.version}}
				},
				Stable: c.stable, Edit: c.edit, Features: c.features,
			})
		})
	}
}

// TestOtherVersion: a share of a TCPMapping is not written for another version of Emissary
// than the one that runs, and a weight of 0 always is.
func TestOtherVersion(t *testing.T) {
	tcp := []rollout.Route{{Pair: rollout.Pair{Canary: manifest.ID{Group: live.APIGroup, Kind: "TCPMapping", Namespace: "shop", Name: "web-canary"}}}}
	mapping := []rollout.Route{{Pair: rollout.Pair{Canary: manifest.ID{Group: live.APIGroup, Kind: "Mapping", Namespace: "shop", Name: "web-canary"}}}}
	old, next := derive.Version{Major: 4, Minor: 1, Patch: 3}, derive.Version{Major: 4, Minor: 2}
	for _, c := range []struct {
		name         string
		assumed, run derive.Version
		routes       []rollout.Route
		percent      int
		written      int // -1: none
	}{
		{"as assumed", old, old, tcp, 10, 11},
		{"also a later one", next, derive.Version{Major: 5}, tcp, 10, 10},
		{"later than assumed", derive.Version{}, next, tcp, 10, -1},
		{"older than assumed", next, old, tcp, 10, -1},
		{"no share", next, old, tcp, 0, 0},
		{"a Mapping", next, old, mapping, 10, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &weights{last: -1}
			r := &live.Router{Cluster: w, Namespace: "emissary", Version: c.assumed, Gateways: gatewayStub{&routetest.Gateway{There: true}, c.run}}
			err := r.SetShare(t.Context(), c.routes, c.percent)
			var refused *rollout.Refusal
			if w.last != c.written || (err != nil) != (c.written < 0) || err != nil && (!errors.As(err, &refused) || refused.Code != rollout.RefusedGatewayVersion) {
				t.Errorf("weight %d, expected %d; %v", w.last, c.written, err)
			}
			if reachable := r.Reachable(t.Context(), c.routes); (reachable != nil) != (c.routes[0].Canary.Kind == "TCPMapping" && c.assumed.TCPWeightIsShare() != c.run.TCPWeightIsShare()) {
				t.Errorf("reachable: %v", reachable)
			}
		})
	}
}

// weights is a cluster without objects that records the last weight.
type weights struct {
	route.Cluster
	last int
}

func (w *weights) Get(context.Context, manifest.ID) (map[string]any, error) { return nil, nil }

func (w *weights) SetNumber(_ context.Context, _ manifest.ID, _ string, n int, _ bool) error {
	w.last = n
	return nil
}

func TestVersionsOf(t *testing.T) {
	pods := []kube.Pod{
		{Images: []string{"istio/proxyv2:1.20.0", "docker.io/emissaryingress/emissary:4.2.0"}},
		{Images: []string{"docker.io/emissaryingress/emissary:3.10.0"}},
		{Images: []string{"docker.io/emissaryingress/emissary:4.2.0"}},
		{Images: []string{"docker.io/emissaryingress/emissary@sha256:0"}}, {},
	}
	if diff := cmp.Diff([]derive.Version{{Major: 3, Minor: 10}, {Major: 4, Minor: 2}}, live.VersionsOf(pods)); diff != "" {
		t.Error(diff)
	}
}
