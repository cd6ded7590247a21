package wiring

import (
	"testing"

	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/routetest"
	"github.com/canarize/canarize/internal/route/routetest/toy"
)

// TestOneLine: a router beside Emissary is a folder, here routetest/toy, and a line of the
// table. Its canary is a part of the stable object; whole releases go through it.
func TestOneLine(t *testing.T) {
	table := func(g *routetest.Gateway) []router {
		return append(routers("emissary", nil),
			router{name: "toy", derive: toy.Deriver{}, live: func(c route.Cluster) route.Live { return toy.Live{Cluster: c, Gateway: g.Asked} }},
		)
	}
	routetest.Run(t, routetest.Subject{
		Routers:  named(table(nil)),
		Live:     func(c route.Cluster, g *routetest.Gateway) route.Live { return together(table(g), c) },
		Stable:   toy.Stable,
		Edit:     toy.Edit,
		Features: []routetest.Feature{routetest.Inside, routetest.Seen},
	})
}
