package app

import (
	"github.com/canarize/canarize/internal/emissary"
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
	return emissary.Evaluate(objects, emissary.Options{Namespace: options.EmissaryNamespace, AmbassadorID: options.AmbassadorID})
}
