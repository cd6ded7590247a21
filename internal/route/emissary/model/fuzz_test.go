package model_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// FuzzParseService checks that a service that parses is written back byte for
// byte, and that replacing the name changes nothing else.
func FuzzParseService(f *testing.F) {
	for _, seed := range []string{
		"web", "web:80", "https://web.other:8443", "web.default.svc.cluster.local", "HTTP://Web", "127.0.0.1", "[::1]:80",
		"web:", ":80", "web.", "a/b", "web:080", "", "x://", "wéb",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		s, err := model.ParseService(source)
		if err != nil {
			return
		}
		if got := s.String(); got != source {
			t.Errorf("%q came back as %q", source, got)
		}
		if got, want := s.WithName("x").String(), strings.Replace(source, s.Name, "x", 1); s.Scheme == "" && got != want {
			t.Errorf("%q with another name: %q, want %q", source, got, want)
		}
		again, err := model.ParseService(s.WithName("x").String())
		if err != nil || again != s.WithName("x") {
			t.Errorf("%q with another name does not parse: %+v %v", source, again, err)
		}
	})
}

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
			_ = model.ClusterName(o, options)
			_ = model.ToV3Alpha1(o)
			_, _ = model.AnnotationObjects(o)
		}
	})
}
