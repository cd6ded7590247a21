package app

import (
	"context"

	"github.com/canarize/canarize/internal/emissary"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
)

// TrafficOptions say whose view of the Mappings is computed.
type TrafficOptions struct{ EmissaryNamespace, AmbassadorID string }

// Traffic computes what Emissary does with the objects of a set.
func Traffic(set *manifest.Set, options TrafficOptions) emissary.Report {
	objects := make([]map[string]any, len(set.Objects))
	for i, o := range set.Objects {
		objects[i] = set.Value(o)
	}
	return emissary.Evaluate(objects, options.emissary())
}

// LiveTraffic computes what Emissary does with the objects of a cluster; of one
// namespace, or of all with "".
func LiveTraffic(ctx context.Context, target kube.Target, namespace string, options TrafficOptions) (emissary.Report, error) {
	cluster, err := kube.Connect(target, kube.Options{Attempts: 3})
	if err != nil {
		return emissary.Report{}, err
	}
	objects, err := cluster.EmissaryObjects(ctx, namespace)
	if err != nil {
		return emissary.Report{}, err
	}
	return emissary.Evaluate(objects, options.emissary()), nil
}

func (o TrafficOptions) emissary() emissary.Options {
	return emissary.Options{Namespace: o.EmissaryNamespace, AmbassadorID: o.AmbassadorID}
}
