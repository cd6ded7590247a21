package releasefile

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("release.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("release.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// releaseFiles returns the release files of the folder examples by name, as JSON.
func releaseFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	paths, err := filepath.Glob("../../examples/*/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(content, []byte("\nkind: "+Kind+"\n")) {
			continue
		}
		if files[path], err = yaml.YAMLToJSON(content); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// refused returns the errors of the decoder and of the schema for a file.
func refused(t interface{ Fatal(...any) }, s *jsonschema.Schema, text []byte) (decoder, editor error) {
	_, decoder = Parse("release.yml", text)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return decoder, s.Validate(doc)
}

func TestSchemaTakesExamples(t *testing.T) {
	s, files := compiled(t), releaseFiles(t)
	if len(files) < 8 {
		t.Errorf("only %d release files", len(files))
	}
	for path, text := range files {
		if decoder, editor := refused(t, s, text); decoder != nil || editor != nil {
			t.Errorf("%s: %v; the schema: %v", path, decoder, editor)
		}
	}
}

func TestFieldsHaveMeanings(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Fields() {
		if f.Meaning == "" || seen[f.Path] {
			t.Errorf("%+v has no meaning, or is there twice", f)
		}
		seen[f.Path] = true
	}
	for _, path := range []string{"spec.gates[].exec[]", "spec.metrics.ratios.*.bad", "spec.canary.labels.*", "spec.timeouts.ready"} {
		if !seen[path] {
			t.Errorf("%s is not among the fields", path)
		}
	}
}

// TestReleasingExample checks that the defaults named in the annotated example are the
// real ones.
func TestReleasingExample(t *testing.T) {
	const file = "../../examples/releasing/release.yml"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	have, err := Parse(file, content)
	if err != nil {
		t.Fatal(err)
	}
	want := Default() // except for fields whose comments name the default beside another value
	want.Name, want.Namespace, want.Workload, want.Manifests, want.Images = have.Name, have.Namespace, have.Workload, have.Manifests, have.Images
	want.Canary.Labels, want.Metrics, want.Gates = have.Canary.Labels, have.Metrics, have.Gates
	want.Analysis.Ramp.Steps, want.Analysis.Limits = have.Analysis.Ramp.Steps, have.Analysis.Limits
	want.Analysis.Margins = map[string]float64{"errors": analysis.DefaultMargin("errors")}
	want.Analysis.Warmups, want.Analysis.Roles = have.Analysis.Warmups, map[string]analysis.Role{"errors": analysis.Decider}
	want.Analysis.Gauges = map[string]analysis.GaugeRule{"memory": analysis.DefaultGauge()}
	if diff := cmp.Diff(want, have, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(metric.Matcher{})); diff != "" {
		t.Error(diff)
	}
}

// TestSchemaRefuses checks that the decoder and the schema both refuse a wrong form.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, spec := range []string{
		"{workload: Shop}", "{workloads: shop}", "{manifests: shop.yml}", "{images: ['a b']}", "{canary: {replicas: 0}}",
		"{canary: {replicas: all}}", "{canary: {include: [db]}}", "{canary: {labels: {a: 1}}}", "{router: {istio: {}}}",
		"{promotion: {automatic: 1}}", "{timeouts: {ready: 10}}", "{timeouts: {ready: 10 minutes}}", "{onCancel: reject}",
		"{gates: [{name: a}]}", "{gates: [{name: a, manual: true, exec: [b]}]}", "{gates: [{manual: true}]}",
		"{gates: [{name: a, manual: false}]}", "{gates: [{name: a, http: 'ftp://a'}]}", "{gates: [{name: a, weight: 101, manual: true}]}",
		"{metrics: {source: statsd}}", "{metrics: {source: web, address: 'http://a', auth: {bearer: abc}}}",
		"{metrics: {source: web, address: 'http://a', auth: {bearer: {env: A, file: b}}}}",
		"{metrics: {source: pods, port: 80, ratios: {errors: {bad: b}}}}", "{analysis: {alpha: 1%}}", "{ramp: {steps: {weight: 1}}}",
	} {
		text, err := yaml.YAMLToJSON([]byte(head + "spec: " + spec + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if decoder, editor := refused(t, s, text); decoder == nil || editor == nil {
			t.Errorf("%s: %v; the schema: %v", spec, decoder, editor)
		}
	}
	if decoder, editor := refused(t, s, []byte(`{"kind":"Release"}`)); decoder == nil || editor == nil {
		t.Errorf("no apiVersion: %v; the schema: %v", decoder, editor)
	}
}

// place is a position in a file: a value, and how to replace it.
type place struct {
	value any
	put   func(any)
	// rename renames the value; nil if it has no name.
	rename func(string)
}

func places(v any, put func(any), rename func(string)) []place {
	all := []place{{v, put, rename}}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, places(v[name], func(x any) { v[name] = x }, func(other string) {
				v[other] = v[name]
				delete(v, name)
			})...)
		}
	case []any:
		for i := range v {
			all = append(all, places(v[i], func(x any) { v[i] = x }, nil)...)
		}
	}
	return all
}

// TestSchemaLaw changes one name or the type of one value in a file, and checks that the
// decoder and the schema agree about the result.
func TestSchemaLaw(t *testing.T) {
	s, files := compiled(t), releaseFiles(t)
	names := slices.Sorted(maps.Keys(files))
	rapid.Check(t, func(t *rapid.T) {
		var doc any
		file := rapid.SampledFrom(names).Draw(t, "file")
		if err := json.Unmarshal(files[file], &doc); err != nil {
			t.Fatal(err)
		}
		all := places(doc, func(x any) { doc = x }, nil)
		p := rapid.SampledFrom(all).Draw(t, "place")
		if p.rename != nil && rapid.Bool().Draw(t, "rename") {
			p.rename("unknown")
		} else {
			p.put(otherType(t, p.value))
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		decoder, editor := refused(t, s, text)
		if (decoder == nil) != (editor == nil) {
			t.Fatalf("%s\nthe decoder: %v\nthe schema: %v", text, decoder, editor)
		}
	})
}

func otherType(t *rapid.T, v any) any {
	others := []any{"Some text", 2.0, true, []any{}, map[string]any{"unknown": 1.0}}
	others = slices.DeleteFunc(others, func(o any) bool { return kindOf(o) == kindOf(v) })
	return rapid.SampledFrom(others).Draw(t, "value")
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "list"
	}
	return "object"
}
