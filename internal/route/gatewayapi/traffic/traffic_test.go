package traffic_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/gatewayapi/model"
	"github.com/canarize/canarize/internal/route/gatewayapi/traffic"
)

const source = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs:
    - name: public
      port: 81
    - {name: other}
  rules:
    - backendRefs:
        - name: web
          port: 80
        - name: web
          namespace: other
          port: 80
    - backendRefs: [{name: web, port: 80, wieght: 1}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public}
spec:
  listeners: [{name: web, port: 80, protocol: HTTP}]
`

// TestFound: a problem has the line of its field. The default match stands in no file, so
// its rule has the line.
func TestFound(t *testing.T) {
	objects, err := manifest.Parse(manifest.Source{Name: "f.yml", Data: []byte(source)})
	if err != nil {
		t.Fatal(err)
	}
	set, err := manifest.NewSet(objects, "shop")
	if err != nil {
		t.Fatal(err)
	}
	report := traffic.Evaluate(set, model.Options{}, nil)
	want := []string{
		"f.yml:6: HTTPRoute shop/web: spec.parentRefs[0] is not attached: Gateway shop/public has no listener on port 81",
		"f.yml:13: HTTPRoute shop/web: spec.rules[0].backendRefs[1] refers to other/web:80 in another namespace, which no ReferenceGrant of the input allows: 50 % of the rule's requests get 500",
		"f.yml:16: HTTPRoute shop/web: spec.rules[1].backendRefs[0].wieght is an unknown field: kubectl refuses it, and the API server drops it",
		"f.yml:16: HTTPRoute shop/web: spec.rules[1].matches[0] (/) on listener shop/other gets no requests: HTTPRoute shop/web rules[0] takes them, because it comes first in the route",
	}
	if diff := cmp.Diff(want, report.Found); diff != "" || !report.Any {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNoRoutes: a set without routes has nothing to report, whatever else is in it.
func TestNoRoutes(t *testing.T) {
	objects, err := manifest.Parse(manifest.Source{Name: "f.yml", Data: []byte("apiVersion: example.com/v1\nkind: HTTPRoute\nmetadata: {name: web}\nspec: 1\n")})
	if err != nil {
		t.Fatal(err)
	}
	set, err := manifest.NewSet(objects, "shop")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(traffic.Report{}, traffic.Evaluate(set, model.Options{}, nil)); diff != "" {
		t.Error(diff)
	}
}
