package wiring

import (
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	"github.com/canarize/canarize/internal/route/emissary/examine"
	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/survey"
)

// router is a traffic router: its Deriver and its Live. The other fields are optional.
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

// routers returns all routers.
func routers(emissary Emissary, gateways *live.Gateways) []router {
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
	}}
}

// Routers returns the derivers of all routers.
func Routers(emissary Emissary) []route.Named { return named(routers(emissary, nil)) }

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
