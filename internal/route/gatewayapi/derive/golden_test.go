package derive_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/manifest/golden"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/gatewayapi/derive"
)

// TestGolden derives the routes of every input in testdata/golden and compares
// the routes or the error, and the notes, with the file. Every Service with a
// selector has a canary.
func TestGolden(t *testing.T) {
	golden.Compare(t, []string{"error", "routes.yml", "notes"}, func(t *testing.T, files map[string]string) map[string]string {
		routes, notes, err := routesOf(t, files)
		if err != nil {
			return map[string]string{"error": err.Error() + "\n"}
		}
		return map[string]string{"routes.yml": routes, "notes": notes}
	})
}

// routesOf derives the routes of an archive. The canary gets a tenth of the
// requests unless request.json says otherwise; a weight below 0 means none.
func routesOf(t *testing.T, files map[string]string) (routes, notes string, err error) {
	request := struct {
		Weight, Digits int
		Strategy       derive.Strategy
	}{Weight: 10}
	if text := files["request.json"]; text != "" {
		if err := json.Unmarshal([]byte(text), &request); err != nil {
			t.Fatal(err)
		}
	}
	objects, err := manifest.Parse(manifest.Source{Name: "input.yml", Data: []byte(files["input.yml"])})
	if err != nil {
		t.Fatal(err)
	}
	set, err := manifest.NewSet(objects, "default")
	if err != nil {
		t.Fatal(err)
	}
	r := newRequest(set)
	r.Digits = request.Digits
	if request.Weight >= 0 {
		r.Weight = &request.Weight
	}
	result, err := derive.Router{Strategy: request.Strategy}.Canary(r)
	if err != nil {
		return "", "", err
	}
	for _, n := range note.Sort(result.Notes, set.Objects) {
		if n.Level > note.Debug {
			notes += n.String() + "\n"
		}
	}
	var canaries []*manifest.Object
	for _, d := range result.Derived {
		canaries = append(canaries, d.Canary)
	}
	text, err := manifest.Print(canaries)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), notes, nil
}

// newRequest returns a request with canaries of all Services of a set that
// select pods.
func newRequest(set *manifest.Set) route.Request {
	r := route.Request{
		Set:  set,
		Name: func(stable string) string { return strings.TrimLeft(stable+"-canary", "-") },
		Finish: func(route *manifest.Object, name string) {
			manifest.PutString(route.Metadata(), "name", name)
		},
	}
	for _, o := range set.Objects {
		if o.Kind() == "Service" && manifest.Get(o.Root, "spec", "selector") != nil {
			c := o.Clone()
			manifest.PutString(c.Metadata(), "name", o.Name()+"-canary")
			r.Services = append(r.Services, manifest.Derived{Stable: o, Canary: c})
		}
	}
	return r
}
