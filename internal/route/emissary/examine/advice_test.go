package examine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/doctor/doctortest"
	"github.com/canarize/canarize/internal/manifest"
)

// bakery has a Service and a Deployment without a readinessProbe, which doctor reports if a
// Mapping leads there. Another Mapping leads to another Service.
const bakery = `
{kind: Service, apiVersion: v1, metadata: {name: oven, namespace: shop}, spec: {selector: {app: oven}, ports: [{port: 80}]}}
---
{kind: Deployment, apiVersion: apps/v1, metadata: {name: oven, namespace: shop},
 spec: {selector: {matchLabels: {app: oven}}, template: {metadata: {labels: {app: oven}}, spec: {containers: [{name: oven}]}}},
 status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1}}
`

// TestWhereMappingsLead: doctor examines the workloads to which Mappings lead, however they
// are written, and no others.
func TestWhereMappingsLead(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant string
		leads bool
	}{
		{"nothing leads there", `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: oven, namespace: shop}, spec: {hostname: "*", prefix: /oven/, service: web}}`, false},
		{"a Mapping", `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: oven, namespace: shop}, spec: {hostname: "*", prefix: /oven/, service: "http://oven:80"}}`, true},
		{"a Mapping of another namespace", `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: oven, namespace: other}, spec: {hostname: "*", prefix: /oven/, service: "oven.shop.svc.cluster.local:80"}}`, true},
		{"a Mapping to the same name elsewhere", `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: oven, namespace: other}, spec: {hostname: "*", prefix: /oven/, service: oven}}`, false},
		{"a TCPMapping", `{kind: TCPMapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: oven, namespace: shop}, spec: {port: 9000, service: "oven:80"}}`, true},
		{"an annotation", `{kind: Service, apiVersion: v1, metadata: {name: door, namespace: shop, annotations: {getambassador.io/config: "{apiVersion: getambassador.io/v3alpha1, kind: Mapping, name: door, hostname: '*', prefix: /oven/, service: oven}"}}, spec: {selector: {app: door}}}`, true},
		{"an Ingress of Emissary", `{kind: Ingress, apiVersion: networking.k8s.io/v1, metadata: {name: oven, namespace: shop, annotations: {kubernetes.io/ingress.class: ambassador}}, spec: {rules: [{http: {paths: [{path: /oven/, pathType: Prefix, backend: {service: {name: oven, port: {number: 80}}}}]}}]}}`, true},
		{"an Ingress of another", `{kind: Ingress, apiVersion: networking.k8s.io/v1, metadata: {name: oven, namespace: shop, annotations: {kubernetes.io/ingress.class: nginx}}, spec: {rules: [{http: {paths: [{path: /oven/, pathType: Prefix, backend: {service: {name: oven, port: {number: 80}}}}]}}]}}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := seen(t)
			doctortest.Add(t, &s, bakery)
			doctortest.Add(t, &s, c.plant)
			found := examined(s).Findings
			led := slices.ContainsFunc(found, func(f doctor.Finding) bool { return f.Check == "stable" && f.Object == "Deployment shop/oven" })
			if led != c.leads {
				t.Errorf("examined: %v; %+v", led, found)
			}
		})
	}
}

// TestAdviceDoesNoHarm: following the advice takes no requests from those who serve them.
func TestAdviceDoesNoHarm(t *testing.T) {
	const alone = "apply the stable route beside it first; then kubectl delete mapping web-canary -n shop"
	for _, c := range []struct {
		name   string
		plant  func(*doctor.Seen)
		check  string
		object string
		mend   string
		never  string
	}{
		{"a leftover that gets everything", func(s *doctor.Seen) {
			s.Releases = nil
			doctortest.Remove(s, "Mapping", "web")
		}, "orphan", "Mapping shop/web-canary", alone, ""},
		{"a leftover", func(s *doctor.Seen) { s.Releases = nil }, "orphan", "Mapping shop/web-canary", "unless canarize status -A shows an unfinished release web in another namespace, kubectl delete mapping web-canary -n shop", ""},
		{"a leftover to which a Mapping leads", func(*doctor.Seen) {}, "orphan", "Service shop/web-canary", "a route leads to it, whose requests would fail without it: delete that first, or correct it; then kubectl delete service web-canary -n shop", ""},
		{"a canary without its stable Mapping", func(s *doctor.Seen) { doctortest.Remove(s, "Mapping", "web") }, "group", "Mapping shop/web-canary", "apply the stable Mapping at once", "delete"},
		{"a weight", func(s *doctor.Seen) { heavy(t, s, "one", "/one/", 60) }, "mapping", "Mapping shop/one", "if it is to get all of its requests, remove spec.weight", ""},
		{"a split by hand", func(s *doctor.Seen) { heavy(t, s, "one", "/one/", 80); heavy(t, s, "two", "/one/", 20) }, "mapping", "Mapping shop/two", "end that split first", "remove spec.weight"},
		{"a group of two", func(s *doctor.Seen) { heavy(t, s, "one", "/one/", 80); heavy(t, s, "two", "/one/", 20) }, "group", "Mapping shop/one", "if they share them on purpose", "delete"},
		{"old CRDs", func(s *doctor.Seen) { s.Served = served("v2") }, "crd", "API group getambassador.io", "upgrade Emissary", "apply the CRDs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := seen(t)
			s.Listed = append(s.Listed, manifest.ID{Kind: "ConfigMap"})
			c.plant(&s)
			found := examined(s).Findings
			at := slices.IndexFunc(found, func(f doctor.Finding) bool { return f.Check == c.check && f.Object == c.object })
			if at < 0 {
				t.Fatalf("%+v", found)
			}
			if mend := found[at].Mend; !strings.Contains(mend, c.mend) || c.never != "" && strings.Contains(mend, c.never) {
				t.Errorf("%+v", found[at])
			}
		})
	}
}

// heavy adds a Mapping with a weight.
func heavy(t *testing.T, s *doctor.Seen, name, prefix string, weight int) {
	t.Helper()
	doctortest.Add(t, s, fmt.Sprintf(`{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: %s, namespace: shop}, spec: {hostname: "*", prefix: %s, service: web, weight: %d}}`, name, prefix, weight))
}
