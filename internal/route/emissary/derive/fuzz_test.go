package derive_test

import (
	"regexp"
	"testing"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	"github.com/canarize/canarize/internal/route/routetest"
)

var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// FuzzAnnotation checks that no text in a getambassador.io/config annotation
// makes the router panic, and that a canary Mapping made from one has a valid
// name and the weight, and can be parsed again.
func FuzzAnnotation(f *testing.F) {
	for _, seed := range []string{
		"---\napiVersion: ambassador/v1\nkind: Mapping\nname: quote_mapping\nprefix: /\nservice: web:80\nhost: '*'\n",
		"apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: {name: A.b}\nspec: {prefix: /, hostname: '*', service: http://web.default}\n",
		"apiVersion: getambassador.io/v2\nkind: TCPMapping\nname: t\nport: 1\nservice: web\ncors: {origins: 'a,b', max_age: 3}\n",
		"apiVersion: ambassador/v0\nkind: Mapping\nname: _\nprefix: /\nservice: web\nadd_request_headers: {x: [1]}\nuse_websocket: true\ntimeout_ms: '1'\n",
		"- 1\n---\nx: [\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		service := manifest.NewMap("apiVersion", "v1", "kind", "Service",
			"metadata", manifest.NewMap("name", "web", "annotations", manifest.NewMap("getambassador.io/config", text)),
			"spec", manifest.NewMap("selector", manifest.NewMap("app", "web")))
		o := manifest.NewObject(service, &manifest.Object{Pos: manifest.Position{File: "fuzz", Line: 1}})
		set, err := manifest.NewSet([]*manifest.Object{o}, "default")
		if err != nil {
			t.Fatal(err)
		}
		weight := 25
		request := routetest.Request(set)
		request.Weight = &weight
		result, err := derive.Router{Namespace: "emissary"}.Canary(request)
		if err != nil {
			return
		}
		for _, d := range result.Derived {
			if !validName.MatchString(d.Canary.Name()) || manifest.GetString(d.Canary.Root, "spec", "weight") == "" {
				t.Errorf("%v", d.Canary.Value())
			}
			text, err := d.Canary.YAML()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := manifest.Parse(manifest.Source{Name: "canary", Data: text}); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		}
	})
}
