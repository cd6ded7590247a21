package derive_test

import (
	"testing"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/manifest/golden"
	"github.com/canarize/canarize/internal/route/gatewayapi/derive"
	"github.com/canarize/canarize/internal/route/routetest"
)

// FuzzCanary checks that no manifest makes the router panic, and that what it derives can be
// printed and read again.
func FuzzCanary(f *testing.F) {
	f.Add("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}}\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {generateName: web-}\nspec: {parentRefs: [{name: public}], rules: [null, {matches: [null, {}], backendRefs: [{name: web, port: 80}]}]}\n", 10)
	f.Add("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}}\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web}\nspec: {parentRefs: [{name: public}], rules: [null, {matches: [null, {headers: null}], backendRefs: [{name: web, port: 80, weight: null}]}]}\n", 10)
	f.Fuzz(func(t *testing.T, text string, weight int) {
		objects, err := manifest.Parse(manifest.Source{Name: "fuzz.yml", Data: []byte(text)})
		if err != nil {
			return
		}
		set, err := manifest.NewSet(objects, "default")
		if err != nil {
			return
		}
		weight = max(weight, -weight) % 101
		for _, strategy := range derive.Strategies() {
			request := routetest.Request(set)
			request.Weight = &weight
			result, err := derive.Router{Strategy: strategy}.Canary(request)
			if err != nil {
				continue
			}
			for _, d := range result.Derived {
				text, err := d.Canary.YAML()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := manifest.Parse(manifest.Source{Name: "canary", Data: text}); err != nil {
					t.Errorf("%v\n%s", err, text)
				}
			}
		}
	})
}

// TestNeverChangesTheInput checks that deriving leaves the objects of the input alone.
func TestNeverChangesTheInput(t *testing.T) {
	for name, files := range golden.Files(t) {
		objects, err := manifest.Parse(manifest.Source{Name: name, Data: []byte(files["input.yml"])})
		if err != nil {
			t.Fatal(err)
		}
		before, err := manifest.Print(objects)
		if err != nil {
			t.Fatal(err)
		}
		set, err := manifest.NewSet(objects, "default")
		if err != nil {
			t.Fatal(err)
		}
		weight := 10
		for _, strategy := range derive.Strategies() {
			request := routetest.Request(set)
			request.Weight = &weight
			_, _ = derive.Router{Strategy: strategy}.Canary(request) // a refusal changes nothing either
		}
		if after, err := manifest.Print(objects); err != nil || string(after) != string(before) {
			t.Errorf("%s: %v\n%s", name, err, after)
		}
	}
}
