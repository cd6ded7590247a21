package migrate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/manifest/golden"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// load reads manifests as a set.
func load(t tester, text string) *manifest.Set {
	t.Helper()
	objects, err := manifest.Parse(manifest.Source{Name: "input.yml", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	set, err := manifest.NewSet(objects, "")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// usual are options as people use them.
func usual() Options {
	return Options{Emissary: model.Options{Namespace: "emissary"}, Gateway: "public", GatewayNamespace: "gateways"}
}

// TestGolden: what applications in the shape of real ones become, and what is said about it.
// Files begin with what they show; one named partial stands for that flag.
func TestGolden(t *testing.T) {
	golden.Compare(t, []string{"routes.yml", "said.txt"}, func(t *testing.T, files map[string]string) map[string]string {
		r := Migrate(load(t, files["input.yml"]), usual())
		_, partial := files["partial"]
		var said strings.Builder
		for _, l := range r.Lines(partial) {
			fmt.Fprintf(&said, "%s: %s\n", l.At, l.Text)
		}
		fmt.Fprintln(&said, r.Summary())
		out := map[string]string{"said.txt": said.String()}
		if partial || r.Count(Refused) == 0 {
			text, err := manifest.Print(r.Objects)
			if err != nil {
				t.Fatal(err)
			}
			out["routes.yml"] = string(text)
		}
		return out
	})
}

// tester is what a test and a property have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
}
