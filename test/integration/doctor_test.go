//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/wiring"
	"github.com/canarize/canarize/test/faults"
)

// clinic is a healthy application behind its own Emissary.
type clinic struct {
	shop
	emissary site
	gateway  *emissary
}

func (s suite) newClinic(t *testing.T, text string) clinic {
	t.Helper()
	c := clinic{shop: newShopOf(t, s.site(t), text)}
	c.emissary = c.site
	c.emissary.namespace += "-emissary"
	c.apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+c.emissary.namespace+"}")
	c.emissary.apply(t, "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}")
	c.gateway = c.openEmissary(t, c.startKubelet(t, c.namespace), c.emissary.namespace)
	c.emissary.pod(t, "emissary-1", c.namespace, gatewayLabels, running)
	for _, object := range []string{
		"{apiVersion: getambassador.io/v3alpha1, kind: Listener, metadata: {name: http}, spec: {port: 8080, protocol: HTTP, securityModel: XFP, hostBinding: {namespace: {from: ALL}}}}",
		"{apiVersion: getambassador.io/v3alpha1, kind: Host, metadata: {name: all}, spec: {hostname: '*', requestPolicy: {insecure: {action: Route}}}}",
	} {
		c.emissary.apply(t, object)
		ref := kube.RefOf(c.emissary.object(t, object))
		t.Cleanup(func() { // the Emissary of other tests assumes one
			resource := schema.GroupVersionResource{Group: ref.Group, Version: "v3alpha1", Resource: strings.ToLower(ref.Kind) + "s"}
			if err := c.dynamic.Resource(resource).Namespace(ref.Namespace).Delete(context.WithoutCancel(t.Context()), ref.Name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	return c
}

// examine runs canarize doctor and checks its exit code.
func (c clinic) examine(t *testing.T, code int, args ...string) doctor.Report {
	t.Helper()
	o := c.expect(t, code, append([]string{"doctor", "--emissary-namespace", c.emissary.namespace, "-o", "json"}, args...))
	var r doctor.Report
	if err := json.Unmarshal([]byte(o.out), &r); err != nil {
		t.Fatalf("%v\n%s", err, o.out)
	}
	return r
}

// testDoctor plants problems in a healthy namespace and checks that doctor finds each.
func (s suite) testDoctor(t *testing.T) {
	if s.canarizeErr != nil {
		t.Fatal(s.canarizeErr)
	}
	text := strings.NewReplacer(
		"labels: {app: shop}}\n    spec", "labels: {app: shop, tier: front}}\n    spec",
		"envFrom:", "readinessProbe: {httpGet: {port: 80, path: /}}\n        envFrom:",
		`hostname: "*"`, "hostname: doctor.example.com",
	).Replace(application)
	c := s.newClinic(t, text)
	healthy := func(when string, args ...string) {
		t.Helper()
		if r := c.examine(t, 0, args...); len(r.Findings)+len(r.Unseen) > 0 || r.Gateways == "" {
			t.Errorf("%s: %+v", when, r)
		}
	}
	healthy("before a release")
	proxy := faults.Start(t, c.kubeconfig, nil)
	counted := c
	counted.kubeconfig = proxy.Kubeconfig
	began := time.Now()
	counted.examine(t, 0, "-f", c.version(t, "v2"))
	t.Logf("canarize doctor -f: %d requests, %s", len(proxy.Requests()), time.Since(began).Round(time.Millisecond))
	healthy("for a release", "-f", c.version(t, "v2"))
	c.expect(t, 0, append(c.deploy(t, "v2"), "--emissary-namespace", "nowhere"))
	c.expect(t, 0, append(shift("10"), "--emissary-namespace", "nowhere"))
	healthy("during a release")
	c.gateway.freeze(50)
	if r := c.examine(t, 1); len(r.Findings) != 1 || r.Findings[0].Check != "gateway" || !strings.Contains(r.Findings[0].Problem, "50 %") {
		t.Errorf("with a gateway that gives another share: %+v", r)
	}
	c.gateway.thaw()
	c.least(t)
	if err := c.applyAs(t, "argocd-controller", map[string]any{"containers": []any{map[string]any{"name": "shop", "image": "registry.example.com/shop:v1"}}}); err != nil {
		t.Fatal(err)
	}
	if r := c.examine(t, 1, "-f", c.version(t, "v2")); len(r.Findings) != 1 || r.Findings[0].Check != "owner" || !strings.Contains(r.Findings[0].Problem, "argocd-controller") {
		t.Errorf("with an owner of a field that promotion would write: %+v", r)
	}

	planted := c.plant(t)
	r := c.examine(t, 1)
	var found []string
	for _, f := range r.Findings {
		found = append(found, f.Check+": "+f.Object)
		t.Logf("%s: %s\n    %s", f.Object, f.Problem, f.Mend)
	}
	slices.Sort(planted)
	slices.Sort(found)
	if !slices.Equal(planted, found) {
		t.Errorf("planted %d problems:\n%s\nfound %d:\n%s", len(planted), strings.Join(planted, "\n"), len(found), strings.Join(found, "\n"))
	}
	t.Logf("%d problems planted, %d found", len(planted), len(found))
	t.Run("others", func(t *testing.T) { testOthers(t, newShop(t, s.site(t))) })
}

// least runs doctor with the permissions that canarize rbac prints, and with fewer.
func (c clinic) least(t *testing.T) {
	t.Helper()
	access := wiring.Access(wiring.AccessOptions{Namespace: c.namespace, EmissaryNamespace: c.emissary.namespace, Account: "deployer"})
	objects := access.Permissions()
	if _, err := c.cluster.Apply(t.Context(), objects, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	deployer := c
	deployer.kubeconfig = actingAs(t, c.kubeconfig, "system:serviceaccount:"+c.namespace+":deployer")
	for _, args := range [][]string{nil, {"-f", c.version(t, "v3")}} {
		if r := deployer.examine(t, 0, args...); len(r.Unseen) == 0 {
			t.Errorf("with least privilege it does not report what it could not see: %+v", r)
		}
	}
	nobody := c
	nobody.kubeconfig = actingAs(t, c.kubeconfig, "system:serviceaccount:"+c.namespace+":nobody")
	denied := 0
	for _, f := range nobody.examine(t, 1).Findings {
		if f.Check != "permission" || !strings.Contains(f.Mend, "canarize rbac -n "+c.namespace) {
			t.Errorf("%+v", f)
		}
		denied++
	}
	access.Optional = nil // doctor says what it could not list instead
	granted := 0
	for _, o := range access.Permissions() {
		rules, _ := o["rules"].([]any)
		for _, rule := range rules {
			granted += len(rule.(map[string]any)["resources"].([]any))
		}
	}
	if denied != granted {
		t.Errorf("without any permission doctor reports %d denied resources, and the Roles have %d", denied, granted)
	}
}

// plant creates problems and returns the findings to expect.
func (c clinic) plant(t *testing.T) []string {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c.stopped.Store(true)
	for _, object := range []string{
		"{apiVersion: v1, kind: Service, metadata: {name: front}, spec: {selector: {tier: front}, ports: [{port: 80}]}}",
		"{apiVersion: getambassador.io/v3alpha1, kind: Mapping, metadata: {name: rival}, spec: {hostname: doctor.example.com, prefix: /, service: shop}}",
		"{apiVersion: getambassador.io/v3alpha1, kind: Mapping, metadata: {name: idle}, spec: {hostname: doctor.example.com, prefix: /idle/, service: idle}}",
		"{apiVersion: v1, kind: Service, metadata: {name: db}, spec: {selector: {app: db}, ports: [{port: 5432}]}}",
		"{apiVersion: apps/v1, kind: Deployment, metadata: {name: db}, spec: {strategy: {type: Recreate}, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: db}]}}}}",
		"{apiVersion: getambassador.io/v3alpha1, kind: Mapping, metadata: {name: lost}, spec: {hostname: doctor.example.com, prefix: /lost/, service: lost}}",
		"{apiVersion: getambassador.io/v3alpha1, kind: Mapping, metadata: {name: heavy}, spec: {hostname: doctor.example.com, prefix: /heavy/, service: shop, weight: 60}}",
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: old-canary, labels: {canarize.dev/release: old}}}",
		"{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: canarize-shop}, spec: {holderIdentity: build 7, leaseDurationSeconds: 30, renewTime: '2026-01-01T00:00:00.000000Z'}}",
		"{apiVersion: v1, kind: ResourceQuota, metadata: {name: all}, spec: {hard: {pods: 4}}}",
		"{apiVersion: v1, kind: Service, metadata: {name: idle}, spec: {selector: {app: idle}, ports: [{port: 80}]}}",
		"{apiVersion: apps/v1, kind: Deployment, metadata: {name: idle}, spec: {selector: {matchLabels: {app: idle}}, template: {metadata: {labels: {app: idle}}, spec: {containers: [{name: idle, image: idle, readinessProbe: {tcpSocket: {port: 80}}}]}}}}",
	} {
		c.apply(t, object)
	}
	c.setStatus(t, schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}, "all", "{hard: {pods: 4}, used: {pods: 4}}")
	must(c.patch(t.Context(), deployments, "shop", map[string]any{"spec": map[string]any{"paused": true}}))
	c.setStatus(t, deployments, "shop", fmt.Sprintf("{observedGeneration: %d}", generation(c.get(t, c.ref("apps", "Deployment", "shop")))))
	must(c.patch(t.Context(), mappings, "shop-canary", map[string]any{"spec": map[string]any{"weight": 40}}))
	must(c.dynamic.Resource(secrets).Namespace(c.namespace).Delete(t.Context(), "key-canary", metav1.DeleteOptions{}))
	c.emissary.pod(t, "emissary-2", c.namespace, gatewayLabels, notReady)
	at := " " + c.namespace + "/"
	return []string{
		"selector: Service" + at + "front", "group: Mapping" + at + "rival", "mapping: Mapping" + at + "lost", "mapping: Mapping" + at + "heavy",
		"orphan: ConfigMap" + at + "old-canary", "lock: Lease" + at + "canarize-shop", "quota: ResourceQuota" + at + "all",
		"stable: Deployment" + at + "idle", "stable: Deployment" + at + "shop",
		"release: Mapping" + at + "shop-canary", "release: release" + at + "shop",
		"emissary: Pod " + c.emissary.namespace + "/emissary-2",
	}
}

func generation(object map[string]any) int64 {
	meta, _ := object["metadata"].(map[string]any)
	n, _ := meta["generation"].(int64)
	return n
}

var secrets = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
