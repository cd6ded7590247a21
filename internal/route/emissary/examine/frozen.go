package examine

import (
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// frozen finds the Mappings, of all namespaces, that make Envoy refuse the whole
// configuration.
func (x *exam) frozen(found *findings) {
	for _, m := range x.allMappings() {
		for _, problem := range model.Freezes(m, model.Options{AmbassadorID: x.id()}) {
			found.add("frozen", object.ID(m).String(), problem+"; Envoy refuses the whole configuration, so Emissary applies no change any more, not even a weight of 0",
				"correct or delete it; Emissary then applies all waiting changes by itself. Do not restart Emissary before: it would not come up")
		}
	}
}

// allMappings returns the Mappings of all namespaces, those in annotations included. An
// annotation that cannot be read has none.
func (x *exam) allMappings() []map[string]any {
	var all []map[string]any
	for _, o := range x.Sorted() {
		if o.ID.Group == group && o.ID.Kind == "Mapping" {
			all = append(all, o.Object)
		}
		if o.GetAnnotations()["getambassador.io/config"] == "" {
			continue
		}
		inside, _ := model.AnnotationObjects(o.Object)
		for _, m := range inside {
			if m["kind"] == "Mapping" {
				all = append(all, model.ToV3Alpha1(m))
			}
		}
	}
	return all
}
