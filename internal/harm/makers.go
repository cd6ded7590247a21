package harm

import (
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// recipe says which ConfigMap or Secret the objects of a kind make, where the rule for
// unknown kinds does not find it.
type recipe struct {
	group, kind string
	makes       string   // ConfigMap or Secret
	unless      []string // a field that says so if it is there; else the name is the object's
	only        []string // a field without which it makes none
	everywhere  bool     // in every namespace
}

// recipes are true for the versions of 2025:
//   - ExternalSecret, ClusterExternalSecret: external-secrets.io/v1
//   - SealedSecret: the controller ignores spec.template.metadata.name
//   - Bundle: trust.cert-manager.io/v1alpha1
//   - SecretSync: secret-sync.x-k8s.io/v1alpha1
//   - OnePasswordItem: onepassword.com/v1
//   - StringSecret, BasicAuth, SSHKeyPair: secretgenerator.mittwald.de/v1alpha1
var recipes = []recipe{
	{group: "external-secrets.io", kind: "ExternalSecret", makes: "Secret", unless: []string{"spec", "target", "name"}},
	{group: "external-secrets.io", kind: "ClusterExternalSecret", makes: "Secret", unless: []string{"spec", "externalSecretName"}, everywhere: true},
	{group: "bitnami.com", kind: "SealedSecret", makes: "Secret"},
	{group: "trust.cert-manager.io", kind: "Bundle", makes: "ConfigMap", only: []string{"spec", "target", "configMap"}, everywhere: true},
	{group: "trust.cert-manager.io", kind: "Bundle", makes: "Secret", only: []string{"spec", "target", "secret"}, everywhere: true},
	{group: "secret-sync.x-k8s.io", kind: "SecretSync", makes: "Secret"},
	{group: "onepassword.com", kind: "OnePasswordItem", makes: "Secret"},
	{group: "secretgenerator.mittwald.de", makes: "Secret"},
	{group: "secrets-store.csi.x-k8s.io", kind: "SecretProviderClass", makes: "SecretProviderClass"},
}

// targets are the fields in which an object names what it makes. Their values are a name,
// or a mapping or a list of mappings with one. Among those who use them are
// ExternalSecrets (target), Infisical (managedSecretReference, managedKubeSecretReferences,
// targets), HashiCorp's operator for Vault (destination), Doppler (managedSecret),
// Crossplane (writeConnectionSecretToRef), AWS' controllers (to), akv2k8s (output), Azure
// App Configuration (target), SOPS (secretTemplates) and the Secrets Store (secretObjects).
var targets = map[string]bool{
	"target": true, "targets": true, "destination": true, "destinations": true, "output": true, "outputs": true, "to": true,
	"managedSecret": true, "managedSecretReference": true, "managedKubeSecretReferences": true, "managedKubeConfigMapReferences": true,
	"writeConnectionSecretToRef": true, "secretTemplate": true, "secretTemplates": true, "secretObjects": true,
	"targetSecret": true, "targetSecretName": true, "targetSecretRef": true, "destinationSecret": true, "destinationSecretName": true,
	"outputSecret": true, "outputSecretName": true, "generatedSecret": true, "generatedSecretName": true,
	"targetConfigMap": true, "targetConfigMapName": true, "outputConfigMap": true, "outputConfigMapName": true,
}

// replicating are the annotations by which a controller copies a ConfigMap or a Secret to
// other namespaces: Reflector, kubed, kubernetes-replicator.
var replicating = []string{
	"reflector.v1.k8s.emberstack.com/reflection-auto-enabled", "kubed.appscode.com/sync",
	"replicator.v1.mittwald.de/replicate-to", "replicator.v1.mittwald.de/replicate-to-matching",
}

// everyNamespace is the namespace of a sharing that stands for all of them.
const everyNamespace = "*"

// makes returns the ConfigMaps and Secrets that a controller makes from an object.
func makes(set *manifest.Set, o *manifest.Object) []sharing {
	kind := o.Kind()
	if o.Group() == "" {
		return replicas(o, kind)
	}
	if builtIn(o.Group()) || manifest.GetString(o.Root, "spec", "target", "creationPolicy") == "None" {
		return nil
	}
	m := makings{own: set.Namespace(o)}
	m.byRecipe(o)
	spec := manifest.Get(o.Root, "spec")
	manifest.Walk(spec, m.visit)
	if name := manifest.GetString(spec, "secretName"); name != "" { // Certificate, BitwardenSecret
		m.add("Secret", "", name)
	}
	if len(m.found) == 0 && makesSecrets(kind) {
		m.add("Secret", "", o.Name())
	}
	return m.found
}

// builtIn reports whether a group belongs to Kubernetes.
func builtIn(group string) bool {
	switch group {
	case "apps", "batch", "extensions", "autoscaling", "policy":
		return true
	}
	return strings.HasSuffix(group, ".k8s.io") && !strings.HasSuffix(group, ".x-k8s.io")
}

// makesSecrets reports whether the name of a kind says that its objects become Secrets of
// their name, as a VaultSecret does.
func makesSecrets(kind string) bool {
	return strings.HasSuffix(kind, "Secret") && !strings.Contains(kind, "Push")
}

// replicas returns the copies that a controller makes of a ConfigMap or Secret.
func replicas(o *manifest.Object, kind string) []sharing {
	if kind != "ConfigMap" && kind != "Secret" {
		return nil
	}
	for _, key := range replicating {
		if n := manifest.Get(o.Root, "metadata", "annotations", key); n != nil && n.Value != "false" {
			return []sharing{{kind, everyNamespace, o.Name()}}
		}
	}
	return nil
}

// makings collects what an object makes.
type makings struct {
	own   string // the object's namespace
	found []sharing
}

func (m *makings) add(kind, namespace, name string) {
	if namespace == "" {
		namespace = m.own
	}
	made := sharing{kind, namespace, name}
	if name != "" && !slices.Contains(m.found, made) && len(m.found) < maxMade {
		m.found = append(m.found, made)
	}
}

// maxMade limits what one object makes. No real object makes more.
const maxMade = 100

func (m *makings) byRecipe(o *manifest.Object) {
	for _, r := range recipes {
		if r.group != o.Group() || r.kind != "" && r.kind != o.Kind() || r.only != nil && manifest.Get(o.Root, r.only...) == nil {
			continue
		}
		name, namespace := o.Name(), ""
		if r.unless != nil && manifest.GetString(o.Root, r.unless...) != "" {
			name = manifest.GetString(o.Root, r.unless...)
		}
		if r.everywhere {
			namespace = everyNamespace
		}
		m.add(r.makes, namespace, name)
	}
	if o.Kind() == "ClusterExternalSecret" {
		m.add("Secret", everyNamespace, manifest.GetString(o.Root, "spec", "externalSecretSpec", "target", "name"))
	}
}

// visit finds what a field names as a target.
func (m *makings) visit(key string, n *manifest.Node) {
	if !targets[key] {
		return
	}
	if manifest.IsScalar(n) {
		m.add(kindOf(key, ""), "", n.Value)
		return
	}
	namespace := manifest.GetString(n, "namespace")
	if namespace == "" {
		namespace = manifest.GetString(n, "secretNamespace")
	}
	kind := manifest.GetString(n, "kind")
	if kind == "" {
		kind = manifest.GetString(n, "manifest", "kind") // ExternalSecret
	}
	m.add("Secret", namespace, manifest.GetString(n, "secretName"))
	m.add("Secret", namespace, manifest.GetString(n, "secret", "name"))
	m.add("ConfigMap", namespace, manifest.GetString(n, "configMapName"))
	m.add("ConfigMap", namespace, manifest.GetString(n, "configMap", "name"))
	m.add(kindOf(key, kind), namespace, manifest.GetString(n, "name"))
}

// kindOf returns what a target is: its kind field says so, else its key.
func kindOf(key, kind string) string {
	for _, known := range []string{"ConfigMap", "Secret"} {
		if strings.EqualFold(kind, known) {
			return known
		}
	}
	if kind == "" && strings.Contains(key, "ConfigMap") {
		return "ConfigMap"
	}
	if kind == "" {
		return "Secret"
	}
	return kind
}
