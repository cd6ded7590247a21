package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestLawNamespacesApart checks that the same application in another namespace of the
// input, with the same names and labels, changes nothing about a canary, except what
// reaches into other namespaces.
func TestLawNamespacesApart(t *testing.T) {
	worlds, refused, twins := 0, 0, 0
	checkLaw(t, func(t *rapid.T, x outcome) {
		both := x.input
		for _, o := range plain(t, x.world.objects) {
			if twin := twinOf(o); twin != nil {
				both = append(both, twin)
			}
		}
		worlds++
		_, text, err := generate(encoded(t, both, "json"), x.world.options)
		if err != nil {
			refused++ // such as a Mapping for every host beside one for a prefix
			return
		}
		got := byIdentity(documents(t, text))
		for id, want := range byIdentity(x.output) {
			if diff := cmp.Diff(want, got[id]); diff != "" && !reaches(want) {
				t.Errorf("%s is another with a twin: %s", id, diff)
			}
			twin := strings.Replace(id, " "+namespace(want)+"/", " "+twinNamespace(want)+"/", 1)
			if kind(want) == "Deployment" && got[twin] != nil {
				twins++
			}
		}
	})
	if refused*4 > worlds || twins == 0 {
		t.Errorf("of %d twins %d were refused, and %d Deployments have a canary", worlds, refused, twins)
	}
}

// reaches reports whether an object selects in other namespaces too.
func reaches(o obj) bool { return strings.Contains(fmt.Sprint(o), "namespaceSelector") }

func twinNamespace(o obj) string { return namespace(o) + "-twin" }

// twinOf returns the same object in another namespace, with routes of its own. It returns
// nil for objects that concern all namespaces.
func twinOf(o obj) obj {
	if kind(o) == "Host" || kind(o) == "Module" || kind(o) == "Ingress" {
		return nil
	}
	own, twin := namespace(o), twinNamespace(o)
	o["metadata"].(obj)["namespace"] = twin
	if annotations, ok := o["metadata"].(obj)["annotations"].(obj); ok {
		delete(annotations, "getambassador.io/config")
	}
	if spec, ok := o["spec"].(obj); ok && group(o) == "getambassador.io" {
		spec["service"] = strings.Replace(str(spec, "service"), "."+own, "."+twin, 1)
		if prefix := str(spec, "prefix"); prefix != "" {
			spec["prefix"] = "/twin" + prefix
		}
		if port, is := num(spec, "port"); is {
			spec["port"] = port + 10000
		}
	}
	return o
}
