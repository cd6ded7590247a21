package routetest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/manifest/golden"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/route"
)

// Golden derives the routes of every input in testdata/golden and compares the routes or the
// error, and the notes, with the file. Every Service with a selector has a canary, which gets
// a tenth of the requests unless request.json says otherwise; a weight below 0 means none.
// derive also gets request.json, for what only its router takes; "" if there is none.
func Golden(t *testing.T, derive func(t *testing.T, request route.Request, options string) (route.Result, error)) {
	golden.Compare(t, []string{"error", "routes.yml", "notes"}, func(t *testing.T, files map[string]string) map[string]string {
		asked := struct{ Weight, Digits int }{Weight: 10}
		Options(t, files["request.json"], &asked)
		objects, err := manifest.Parse(manifest.Source{Name: "input.yml", Data: []byte(files["input.yml"])})
		if err != nil {
			t.Fatal(err)
		}
		set, err := manifest.NewSet(objects, "default")
		if err != nil {
			t.Fatal(err)
		}
		request := Request(set)
		request.Digits = asked.Digits
		if asked.Weight >= 0 {
			request.Weight = &asked.Weight
		}
		result, err := derive(t, request, files["request.json"])
		if err != nil {
			return map[string]string{"error": err.Error() + "\n"}
		}
		return map[string]string{"routes.yml": printed(t, result), "notes": noted(result, set)}
	})
}

// Options reads JSON into what holds the defaults; "" changes nothing.
func Options(t *testing.T, text string, into any) {
	t.Helper()
	if text == "" {
		return
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// printed returns the objects that were derived, as YAML.
func printed(t *testing.T, result route.Result) string {
	t.Helper()
	var canaries []*manifest.Object
	for _, d := range result.Derived {
		canaries = append(canaries, d.Canary)
	}
	text, err := manifest.Print(canaries)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// noted returns the notes that a user sees, a line each.
func noted(result route.Result, set *manifest.Set) (notes string) {
	for _, n := range note.Sort(result.Notes, set.Objects) {
		if n.Level > note.Debug {
			notes += n.String() + "\n"
		}
	}
	return notes
}

// Request returns a request with canaries of all Services of a set that select pods.
func Request(set *manifest.Set) route.Request {
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
