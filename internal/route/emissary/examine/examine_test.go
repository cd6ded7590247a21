package examine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/doctor/doctortest"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/examine"
)

// healthy is an Emissary without problems, with a release at 10 %.
const healthy = `
{kind: Pod, apiVersion: v1, metadata: {name: emissary-1, namespace: emissary, labels: {app.kubernetes.io/name: emissary-ingress}},
 spec: {containers: [{name: ambassador, image: "docker.io/emissaryingress/emissary:3.10.0"}]},
 status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}
---
{kind: Listener, apiVersion: getambassador.io/v3alpha1, metadata: {name: http, namespace: emissary},
 spec: {port: 8080, protocol: HTTP, securityModel: XFP, hostBinding: {namespace: {from: ALL}}}}
---
{kind: Host, apiVersion: getambassador.io/v3alpha1, metadata: {name: all, namespace: emissary},
 spec: {hostname: "*", requestPolicy: {insecure: {action: Route}}}}
---
{kind: Service, apiVersion: v1, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: web, namespace: shop},
 spec: {hostname: "*", prefix: /, service: "web:80", timeout_ms: 100}}
---
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: web-canary, namespace: shop, labels: {canarize.dev/track: canary, canarize.dev/release: web}},
 spec: {hostname: "*", prefix: /, service: "web-canary:80", timeout_ms: 100, weight: 10, stats_name: web_canary}}
---
{kind: Service, apiVersion: v1, metadata: {name: web-canary, namespace: shop, labels: {canarize.dev/track: canary, canarize.dev/release: web}}, spec: {selector: {app: web-canary}, ports: [{port: 80}]}}
`

// elsewhere is in another namespace, which is not examined.
const elsewhere = `
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: other, namespace: other},
 spec: {hostname: "*", prefix: /other/, service: "gone", weight: 300}}
`

func mapping(name string) manifest.ID {
	return manifest.ID{Group: "getambassador.io", Kind: "Mapping", Namespace: "shop", Name: name}
}

// served returns the served versions of Emissary's kinds.
func served(versions ...string) map[string][]string {
	return map[string][]string{"getambassador.io": versions}
}

func seen(t testing.TB) doctor.Seen {
	t.Helper()
	s := doctor.Seen{
		Namespace: "shop", Whole: true, Served: served("v3alpha1", "v2"),
		Objects: append(doctortest.Objects(t, healthy), doctortest.Objects(t, elsewhere)...),
		Releases: []doctor.Recorded{{
			Name:  "web",
			State: rollout.State{Phase: rollout.Standing, Weight: 10, Verified: 10, Objects: []manifest.ID{mapping("web-canary")}},
			Plan:  rollout.Plan{Routes: []rollout.Route{{Pair: rollout.Pair{Stable: mapping("web"), Canary: mapping("web-canary")}, Name: "web"}}},
		}},
	}
	s.Listed = []manifest.ID{{Kind: "Pod"}, {Kind: "Service"}, {Group: "getambassador.io", Kind: "Mapping"}}
	return s
}

func examined(s doctor.Seen) doctor.Report {
	return doctor.Examine(s, examine.Gateway{Namespace: "emissary"})
}

func TestNothingIsFoundWhereNothingIsWrong(t *testing.T) {
	r := examined(seen(t))
	if len(r.Findings) > 0 || r.Gateways != "Emissary 3.10.0, 1 pod" {
		t.Errorf("%+v", r)
	}
	with := seen(t)
	with.Wanted = wanted(t)
	if r := examined(with); len(r.Findings) > 0 {
		t.Errorf("for a planned release: %+v", r.Findings)
	}
}

// wanted returns a planned release of web.
func wanted(t testing.TB) *doctor.Wanted {
	t.Helper()
	s := seen(t)
	return &doctor.Wanted{Name: "web", Plan: rollout.Plan{Routes: s.Releases[0].Plan.Routes}}
}

