package canary

import (
	"github.com/canarize/canarize/internal/manifest"
)

// configRef is a field that names a ConfigMap or a Secret.
type configRef struct{ kind, field string }

// configRefs lists these fields by the key of the mapping that contains them
// (k8s.io/api/core/v1, PodSpec).
var configRefs = map[string][]configRef{
	"configMapKeyRef":      {{"ConfigMap", "name"}},
	"configMapRef":         {{"ConfigMap", "name"}},
	"configMap":            {{"ConfigMap", "name"}},
	"secretKeyRef":         {{"Secret", "name"}},
	"secretRef":            {{"Secret", "name"}},
	"secret":               {{"Secret", "secretName"}, {"Secret", "name"}},
	"nodePublishSecretRef": {{"Secret", "name"}},
	"azureFile":            {{"Secret", "secretName"}},
	"imagePullSecrets":     {{"Secret", "name"}},
}

// Configs calls visit with the kind and the name of every ConfigMap and Secret that a pod
// reads, in the order of its spec. A name may come more than once.
func Configs(podSpec *manifest.Node, visit func(kind, name string)) {
	eachConfig(podSpec, func(ref configRef, n *manifest.Node) {
		visit(ref.kind, manifest.GetString(n, ref.field))
	})
}

// eachConfig calls visit with every mapping that names a ConfigMap or a Secret.
func eachConfig(podSpec *manifest.Node, visit func(ref configRef, n *manifest.Node)) {
	manifest.Walk(podSpec, func(key string, n *manifest.Node) {
		for _, ref := range configRefs[key] {
			if manifest.GetString(n, ref.field) != "" {
				visit(ref, n)
			}
		}
	})
}

// useCopies makes the pod use copies of the ConfigMaps and Secrets in the
// input, so that only the canary gets the new configuration.
func (d *derivation) useCopies(w *workload, podSpec *manifest.Node) {
	eachConfig(podSpec, func(ref configRef, n *manifest.Node) {
		name := manifest.GetString(n, ref.field)
		original := d.index.configs[manifest.ID{Kind: ref.kind, Namespace: w.namespace, Name: name}]
		if original == nil {
			return
		}
		d.copied[original] = true
		manifest.PutString(n, ref.field, WithSuffix(name, d.options.Suffix, maxSubdomainName))
	})
}
