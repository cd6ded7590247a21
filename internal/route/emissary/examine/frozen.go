package examine

import (
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// frozen finds the Mappings, of all namespaces, that make Envoy refuse the whole
// configuration.
func (x *exam) frozen(found *findings) {
	var objects []map[string]any
	for _, o := range x.Sorted() {
		objects = append(objects, o.Object)
	}
	for _, p := range model.Freezing(objects, model.Options{AmbassadorID: x.id()}) {
		found.add("frozen", manifest.ID{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}.String(), p.Text+" any more, not even a weight of 0",
			"correct or delete it; Emissary then applies all waiting changes by itself. Do not restart Emissary before: it would not come up")
	}
}
