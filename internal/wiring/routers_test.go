package wiring

import (
	"testing"

	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/routetest"
	"github.com/canarize/canarize/internal/route/routetest/toy"
)

// TestOneLine: a second router beside Emissary needs a folder, here routetest/toy, and
// a line in the table. Its canary is a part of the stable object. Whole releases pass
// through it.
func TestOneLine(t *testing.T) {
	table := func(g *routetest.Gateway) []router {
		return append(routers(Routing{Emissary: Emissary{Namespace: "emissary"}}, nil),
			router{name: "toy", derive: toy.Deriver{}, live: func(c route.Cluster) route.Live { return toy.Live{Cluster: c, Gateway: g.State} }},
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