// TestEveryProblemIsFound has one problem in each case.
func TestEveryProblemIsFound(t *testing.T) {
	for _, c := range []struct {
		name    string
		plant   func(*doctor.Seen)
		check   string
		object  string
		problem string
	}{
		{"no CRD", func(s *doctor.Seen) { s.Served = nil }, "crd", "API group getambassador.io", "does not serve it"},
		{"old CRD", func(s *doctor.Seen) { s.Served = served("v2", "v1") }, "crd", "API group getambassador.io", "serves v2, v1, but canarize writes Mappings in v3alpha1"},
		{"no gateway", func(s *doctor.Seen) { doctortest.Remove(s, "Pod", "emissary-1") }, "emissary", "Namespace emissary", "no pod with the label"},
		{"gateway not ready", func(s *doctor.Seen) { doctortest.Status(s, "Pod", "emissary-1")["conditions"] = nil }, "emissary", "Pod emissary/emissary-1", "not ready"},
		{"unknown version", func(s *doctor.Seen) {
			doctortest.Spec(s, "Pod", "emissary-1")["containers"] = []any{map[string]any{"image": "quay.io/datawire/aes:v2.5.1@sha256:0"}}
		}, "emissary", "Emissary 2.5.1", "another version"},
		{"two versions", func(s *doctor.Seen) {
			containers := doctortest.Spec(s, "Pod", "emissary-1")["containers"].([]any)
			doctortest.Spec(s, "Pod", "emissary-1")["containers"] = append(containers, map[string]any{"image": "ghcr.io/emissary-ingress/emissary:4.1.0-rc.1"})
		}, "emissary", "Namespace emissary", "3.10.0, 4.1.0"},
		{"no listener", func(s *doctor.Seen) { doctortest.Remove(s, "Listener", "http") }, "emissary", "Listeners", "there is none"},
		{"posted", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: bad, namespace: shop}, spec: {hostname: "*", service: web}}`)
		}, "emissary", "Mapping shop/bad", "Emissary posts an error"},
		{"group", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: rival, namespace: other}, spec: {hostname: "*", prefix: /, service: rival}}`)
		}, "group", "Mapping shop/web", "several members: Mapping shop/web-canary (10 %), Mapping other/rival (45 %), Mapping shop/web (45 %)"},
		{"no stable", func(s *doctor.Seen) { doctortest.Remove(s, "Mapping", "web") }, "group", "Mapping shop/web-canary", "it gets every request"},
		{"no host", func(s *doctor.Seen) {
			doctortest.Spec(s, "Host", "all")["hostname"] = "a.example.com"
			doctortest.Spec(s, "Mapping", "web")["hostname"] = "b.example.com"
			doctortest.Spec(s, "Mapping", "web-canary")["hostname"] = "b.example.com"
		}, "group", "Mapping shop/web", "no Host accepts its group"},
		{"no service", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: lost, namespace: shop}, spec: {hostname: "*", prefix: /lost/, service: "lost.shop:80"}}`)
		}, "mapping", "Mapping shop/lost", "routes to Service shop/lost, which does not exist"},
		{"same short name", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: own.a, namespace: shop}, spec: {hostname: "*", prefix: /a/, service: "x.other"}}
---
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: own.b, namespace: shop}, spec: {hostname: "*", prefix: /b/, service: "x.other"}}`)
		}, "mapping", "Mapping shop/own.b", `up to its first dot, "own", as Mapping shop/own.a`},
		{"dropped TCPMapping", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: TCPMapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: db, namespace: shop}, spec: {port: 9000, service: "x.other"}}
---
{kind: TCPMapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: db.canary, namespace: shop}, spec: {port: 9000, service: "x.other"}}`)
		}, "mapping", "TCPMapping shop/db", "up to its first dot"},
		{"order of names", func(s *doctor.Seen) {
			s.Wanted = wanted(t)
			route := s.Wanted.Plan.Routes[0]
			route.Canary.Name = "web2"
			s.Wanted.Plan.Routes = []rollout.Route{s.Wanted.Plan.Routes[0], route}
		}, "mapping", "Mapping shop/web2", "sorts after"},
		{"moved", func(s *doctor.Seen) { doctortest.Spec(s, "Mapping", "web-canary")["weight"] = int64(40) }, "release", "Mapping shop/web-canary", "changed its weight to 40 %; the release wants 10 %"},
		{"edited", func(s *doctor.Seen) { doctortest.Spec(s, "Mapping", "web")["idle_timeout_ms"] = int64(5) }, "release", "Mapping shop/web", "changed it since the canary was created"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := seen(t)
			c.plant(&s)
			doctortest.Finds(t, examined(s), c.check, c.object, c.problem)
		})
	}
}

// TestTheVersionCounts: what a weight of a TCPMapping means depends on the version of
// Emissary that runs.
func TestTheVersionCounts(t *testing.T) {
	id := func(name string) manifest.ID {
		return manifest.ID{Group: "getambassador.io", Kind: "TCPMapping", Namespace: "shop", Name: name}
	}
	for _, c := range []struct {
		image  string
		weight int
		found  string
	}{
		{"emissary:3.10.0", 11, ""},
		{"emissary:4.2.0", 10, ""},
		{"emissary:3.10.0", 10, "changed its weight to 9 %"},
		{"emissary:4.2.0", 11, "changed its weight to 11 %"},
		{"emissary", 11, ""},
	} {
		s := seen(t)
		doctortest.Spec(&s, "Pod", "emissary-1")["containers"] = []any{map[string]any{"image": c.image}}
		doctortest.Add(t, &s, fmt.Sprintf(`{kind: TCPMapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: web, namespace: shop}, spec: {port: 9000, service: web}}
