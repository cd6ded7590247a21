package toy_test

import (
	"testing"

	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/routetest"
	"github.com/canarize/canarize/internal/route/routetest/toy"
)

func TestRouter(t *testing.T) {
	routetest.Run(t, routetest.Subject{
		Routers: []route.Named{{Name: "toy", Deriver: toy.Deriver{}}},
		Live: func(c route.Cluster, g *routetest.Gateway) route.Live {
			return toy.Live{Cluster: c, Gateway: g.State}
		},
		Stable:   toy.Stable,
		Edit:     toy.Edit,
		Features: []routetest.Feature{routetest.Inside, routetest.Seen},
	})
}
