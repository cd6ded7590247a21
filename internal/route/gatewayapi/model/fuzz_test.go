package model_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// FuzzModel: no JSON makes the model panic, and every problem names an object and a field
// that its text begins with.
func FuzzModel(f *testing.F) {
	for _, pattern := range []string{"conformance/*.yml", "specification/*.yml"} {
		for _, c := range readCases(f, pattern) {
			source, err := json.Marshal(c.objects())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(source)
		}
	}
	f.Add([]byte(`[{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"a"},"spec":{"parentRefs":[1],"hostnames":["*"],"rules":[{"matches":[{"path":{"type":"RegularExpression","value":"(("}}],"backendRefs":[{"weight":1e9}]}]}}]`))
	f.Fuzz(func(t *testing.T, source []byte) {
		var objects []map[string]any
		if json.Unmarshal(source, &objects) != nil {
			return
		}
		for _, complete := range []bool{false, true} {
			set := model.New(objects, model.Options{Complete: complete})
			for _, p := range set.Report().Problems {
				if p.Object.Kind == "" || p.Object.Name == "" || p.Text == "" || len(p.Path) > 1 && !strings.HasPrefix(p.Text, p.Path[0]) {
					t.Errorf("%+v", p)
				}
			}
			set.Ask(model.Request{Host: "a.example.com", Port: 80, Method: "GET", Path: "/a"})
			set.Ask(model.Request{Host: "a.example.com", Port: 80, Method: "POST", Path: "/a/b", GRPC: true})
		}
	})
}
