package model_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// FuzzEvaluate checks that no JSON makes the model panic or changes the shape
// of its report.
func FuzzEvaluate(f *testing.F) {
	f.Add([]byte(`[{"apiVersion":"getambassador.io/v3alpha1","kind":"Mapping","metadata":{"name":"a"},"spec":{"prefix":"/","service":"a","weight":-1}}]`))
	f.Add([]byte(`[{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","annotations":{"getambassador.io/config":"apiVersion: ambassador/v1\nkind: Mapping\nname: x\nprefix: /\nservice: [1]\n---\n&a [*a]"}}}]`))
	f.Add([]byte(`[{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"a","annotations":{"kubernetes.io/ingress.class":"ambassador"}},"spec":{"tls":[{"hosts":[1],"secretName":"s"}],"backend":{"serviceName":"a","servicePort":"x"},"rules":[{"host":"*.a","http":{"paths":[{"path":1,"backend":{"service":{"name":"a","port":{"number":1e9}}}}]}}]}}]`))
	if source, err := os.ReadFile(filepath.Join("testdata", "generated.json")); err == nil {
		var sets map[string]struct {
			Mappings json.RawMessage `json:"mappings"`
		}
		_ = json.Unmarshal(source, &sets)
		for name, s := range sets {
			if strings.HasPrefix(name, "emissary-") {
				f.Add([]byte(s.Mappings))
			}
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		var objects []map[string]any
		if json.Unmarshal(source, &objects) != nil {
			return
		}
		report := model.Evaluate(objects, model.Options{Namespace: "emissary", AmbassadorID: "default"})
		if report.Groups == nil || report.Dropped == nil || report.Errors == nil || len(report.Drops) != len(report.Dropped) {
			t.Errorf("%+v", report)
		}
		for _, o := range objects {
			_, _ = model.Names(o, options)
			_ = model.ToV3Alpha1(o)
			_, _ = model.AnnotationObjects(o)
		}
	})
}
