package wiring

import (
	"context"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/route/emissary/traffic"
	gateway "github.com/canarize/canarize/internal/route/gatewayapi/model"
	routes "github.com/canarize/canarize/internal/route/gatewayapi/traffic"
)

// TrafficOptions configures which Emissary's routing is computed, and of which objects.
type TrafficOptions struct {
	Emissary
	AmbassadorID string
	Complete     bool // the set has all objects of a cluster
}

// Traffic computes what Emissary does with the objects of a set.
func Traffic(set *manifest.Set, options TrafficOptions) model.Report {
	objects := make([]map[string]any, len(set.Objects))
	for i, o := range set.Objects {
		objects[i] = set.Value(o)
	}
	return model.Evaluate(objects, options.emissary())
}

// RouteTraffic computes what becomes of the Gateway API routes of a set, and of a request
// unless it is nil.
func RouteTraffic(set *manifest.Set, options TrafficOptions, request *gateway.Request) routes.Report {
	return routes.Evaluate(set, gateway.Options{Complete: options.Complete}, request)
}

// ReadTraffic computes what Emissary does with the objects of one namespace of a cluster,
// or with "" of all, and asks the gateway what it really does. Without a version in
// options, the gateway's pods tell it.
func ReadTraffic(ctx context.Context, target kube.Target, namespace string, options TrafficOptions) (traffic.Report, error) {
	cluster, err := kube.Connect(target, kube.Options{Attempts: 3})
	if err != nil {
		return traffic.Report{}, err
	}
	return traffic.Read(ctx, cluster, namespace, options.emissary())
}

func (o TrafficOptions) emissary() model.Options {
	return model.Options{Namespace: o.Namespace, AmbassadorID: o.AmbassadorID, Version: o.Version, Complete: o.Complete}
}
