package live_test

import (
	"context"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/route/routetest"
)

// gatewayStub implements Verifier with a routetest.Gateway.
type gatewayStub struct{ *routetest.Gateway }

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

// TestRouter runs the router tests on Mappings, on TCPMappings, and on a Mapping in a
// Service's annotation.
func TestRouter(t *testing.T) {
	const mapping = "apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: {name: shop}\nspec: {hostname: '*', prefix: /, service: 'shop:80'}\n"
	const tcp = "apiVersion: getambassador.io/v3alpha1\nkind: TCPMapping\nmetadata: {name: shop}\nspec: {port: 9000, service: 'shop:80'}\n"
	set := func(field string, value any) func(map[string]any) {
		return func(o map[string]any) { o["spec"].(map[string]any)[field] = value }
	}
	for name, c := range map[string]struct {
		stable   string
		edit     func(map[string]any)
		features []routetest.Feature
	}{
		"Mapping":    {mapping, set("prefix", "/edited/"), []routetest.Feature{routetest.OwnObject, routetest.Counted, routetest.Seen}},
		"TCPMapping": {tcp, set("port", 9001.0), []routetest.Feature{routetest.OwnObject}},
	} {
		t.Run(name, func(t *testing.T) {
			routetest.Run(t, routetest.Subject{
				Routers: []route.Named{{Name: route.Default, Deriver: derive.Router{Namespace: "emissary"}}},
				Live: func(c route.Cluster, g *routetest.Gateway) route.Live {
					return &live.Router{Cluster: c, Namespace: "emissary", Gateways: gatewayStub{g}}
				},
				Stable: c.stable, Edit: c.edit, Features: c.features,
			})
		})
	}
}
