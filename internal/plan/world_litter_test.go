package plan_test

import (
	"strings"

	"sigs.k8s.io/yaml"
)

// marks are labels and annotations that deployment tools and the cluster add to recognize
// their objects.
var marks = []struct {
	in         string
	key, value string
}{
	{"annotations", "kubectl.kubernetes.io/last-applied-configuration", `{"kind":"x"}`},
	{"annotations", "deployment.kubernetes.io/revision", "7"},
	{"annotations", "meta.helm.sh/release-name", "shop"},
	{"annotations", "meta.helm.sh/release-namespace", "shop"},
	{"annotations", "helm.sh/resource-policy", "keep"},
	{"annotations", "argocd.argoproj.io/tracking-id", "shop:apps/Deployment:shop/web"},
	{"annotations", "argocd.argoproj.io/sync-wave", "1"},
	{"annotations", "kustomize.toolkit.fluxcd.io/checksum", "0123"},
	{"labels", "helm.sh/chart", "shop-1.0"},
	{"labels", "app.kubernetes.io/managed-by", "Helm"},
	{"labels", "argocd.argoproj.io/instance", "shop"},
	{"labels", "kustomize.toolkit.fluxcd.io/name", "shop"},
	{"labels", "kustomize.toolkit.fluxcd.io/namespace", "flux-system"},
	{"labels", "helm.toolkit.fluxcd.io/name", "shop"},
}

// litter adds what an export from a cluster contains.
func (w *world) litter(o obj) {
	meta := o["metadata"].(obj)
	if w.chance(15, "marks?") {
		for _, i := range []int{w.number("mark", 0, len(marks)-1), w.number("mark", 0, len(marks)-1)} {
			if meta[marks[i].in] == nil {
				meta[marks[i].in] = obj{}
			}
			meta[marks[i].in].(obj)[marks[i].key] = marks[i].value
		}
	}
	if !w.chance(15, "from a cluster?") {
		return
	}
	for key, value := range map[string]any{
		"uid": "0f7b", "resourceVersion": "123", "generation": 4, "creationTimestamp": one(w, "created", any(nil), "2024-01-01T00:00:00Z"),
		"managedFields": []any{obj{"manager": "kubectl"}}, "selfLink": "/api/x", "finalizers": []any{"example.com/f"},
		"ownerReferences": []any{obj{"apiVersion": "v1", "kind": "Shop", "name": "shop", "uid": "1"}},
	} {
		meta[key] = value
	}
	o["status"] = one(w, "status", obj{}, obj{"replicas": 3}, obj{"loadBalancer": obj{"ingress": []any{obj{"ip": "192.0.2.1"}}}})
	if template, ok := dig(o, "spec", "template", "metadata").(obj); ok {
		template["creationTimestamp"] = nil
	}
}

// dns makes a name valid for an object.
func dns(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "-")) }

// annotate moves a Mapping into the annotation of its Service, the format of the first
// Ambassador.
func (w *world) annotate(s obj, name string, spec obj) {
	flat := obj{"apiVersion": one(w, "flat version", "getambassador.io/v2", "getambassador.io/v1", "ambassador/v1", "getambassador.io/v3alpha1"), "kind": "Mapping", "name": name}
	if strings.HasSuffix(str(flat, "apiVersion"), "v3alpha1") && spec["host"] == "*" {
		spec["hostname"] = spec["host"]
		delete(spec, "host")
	}
	for k, v := range spec {
		flat[k] = v
	}
	text, err := yaml.Marshal(flat)
	if err != nil {
		w.t.Fatal(err)
	}
	meta := s["metadata"].(obj)
	if meta["annotations"] == nil {
		meta["annotations"] = obj{}
	}
	annotations := meta["annotations"].(obj)
	before, _ := annotations["getambassador.io/config"].(string)
	annotations["getambassador.io/config"] = before + "---\n" + string(text)
}
