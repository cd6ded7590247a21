package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest/golden"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// TestWho compares which workloads of an input get a canary, and what is said about the
// others, with testdata/golden.
func TestWho(t *testing.T) {
	golden.Compare(t, []string{"outcome"}, func(t *testing.T, files map[string]string) map[string]string {
		return map[string]string{"outcome": who(t, files["input.yml"], files["options.json"])}
	})
}

// who returns the workloads and routes that are derived, the notes, and the error.
func who(t *testing.T, input, options string) string {
	t.Helper()
	var o struct {
		Include         []canary.WorkloadRef
		GenerateMapping bool
		Image           string
	}
	if options != "" {
		if err := json.Unmarshal([]byte(options), &o); err != nil {
			t.Fatal(err)
		}
	}
	set := setOf(t, "input.yml", input)
	weight := 10
	wanted := plan.Options{
		Weight: &weight, GenerateMapping: o.GenerateMapping, Prefix: "/", Hostname: "*",
		Canary:  canary.Options{Suffix: "-canary", Include: o.Include},
		Routers: []route.Named{{Name: route.Default, Deriver: derive.Router{Namespace: "emissary"}}},
	}
	if o.Image != "" {
		image, err := canary.ParseImage(o.Image)
		if err != nil {
			t.Fatal(err)
		}
		wanted.Canary.Images = []canary.Image{image}
	}
	g, err := plan.Generate(set, wanted)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, d := range g.Derived {
		if k := d.Canary.Kind(); k != "Service" {
			b.WriteString(set.ID(d.Canary).String() + "\n")
		}
	}
	for _, n := range g.Notes {
		if n.Level > note.Debug {
			b.WriteString(n.String() + "\n")
		}
	}
	return b.String()
}
