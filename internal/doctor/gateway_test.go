package doctor_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/doctor/doctortest"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// routes is the API group of routes in these tests.
const routes = "routes.example.com"

// gateway has a finding of every sort.
type gateway struct{ name string }

// Examine implements doctor.Gateway.
func (g gateway) Examine(e *doctor.Exam) doctor.GatewayReport {
	finding := func(about string) []doctor.Finding {
		return []doctor.Finding{{Check: g.name, Object: about, Problem: "planted", Mend: "nothing"}}
	}
	report := doctor.GatewayReport{APIGroup: g.name + ".example.com", Gateway: finding("gateway"), Changed: map[string][]doctor.Finding{"web": finding("changed")}}
	if versions := e.Served[report.APIGroup]; len(versions) > 0 {
		report.Fact = g.name + " " + versions[0]
	}
	for _, o := range e.Of(e.Namespace, "Route") {
		if !e.Missing(manifest.ID{Kind: "Service", Namespace: o.ID.Namespace, Name: o.Text("spec", "service")}) {
			continue
		}
		report.Routes = append(report.Routes, finding(o.ID.String())...)
	}
	return report
}

// TestGatewaysTakePart: each of two gateways has its findings, and the report sorts
// them in an order in which they can be solved.
func TestGatewaysTakePart(t *testing.T) {
	s := seen(t)
	s.Served = map[string][]string{routes: {"v2"}}
	s.Wanted = wanted(t)
	s.Wanted.Refused = []doctor.Finding{{Check: "owner", Object: "Deployment shop/web"}}
	s.Denied = []doctor.Denied{{Resource: "deployments.apps", Namespace: "shop", Verbs: []string{"patch"}}}
	s.Releases[0].State.Phase = rollout.Promoting
	doctortest.Spec(&s, "Deployment", "web")["paused"] = true
	doctortest.Add(t, &s, `{kind: Service, apiVersion: v1, metadata: {name: old-canary, namespace: shop, labels: {canarize.dev/release: old, canarize.dev/track: canary}}}
---
{kind: Route, apiVersion: routes.example.com/v1, metadata: {name: old-canary, namespace: shop, labels: {canarize.dev/release: old}}, spec: {service: gone}}`)
	r := doctor.Examine(s, gateway{"unseen"}, gateway{"routes"})
	if r.Gateways != "routes v2" {
		t.Errorf("the fact is %q", r.Gateways)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Check+": "+f.Object)
	}
	want := []string{
		"permission: deployments.apps in namespace shop",
		"unseen: gateway", "routes: gateway",
		"owner: Deployment shop/web", "stable: Deployment shop/web",
		"unseen: Route shop/old-canary", "routes: Route shop/old-canary",
		"release: release shop/web", "unseen: changed", "routes: changed",
		"orphan: Route shop/old-canary", "orphan: Service shop/old-canary", // a route without its Service fails requests
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	s.Served["unseen.example.com"] = []string{"v1"}
	if r := doctor.Examine(s, gateway{"unseen"}, gateway{"routes"}); r.Gateways != "unseen v1; routes v2" {
		t.Errorf("the fact is %q", r.Gateways)
	}
}

// TestThePermissionsAreNamed: a finding about a permission names the command that
// prints the permissions.
func TestThePermissionsAreNamed(t *testing.T) {
	s := seen(t)
	s.Denied = []doctor.Denied{{Resource: "pods", Namespace: "shop", Verbs: []string{"list"}}}
	const want = "ask an administrator to apply the output of canarize rbac -n shop"
	if found := doctor.Examine(s).Findings; len(found) != 1 || found[0].Mend != want {
		t.Errorf("%+v, want %q", found, want)
	}
}

// TestJSON: scripts read the report by these names.
func TestJSON(t *testing.T) {
	s := doctor.Seen{Namespace: "shop", Absent: []manifest.ID{{Kind: "Namespace", Name: "shop"}}}
	text, err := json.Marshal(doctor.Examine(s, fact{"routes v2"}))
	const want = `{"namespace":"shop","emissary":"routes v2","findings":[{"check":"namespace","object":"Namespace shop","problem":"it does not exist","mend":"kubectl create namespace shop, or use another one with -n"}],"unseen":[]}`
	if err != nil || string(text) != want {
		t.Errorf("%s, want %s, %v", text, want, err)
	}
}

// fact is a gateway without problems.
type fact struct{ text string }

// Examine implements doctor.Gateway.
func (f fact) Examine(*doctor.Exam) doctor.GatewayReport { return doctor.GatewayReport{Fact: f.text} }
