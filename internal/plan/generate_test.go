package plan_test

import (
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	gatewayapi "github.com/canarize/canarize/internal/route/gatewayapi/derive"
)

const shop = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: registry.example.com/web:1, envFrom: [{secretRef: {name: keys}}]}]}
---
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    getambassador.io/config: |
      apiVersion: getambassador.io/v3alpha1
      kind: Mapping
      name: old
      hostname: "*"
      prefix: /old/
      service: web
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {password: hunter2}
`

const someMapping = `---
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: NAME, labels: {front: "yes"}}
spec: {PREFIX, service: web}
`

func mapping(name, spec string) string {
	return strings.NewReplacer("NAME", name, "PREFIX", spec).Replace(someMapping)
}

func options() plan.Options {
	weight := 10
	return plan.Options{Weight: &weight, Routers: []route.Named{{Name: route.Default, Deriver: derive.Router{Namespace: "emissary"}}}, Prefix: "/", Hostname: "*", Canary: canary.Options{Suffix: "-canary"}}
}

// TestRefusals checks that an impossible canary is an error that names the obstacle.
func TestRefusals(t *testing.T) {
	labels := func(o *plan.Options) { o.Canary.Labels = map[string]string{"front": "no"} }
	for _, c := range []struct {
		name, input string
		change      func(*plan.Options)
		want        []string
	}{
		{"the name of a Mapping is taken", shop + mapping("web", "hostname: '*', prefix: /") + mapping("web-canary", "hostname: '*', prefix: /2/"), nil, []string{"world.yml:30: Mapping web: ", "web-canary is in the input already, at world.yml:35"}},
		{"the name of a Secret is taken", shop + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys-canary}\n", nil, []string{"world.yml:25: Secret keys: ", "keys-canary", "world.yml:30"}},
		{"two Mappings would have one name", shop + mapping("a.b", "hostname: '*', prefix: /1/") + mapping("a-b", "hostname: '*', prefix: /2/"), nil, []string{"Mapping a.b (world.yml:30)", "world.yml:35: Mapping a-b", "a-b-canary"}},
		{"a Mapping and one in an annotation would have one name", shop + mapping("old", "hostname: '*', prefix: /1/"), nil, []string{"Service web (world.yml:11)", "world.yml:30: Mapping old", "old-canary"}},
		{"no weight", shop, func(o *plan.Options) { o.Weight = nil }, []string{"--canary-weight"}},
		{"a label that a Host selects Mappings by", shop + mapping("web", "prefix: /") + "---\napiVersion: getambassador.io/v3alpha1\nkind: Host\nmetadata: {name: all}\nspec: {hostname: shop.example.com, requestPolicy: {insecure: {action: Route}}, mappingSelector: {matchLabels: {front: 'yes'}}}\n", labels, []string{"Mapping web: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			if c.change != nil {
				c.change(&o)
			}
			g, _, err := generate(manifest.Source{Name: "world.yml", Data: []byte(c.input)}, o)
			if err == nil || len(g.Derived) > 0 {
				t.Fatalf("%d objects and the error %v", len(g.Derived), err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

// TestReleaseNeedsALiveRouter checks that a route whose router only derives is no release.
func TestReleaseNeedsALiveRouter(t *testing.T) {
	const http = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec: {parentRefs: [{name: public}], rules: [{backendRefs: [{name: cart, port: 80}]}]}
`
	o := options()
	o.Routers = append(o.Routers, route.Named{Name: "gatewayapi", Deriver: gatewayapi.Router{}, DerivesOnly: true})
	_, err := plan.Release(setOf(t, "world.yml", cart+http), plan.ReleaseOptions{Generate: o})
	if err == nil || !strings.Contains(err.Error(), "HTTPRoute web: canarize cannot release by a route of this kind yet") {
		t.Error(err)
	}
}

