package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// foreignObject is an object of another program in a world.
type foreignObject struct {
	id    string
	wants map[string]string // the labels that pods need to be selected; nil if it selects other things
	form  string
	known bool // its kind, so that it has to be copied
	wide  bool // it selects in all namespaces
}

// foreignForms are the kinds and the ways in which they write "pods with these labels".
var foreignForms = []struct {
	form, apiVersion, kind string
	known                  bool
	spec                   func(w *world, wants map[string]string) obj
}{
	{"matchLabels", "security.istio.io/v1", "AuthorizationPolicy", true, func(_ *world, wants map[string]string) obj {
		return obj{"selector": obj{"matchLabels": labelled(wants)}, "action": "ALLOW"}
	}},
	{"labels", "networking.istio.io/v1", "Sidecar", true, func(_ *world, wants map[string]string) obj {
		return obj{"workloadSelector": obj{"labels": labelled(wants)}}
	}},
	{"cilium", "cilium.io/v2", "CiliumNetworkPolicy", true, func(w *world, wants map[string]string) obj {
		prefixed := map[string]string{}
		for key, value := range wants {
			prefixed["k8s:"+key] = value
		}
		selector := obj{"matchLabels": labelled(prefixed)}
		if w.chance(50, "expressions?") {
			selector = expressed(prefixed)
		}
		return obj{"endpointSelector": selector, "egress": []any{obj{"toEntities": []any{"world"}}}}
	}},
	{"calico", "projectcalico.org/v3", "NetworkPolicy", true, func(_ *world, wants map[string]string) obj {
		return obj{"selector": joined(wants, "%s == '%s'", " && ")}
	}},
	{"", "acme.example.org/v1", "Shield", false, func(_ *world, wants map[string]string) obj {
		return obj{"podSelector": obj{"matchLabels": labelled(wants)}}
	}},
	{"", "acme.example.org/v1", "Shield", false, func(_ *world, wants map[string]string) obj {
		return obj{"rules": []any{obj{"from": obj{"podSelector": expressed(wants)}}}}
	}},
	{"", "acme.example.org/v1", "Shield", false, func(_ *world, wants map[string]string) obj {
		return obj{"rules": []any{obj{"selector": labelled(wants)}, obj{"selector": obj{"no": "pods"}}}}
	}},
	{"", "acme.example.org/v1", "Shield", false, func(_ *world, wants map[string]string) obj {
		return obj{"selector": joined(wants, "%s=%s", ",")}
	}},
	{"other", "acme.example.org/v1", "Shield", false, func(_ *world, wants map[string]string) obj {
		s := obj{"matchLabels": labelled(wants)}
		return obj{
			"nodeSelector": labelled(wants), "namespaceSelector": s, "serviceSelector": s,
			"claim":    obj{"accessModes": []any{"ReadWriteOnce"}, "selector": s},
			"selector": s, "template": obj{"metadata": obj{"labels": labelled(wants)}},
		}
	}},
}

func joined(labels map[string]string, format, between string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, fmt.Sprintf(format, key, labels[key]))
	}
	return strings.Join(parts, between)
}

// foreigners draws objects of other programs that select pods of an application.
func (w *world) foreigners(a *application) {
	for range w.number("foreign objects", 1, 3) {
		f := one(w, "foreign form", foreignForms...)
		wants := subset(w, "foreign labels", a.labels, 1)
		if w.chance(25, "one workload's?") {
			wants["component"] = str(a.workloads[0], "spec", "template", "metadata", "labels", "component")
		}
		ns := one(w, "foreign namespace", a.ns, a.ns, a.ns, otherNamespace)
		o := newObject(f.apiVersion, f.kind, ns, w.unique(f.kind, a.name[:min(len(a.name), 40)]+"-foreign", 60), f.spec(w, wants))
		w.add(o)
		made := foreignObject{id: identity(o), wants: wants, form: f.form, known: f.known, wide: !f.known && ns == ""}
		if f.form == "other" {
			made.wants = nil
		}
		w.foreign = append(w.foreign, made)
	}
}
