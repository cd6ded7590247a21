package wiring

import (
	"fmt"
	"slices"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	"github.com/canarize/canarize/internal/route/emissary/examine"
	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/route/emissary/model"
	gatewayapi "github.com/canarize/canarize/internal/route/gatewayapi/derive"
	"github.com/canarize/canarize/internal/survey"
)

// router is a traffic router: its Deriver and its Live. The other fields are optional.
// Without a Live, the routes are only derived.
type router struct {
	name      string
	derive    route.Deriver
	live      func(route.Cluster) route.Live
	gateways  []survey.Gateway // examined before a release
	grants    []kube.Grant     // needed by its routes in the namespace of a release
	elsewhere []kube.Granted   // needed in other namespaces
}

// Emissary identifies an installation of Emissary.
type Emissary struct {
	Namespace string
	Version   model.Version // zero means the newest that is known
}

// Routing holds what the routers need to know.
type Routing struct {
	Emissary
	GatewayStrategy gatewayapi.Strategy // "" means the default
}

// ParseGatewayStrategy parses the name of a strategy of the Gateway API's router; "" is the
// default.
func ParseGatewayStrategy(text string) (gatewayapi.Strategy, error) {
	strategy := gatewayapi.Strategy(text)
	all := gatewayapi.Strategies()
	if text == "" || slices.Contains(all, strategy) {
		return strategy, nil
	}
	return "", fmt.Errorf("expected %s, %s or %s", all[0], all[1], all[2])
}

// routers returns all routers.
func routers(routing Routing, gateways *live.Gateways) []router {
	emissary := routing.Emissary
	return []router{{
		name:   route.Default,
		derive: derive.Router{Namespace: emissary.Namespace, Version: emissary.Version},
		live: func(c route.Cluster) route.Live {
			return &live.Router{Cluster: c, Namespace: emissary.Namespace, Version: emissary.Version, Gateways: gateways}
		},
		gateways: []survey.Gateway{{
			Namespace: emissary.Namespace, PodSelector: live.PodSelector, APIGroup: live.APIGroup, Kinds: live.Kinds(), Optional: live.OptionalKinds(), Unread: live.Unread,
			Examiner: examine.Gateway{Namespace: emissary.Namespace}, Asker: live.Asker{Gateways: gateways, Namespace: emissary.Namespace},
		}},
		grants:    live.Grants(),
		elsewhere: []kube.Granted{{Namespace: emissary.Namespace, Grants: live.GatewayGrants()}},
	}, {
		name:   "gatewayapi",
		derive: gatewayapi.Router{Strategy: routing.GatewayStrategy},
	}}
}

// Routers returns the derivers of all routers.
func Routers(routing Routing) []route.Named { return named(routers(routing, nil)) }

func named(all []router) []route.Named {
	names := make([]route.Named, len(all))
	for i, r := range all {
		names[i] = route.Named{Name: r.name, Deriver: r.derive, DerivesOnly: r.live == nil}
	}
	return names
}

func together(all []router, c route.Cluster) route.Several {
	several := route.Several{}
	for _, r := range all {
		if r.live != nil {
			several[r.name] = r.live(c)
		}
	}
	return several
}
