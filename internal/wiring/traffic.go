package wiring

import (
	"context"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// TrafficOptions configures which Emissary's routing is computed.
type TrafficOptions struct{ EmissaryNamespace, AmbassadorID string }

// Traffic computes what Emissary does with the objects of a set.
func Traffic(set *manifest.Set, options TrafficOptions) model.Report {
	objects := make([]map[string]any, len(set.Objects))
	for i, o := range set.Objects {
		objects[i] = set.Value(o)
	}
	return model.Evaluate(objects, options.emissary())
}

// LiveTraffic computes what Emissary does with the objects of one namespace of a
// cluster, or with "" of all. unread says in a sentence which kinds it may not list, or is "".
func LiveTraffic(ctx context.Context, target kube.Target, namespace string, options TrafficOptions) (report model.Report, unread string, err error) {
	cluster, err := kube.Connect(target, kube.Options{Attempts: 3})
	if err != nil {
		return model.Report{}, "", err
	}
	objects, kinds, err := live.Objects(ctx, cluster, namespace)
	if err != nil {
		return model.Report{}, "", err
	}
	if len(kinds) > 0 {
		unread = live.Unread(kinds)
	}
	emissary := options.emissary()
	emissary.Running = true
	return model.Evaluate(objects, emissary), unread, nil
}

func (o TrafficOptions) emissary() model.Options {
	return model.Options{Namespace: o.EmissaryNamespace, AmbassadorID: o.AmbassadorID}
}
