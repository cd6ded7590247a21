package canary_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// selected is a Deployment of which the label app changes in the canary, and its Service.
const selected = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec: {serviceAccountName: clerk, containers: [{name: main, image: registry.example.com/web:1}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
`

// foreign derives the canary beside one more object, and returns the copy of that object,
// or nil, and the warnings about it.
func foreign(t *testing.T, object string) (*manifest.Object, []note.Note) {
	t.Helper()
	set := read(t, "input.yml", selected+object, "default")
	result, err := canary.Derive(set, canary.Options{Weight: 10, Suffix: "-canary"})
	if err != nil {
		t.Fatal(err)
	}
	o := set.Objects[len(set.Objects)-1]
	var made *manifest.Object
	for _, d := range result.Derived {
		if d.Stable == o {
			made = d.Canary
		}
	}
	var warnings []note.Note
	for _, n := range result.Notes {
		if n.Object == o && n.Level == note.Warning {
			warnings = append(warnings, n)
		}
	}
	return made, warnings
}

// TestExpressions reads selectors of Calico. The wanted one is that of the canary's policy;
// "" means that the policy takes both versions or neither, and "warning" that the selector
// cannot be changed so that it takes the canary.
func TestExpressions(t *testing.T) {
	const track = " && canarize.dev/track == 'canary'"
	for selector, want := range map[string]string{
		"app == 'web'":                          "app == 'web-canary'" + track,
		`app=="web"`:                            `app=="web-canary"` + track,
		"(app == 'web')":                        "(app == 'web-canary')" + track,
		"!!(app == 'web')":                      "!!(app == 'web-canary')" + track,
		" app == 'web' && tier == 'front' ":     "app == 'web-canary' && tier == 'front'" + track,
		"app == 'web' || app == 'api'":          "(app == 'web-canary' || app == 'api')" + track,
		"app in {'web'}":                        "app in {'web-canary'}" + track,
		"app in { 'api' , 'web', }":             "app in { 'api' , 'web-canary', }" + track,
		"has(app) && app == 'web'":              "has(app) && app == 'web-canary'" + track,
		"app == 'web' && app not in {'x', 'y'}": "app == 'web-canary' && app not in {'x', 'y'}" + track,
		"app == 'web' && !has(legacy)":          "app == 'web-canary' && !has(legacy)" + track,
		"app == 'web' && app contains 'e'":      "app == 'web-canary' && app contains 'e'" + track,
		"!has(canarize.dev/track)":              "warning", // a contradiction with the track
		"app == 'web' && app ends with 'b'":     "warning",
		"!(app != 'web')":                       "!(app != 'web-canary')" + track,
		"tier == 'front'":                       "",
		"app starts with 'we'":                  "",
		"app contains 'web' && has(tier)":       "",
		"all()":                                 "",
		"":                                      "",
		"global()":                              "",
		"app == 'api'":                          "",
		"app == 'web' && tier == 'back'":        "",
		"projectcalico.org/serviceaccount == 'x' && app == 'web'":                                          "",
		"projectcalico.org/serviceaccount == 'clerk' && app == 'web'":                                      "projectcalico.org/serviceaccount == 'clerk' && app == 'web-canary'" + track,
		"projectcalico.org/namespace == 'shop' && projectcalico.org/orchestrator == 'k8s' && app == 'web'": "projectcalico.org/namespace == 'shop' && projectcalico.org/orchestrator == 'k8s' && app == 'web-canary'" + track,
		// These are not expressions; the API server refuses them.
		"app = 'web'": "", "app == web": "", "app == 'web": "", "app in {'web'": "", "app in 'web'": "", "app == 'web' &&": "", "app == 'web' & has(x)": "",
		"(app == 'web'": "", "app == 'web')": "", "has(": "", "has()": "", "all(": "", "!": "", "app starts 'w'": "", "app not 'web'": "", "'web' == app": "", "é == 'web'": "",
		strings.Repeat("(", 5000) + "app == 'web'" + strings.Repeat(")", 5000): "",
	} {
		made, warnings := foreign(t, fmt.Sprintf("apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: it, namespace: shop}\nspec: {selector: %q}\n", selector))
		have := ""
		if made != nil {
			have = manifest.GetString(made.Root, "spec", "selector")
		} else if len(warnings) > 0 {
			have = "warning"
		}
		if have != want {
			t.Errorf("%.80s: became %q, want %q", selector, have, want)
		}
	}
}

// TestSelectorsOfUnknownKinds finds selectors by the names of their fields.
func TestSelectorsOfUnknownKinds(t *testing.T) {
	for spec, warned := range map[string]bool{
		"selector: {app: web}":                                                              true,
		"selector: {matchLabels: {app: web}}":                                               true,
		"selector: {matchLabels: {any:app: web}}":                                           true,
		"selector: {matchExpressions: [{key: app, operator: In, values: [web, api]}]}":      true,
		"selector: {labels: {app: web}}":                                                    true,
		"selector: {labelSelector: {matchLabels: {app: web}}}":                              true,
		"selector: app=web":                                                                 true,
		`selector: "app in (web), tier"`:                                                    true,
		"selector: app == 'web'":                                                            true,
		"workloadSelector: {labels: {app: web, tier: front}}":                               true,
		"endpointSelector: {matchLabels: {k8s:app: web}}":                                   true,
		"egress: [{toEndpoints: [{matchLabels: {app: web}}]}]":                              true,
		"podSelector: {matchLabels: {app: web}, matchExpressions: []}":                      true,
		"a: {b: [{c: {selectors: [{x: {}}, {podSelector: {matchLabels: {app: web}}}]}}]}":   true,
		"selector: {namespaces: [shop], labelSelectors: {app: web}}":                        true,
		"namespaceSelector: {any: true}, selector: {matchLabels: {app: web}}":               true,
		"namespaceSelector: {matchNames: [shop]}, selector: {matchLabels: {app: web}}":      true,
		"namespaces: [office, shop], podSelector: {matchLabels: {app: web}}":                true,
		"kinds: [v1/Pod], selector: {matchLabels: {app: web}}":                              true,
		"targetRef: {kind: Deployment, name: web}":                                          true,
		"targetRef: {apiVersion: apps/v1, kind: Deployment, name: web, namespace: shop}":    true,
		"targetRefs: [{kind: Gateway, name: web}, {group: \"\", kind: Service, name: web}]": true,
		"scaleTargetRef: {kind: Deployment, name: web}":                                     false,
		"parentRefs: [{group: core, kind: Service, name: web}]":                             true,

		"selector: {app: api}":                                                       false,
		"selector: {tier: front}":                                                    false,
		"selector: {app: web, tier: back}":                                           false,
		"selector: {matchExpressions: [{key: app, operator: Exists}]}":               false,
		"selector: {matchExpressions: [{key: app, operator: NotIn, values: [api]}]}": false,
		"selector: {}":                        false,
		"selector: {matchLabels: {}}":         false,
		"selector: web":                       false,
		"selector: app>1":                     false,
		"selector: {app: [web]}":              false,
		"selector: {matchLabels: [app, web]}": false,
		"selector: {matchLabels: {app: {}}}":  false,
		"selector: null":                      false,
		"selector: [null, 1, [[]]]":           false,
		"selector: {matchExpressions: [{key: app, operator: Like, values: [web]}]}":                                    false,
		"namespaces: [office], podSelector: {matchLabels: {app: web}}":                                                 false,
		"namespaceSelector: {matchNames: [office]}, selector: {matchLabels: {app: web}}":                               false,
		"namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: office}}, selector: {matchLabels: {app: web}}": false,
		"namespaceSelector: {matchLabels: {app: web}}":                                                                 false,
		"nodeSelector: {app: web}":                                                                                false,
		"labelSelector: {matchLabels: {app: web}}":                                                                false,
		"serviceSelector: {selector: {app: web}}":                                                                 false,
		"kinds: [Deployment], selector: {matchLabels: {app: web}}":                                                false,
		"accessModes: [ReadWriteOnce], selector: {matchLabels: {app: web}}":                                       false,
		"namespaces: {from: Selector, selector: {matchLabels: {app: web}}}":                                       false,
		"volumeClaimTemplate: {spec: {selector: {matchLabels: {app: web}}}}":                                      false,
		"selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: []}}": false,
		"targetRef: {kind: Deployment, name: api}":                                                                false,
		"targetRef: {kind: Deployment, name: web, namespace: office}":                                             false,
		"targetRef: {apiVersion: acme.example.com/v1, kind: Deployment, name: web}":                               false,
		"targetRef: {group: serving.knative.dev, kind: Service, name: web}":                                       false,
		"targetRef: {name: web}":                                                                                  false,
		"parentRefs: [{kind: Deployment, name: web}]":                                                             false,
		"backendRefs: [{kind: Service, name: web}]":                                                               false,
		"targetRef: web": false,
	} {
		made, warnings := foreign(t, "apiVersion: acme.example.com/v1\nkind: Shield\nmetadata: {name: it, namespace: shop}\nspec: {"+spec+"}\n")
		if made != nil {
			t.Errorf("%s: has a copy", spec)
		}
		if len(warnings) > 1 || len(warnings) == 1 != warned {
			t.Errorf("%s: warnings %v, want one: %v", spec, warnings, warned)
		}
	}
}

// FuzzForeign checks that no shape of a foreign object makes Derive panic, and that what it
// prints reads again.
func FuzzForeign(f *testing.F) {
	kinds := []string{
		"acme.example.com/v1 Shield", "cilium.io/v2 CiliumNetworkPolicy", "cilium.io/v2 CiliumClusterwideNetworkPolicy", "projectcalico.org/v3 NetworkPolicy",
		"security.istio.io/v1 AuthorizationPolicy", "networking.istio.io/v1 Sidecar", "networking.istio.io/v1 DestinationRule", "networking.istio.io/v1 VirtualService",
		"networking.istio.io/v1 ServiceEntry", "operator.victoriametrics.com/v1beta1 VMPodScrape", "linkerd.io/v1alpha2 ServiceProfile",
	}
	for i, seed := range []string{
		"selector: app == 'web'", "selector: {matchLabels: {app: web}}", "workloadSelector: {labels: {app: web}}", "selector: !x [&a {app: web}, *a]",
		"endpointSelector: {matchLabels: {k8s:app: web}}, ingress: [{fromEndpoints: [{matchLabels: {app: web}}, null, x]}, 1], egress: {}",
		"selector: app in {'web'}, ingress: [{source: {selector: app == 'web', namespaceSelector: global()}}, {source: []}, [null]]",
		"host: web, subsets: [{labels: {app: web}}, 1, {labels: []}]", "hosts: [web.shop.svc, [], {}], gateways: x", "targetRefs: {kind: [Service], name: web}",
		"selector: {matchExpressions: [{key: app, operator: In, values: [web]}, 2]}, namespaceSelector: {matchNames: {a: b}}", "redirectBackend: 1",
	} {
		f.Add(seed, uint8(i))
	}
	f.Fuzz(func(t *testing.T, spec string, kind uint8) {
		version, name, _ := strings.Cut(kinds[int(kind)%len(kinds)], " ")
		text := fmt.Sprintf("%sapiVersion: %s\nkind: %s\nmetadata: {name: web, namespace: shop}\nspec: {%s}\nspecs: [{%s}]\n", selected, version, name, spec, spec)
		objects, err := manifest.Parse(manifest.Source{Name: "fuzz", Data: []byte(text)})
		if err != nil {
			return
		}
		set, err := manifest.NewSet(objects, "default")
		if err != nil {
			return
		}
		result, err := canary.Derive(set, canary.Options{Weight: 10, Suffix: "-canary", CopyPeers: kind%2 == 0})
		if err != nil {
			return
		}
		if text := printed(t, result); text != "" {
			if _, err := manifest.Parse(manifest.Source{Name: "canary", Data: []byte(text)}); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		}
	})
}
