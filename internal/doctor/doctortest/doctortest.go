// Package doctortest tests what doctor.Examine finds, with and without gateways. A test
// starts from facts without a problem and plants one.
package doctortest

import (
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/json"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/object"
)

// Objects decodes YAML documents as Kubernetes does: whole numbers become int64.
func Objects(t testing.TB, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, document := range strings.Split(text, "---") {
		var o map[string]any
		decoded, err := yaml.YAMLToJSON([]byte(document))
		if err == nil {
			err = json.Unmarshal(decoded, &o)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		all = append(all, o)
	}
	return all
}

// Add adds the objects of YAML documents to what was seen.
func Add(t testing.TB, s *doctor.Seen, text string) {
	t.Helper()
	s.Objects = append(s.Objects, Objects(t, text)...)
}

// Object returns an object that was seen, or nil.
func Object(s *doctor.Seen, kind, name string) map[string]any {
	for _, o := range s.Objects {
		if id := object.ID(o); id.Kind == kind && id.Name == name {
			return o
		}
	}
	return nil
}

// Spec returns the spec of an object that was seen.
func Spec(s *doctor.Seen, kind, name string) map[string]any {
	return object.Spec(Object(s, kind, name))
}

// Status returns the status of an object that was seen.
func Status(s *doctor.Seen, kind, name string) map[string]any {
	status, _ := Object(s, kind, name)["status"].(map[string]any)
	return status
}

// Remove removes an object from what was seen.
func Remove(s *doctor.Seen, kind, name string) {
	var kept []map[string]any
	for _, o := range s.Objects {
		if id := object.ID(o); id.Kind != kind || id.Name != name {
			kept = append(kept, o)
		}
	}
	s.Objects = kept
}

// Finds checks that a report has exactly one finding: of a check, about an object, with
// problem in its text, and with advice.
func Finds(t *testing.T, r doctor.Report, check, about, problem string) {
	t.Helper()
	if len(r.Findings) != 1 {
		t.Fatalf("%d findings: %+v", len(r.Findings), r.Findings)
	}
	f := r.Findings[0]
	if f.Check != check || f.Object != about || !strings.Contains(f.Problem, problem) {
		t.Errorf("%+v", f)
	}
	if f.Mend == "" {
		t.Error("the advice is missing")
	}
}

// IgnoresOrder checks that the order of the objects does not change the report.
func IgnoresOrder(t *testing.T, s doctor.Seen, examine func(doctor.Seen) doctor.Report) {
	want := examine(s)
	rapid.Check(t, func(t *rapid.T) {
		order := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed"))).Perm(len(s.Objects))
		mixed := s
		mixed.Objects = nil
		for _, i := range order {
			mixed.Objects = append(mixed.Objects, s.Objects[i])
		}
		if got := examine(mixed); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\nin another order %+v", want, got)
		}
	})
}