---
{kind: TCPMapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: web-canary, namespace: shop}, spec: {port: 9000, service: web-canary, weight: %d}}`, c.weight))
		s.Releases[0].Plan.Routes = append(s.Releases[0].Plan.Routes, rollout.Route{Pair: rollout.Pair{Stable: id("web"), Canary: id("web-canary")}, Name: "web"})
		var problems []string
		for _, f := range examined(s).Findings {
			if f.Check == "release" {
				problems = append(problems, f.Problem)
			}
		}
		if text := strings.Join(problems, "; "); (text == "") != (c.found == "") || !strings.Contains(text, c.found) {
			t.Errorf("%s, weight %d: %q, expected %q", c.image, c.weight, text, c.found)
		}
	}
}

// TestOtherTargetsAreNoServices: a host outside, and a name that Kubernetes does not resolve,
// need no Service.
func TestOtherTargetsAreNoServices(t *testing.T) {
	s := seen(t)
	doctortest.Add(t, &s, `{kind: ConsulResolver, apiVersion: getambassador.io/v3alpha1, metadata: {name: eu, namespace: other}, spec: {datacenter: eu}}
---
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: a, namespace: shop}, spec: {hostname: "*", prefix: /a/, service: "lost.shop.io:80"}}
---
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: b, namespace: shop}, spec: {hostname: "*", prefix: /b/, service: "lost:80", resolver: eu}}
---
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: c, namespace: shop}, spec: {hostname: "*", prefix: /c/, service: "localhost:80"}}
---
{kind: TCPMapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: d, namespace: shop}, spec: {port: 9000, service: "10.0.0.1:80"}}`)
	if found := examined(s).Findings; len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

// TestRoutesOfOthersAreNotEmissarys: the routes of another router are not examined.
func TestRoutesOfOthersAreNotEmissarys(t *testing.T) {
	s := seen(t)
	other := manifest.ID{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute", Namespace: "shop", Name: "web"}
	canary := other
	canary.Name = "web2"
	doctortest.Add(t, &s, `{kind: HTTPRoute, apiVersion: gateway.networking.k8s.io/v1, metadata: {name: web, namespace: shop}, spec: {a: b}}
---
{kind: HTTPRoute, apiVersion: gateway.networking.k8s.io/v1, metadata: {name: web2, namespace: shop}, spec: {c: d}}`)
	s.Releases[0].Plan.Routes = append(s.Releases[0].Plan.Routes, rollout.Route{Pair: rollout.Pair{Stable: other, Canary: canary}, Name: "web"})
	if found := examined(s).Findings; len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

// TestWhatIsNotSeenIsNotMissing: objects of kinds that may not be listed are not
// reported as missing.
func TestWhatIsNotSeenIsNotMissing(t *testing.T) {
	s := seen(t)
	s.Listed, s.Whole = nil, false
	for _, kind := range []string{"Service", "Mapping", "Host", "Listener"} {
		for _, name := range []string{"web", "web-canary", "all", "http"} {
			doctortest.Remove(&s, kind, name)
		}
	}
	if found := examined(s).Findings; len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

// TestTheOrderOfWhatIsSeenDoesNotMatter checks that the order of the objects does not
// change the report.
func TestTheOrderOfWhatIsSeenDoesNotMatter(t *testing.T) {
	s := seen(t)
	doctortest.Spec(&s, "Mapping", "web-canary")["weight"] = int64(40)
	doctortest.Add(t, &s, `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: rival, namespace: shop}, spec: {hostname: "*", prefix: /, service: rival}}
---
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: bad, namespace: shop}, spec: {hostname: "*", service: web}}`)
	doctortest.IgnoresOrder(t, s, examined)
}