// TestNamespace checks that -n sets the namespace of objects that name none, including
// those made from an annotation. Without -n they keep none.
func TestNamespace(t *testing.T) {
	for _, namespace := range []string{"", "shop"} {
		o := options()
		o.Canary.Namespace = namespace
		g, _, err := generate(manifest.Source{Name: "world.yml", Data: []byte(shop + mapping("web", "hostname: '*', prefix: /"))}, o)
		if err != nil || len(g.Derived) != 5 {
			t.Fatal(len(g.Derived), err)
		}
		for _, c := range g.Canaries() {
			if c.Namespace() != namespace {
				t.Errorf("with -n %q, %s", namespace, c.ID())
			}
		}
	}
	o := options()
	o.Canary.Namespace = "shop"
	_, _, err := generate(manifest.Source{Name: "world.yml", Data: []byte(strings.Replace(shop, "metadata: {name: keys}", "metadata: {name: keys, namespace: other}", 1))}, o)
	if err == nil || !strings.Contains(err.Error(), "world.yml:25: Secret other/keys: --namespace shop") {
		t.Errorf("another namespace: %v", err)
	}
}

// TestRoutesComeLast checks that, applied in the order of the output, the pods exist
// before requests come.
func TestRoutesComeLast(t *testing.T) {
	g, _, err := generate(manifest.Source{Name: "world.yml", Data: []byte(mapping("web", "hostname: '*', prefix: /") + "---\n" + shop)}, options())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, c := range g.Canaries() {
		kinds = append(kinds, c.Kind())
	}
	if got := strings.Join(kinds, " "); got != "Deployment Service Secret Mapping Mapping" {
		t.Error(got)
	}
}

// TestDiff compares stable with canary. The values of Secrets are masked, and a canary
// made from an object of another kind is shown as new.
func TestDiff(t *testing.T) {
	g, _, err := generate(manifest.Source{Name: "world.yml", Data: []byte(shop)}, options())
	if err != nil {
		t.Fatal(err)
	}
	before, err := g.Print()
	if err != nil {
		t.Fatal(err)
	}
	diff, err := plan.Diff(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"--- world.yml:1 Deployment web\n+++ Deployment web-canary\n", "\n-  replicas: 4\n", "\n+  replicas: 1\n",
		"--- /dev/null\n+++ Mapping old-canary\n", "(masked)",
	} {
		if !strings.Contains("\n"+string(diff), want) {
			t.Errorf("the difference lacks %q:\n%s", want, diff)
		}
	}
	if strings.Contains(string(diff), "hunter2") {
		t.Errorf("a secret is shown:\n%s", diff)
	}
	if after, err := g.Print(); err != nil || string(after) != string(before) {
		t.Errorf("comparing changed the canary: %v\n%s", err, after)
	}
}

// TestArgo checks that no canary has the label by which Argo CD may track objects, also if
// only another object of the input is marked as Argo CD's.
func TestArgo(t *testing.T) {
	const instance = "app.kubernetes.io/instance"
	labelled := strings.ReplaceAll(shop, "metadata: {name: keys}", "metadata: {name: keys, labels: {"+instance+": shop}}") + strings.Replace(mapping("web", "hostname: '*', prefix: /"), `front: "yes"`, instance+": shop", 1)
	for _, c := range []struct {
		name, other string
		keeps       bool
	}{
		{"nothing", "{apiVersion: v1, kind: ConfigMap, metadata: {name: other, labels: {" + instance + ": shop}}}", true},
		{"a rollout", "{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: other}}", true},
		{"a wave", "{apiVersion: batch/v1, kind: Job, metadata: {name: other, annotations: {argocd.argoproj.io/sync-wave: '1'}}}", false},
		{"a tracking id", "{apiVersion: v1, kind: ConfigMap, metadata: {name: other, annotations: {argocd.argoproj.io/tracking-id: 'team_shop:/ConfigMap:default/other'}}}", false},
		{"an application", "{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: shop}}", false},
	} {
		g, _, err := generate(manifest.Source{Name: "world.yml", Data: []byte(labelled + "---\n" + c.other + "\n")}, options())
		if err != nil {
			t.Fatal(c.name, err)
		}
		found := 0
		for _, o := range g.Canaries() {
			if manifest.GetString(o.Root, "metadata", "labels", instance) != "" {
				found++
			}
		}
		if (found == 2) != c.keeps || !c.keeps && found > 0 {
			t.Errorf("%s: %d canaries have the label", c.name, found)
		}
	}
}
