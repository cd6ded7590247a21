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

// useCopies makes the pod use copies of the ConfigMaps and Secrets in the
// input, so that only the canary gets the new configuration.
func (d *derivation) useCopies(w *workload, podSpec *manifest.Node) {
	manifest.Walk(podSpec, func(key string, n *manifest.Node) {
		for _, ref := range configRefs[key] {
			name := manifest.GetString(n, ref.field)
			id := manifest.ID{Kind: ref.kind, Namespace: w.namespace, Name: name}
			original := d.index.configs[id]
			if name == "" || original == nil {
				continue
			}
			d.copied[original] = true
			manifest.PutString(n, ref.field, WithSuffix(name, d.options.Suffix, maxSubdomainName))
		}
	})
}
