package wiring

import (
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	"github.com/canarize/canarize/internal/route/emissary/live"
)

// router is a traffic router: what derives its routes, and what moves their traffic.
type router struct {
	name   string
	derive route.Deriver
	live   func(route.Cluster) route.Live
}

// routers are all of them, a line each.
func routers(emissaryNamespace string, gateways *live.Gateways) []router {
	return []router{
		{route.Default, derive.Router{Namespace: emissaryNamespace}, func(c route.Cluster) route.Live {
			return &live.Router{Cluster: c, Namespace: emissaryNamespace, Gateways: gateways}
		}},
	}
}

// Routers derive the routes of a canary, each those of its own kinds.
func Routers(emissaryNamespace string) []route.Named { return named(routers(emissaryNamespace, nil)) }

func named(all []router) []route.Named {
	names := make([]route.Named, len(all))
	for i, r := range all {
		names[i] = route.Named{Name: r.name, Deriver: r.derive}
	}
	return names
}

func together(all []router, c route.Cluster) route.Several {
	several := route.Several{}
	for _, r := range all {
		several[r.name] = r.live(c)
	}
	return several
}
