package derive

import (
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// Leads implements route.Deriver. Routes are Mappings and TCPMappings, also those in the
// annotation of a Service, and the Ingresses of Emissary's class. A shadow Mapping only
// mirrors requests.
func (r Router) Leads(set *manifest.Set) (route.Leads, error) {
	var leads route.Leads
	var ingresses []*manifest.Object // with what Emissary needs to read them
	any := false
	for _, o := range set.Objects {
		all, err := mappings(o)
		if err != nil {
			return leads, err
		}
		for _, m := range all {
			if err := checkService(m); err != nil {
				return leads, err
			}
			spec := manifest.Get(m.Root, "spec")
			if manifest.IsTrue(manifest.Get(spec, "shadow")) {
				continue
			}
			_, at, _ := serviceOf(manifest.GetString(spec, "service"), set.Namespace(m))
			leads.Add(at.namespace, at.name)
		}
		switch o.Kind() {
		case "Ingress":
			any = true
			fallthrough
		case "IngressClass", "Service":
			ingresses = append(ingresses, o)
		}
	}
	if any {
		r.ingresses(set, ingresses, &leads)
	}
	return leads, nil
}

func (r Router) ingresses(set *manifest.Set, objects []*manifest.Object, leads *route.Leads) {
	values := make([]map[string]any, len(objects))
	for i, o := range objects {
		values[i] = set.Value(o)
	}
	for _, text := range model.IngressServices(values, model.Options{Namespace: r.Namespace}) {
		_, at, _ := serviceOf(text, "")
		leads.Add(at.namespace, at.name)
	}
}
