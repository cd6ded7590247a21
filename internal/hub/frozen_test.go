package hub_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/live"
)

// odd is a Mapping in another namespace that makes Envoy refuse every configuration.
func (w *world) odd() string {
	const path = "/apis/getambassador.io/v3alpha1/namespaces/other/mappings/odd"
	w.Put(path, values{
		"apiVersion": "getambassador.io/v3alpha1", "kind": "Mapping", "metadata": values{"name": "odd", "namespace": "other"},
		"spec": values{"hostname": "*", "prefix": "/x(", "prefix_regex": true, "service": "odd"},
	})
	return path
}

func (w *world) freeze(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = is
}

// TestGatewayFreezes: the gateway freezes during a release. The run takes the requests off
// without it, and the record says what the gateway does, since when, and which object is the
// likely reason. Once the gateway follows, the release ends as usual.
func TestGatewayFreezes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		defer w.gateways.Close()
		time.AfterFunc(25*time.Second, func() {
			w.odd()
			w.freeze(true)
		})
		s, err := w.run(t.Context(), 0, "good:2", analysis.Step{Weight: 5, Hold: 30}, analysis.Step{Weight: 50, Hold: 5})
		if err == nil || !s.Braked || s.Weight != 0 || s.Verified != rollout.Unknown {
			t.Fatalf("%s at %d %%, braked %v, verified %d, %v", s.Phase, s.Weight, s.Braked, s.Verified, err)
		}
		if taken := s.Taken; taken == nil || taken.Least != 5 || taken.Most != 5 || taken.Pods != gatewayPods || taken.Behind != gatewayPods || taken.Unchanged < 30 {
			t.Errorf("taken: %+v", taken)
		}
		for _, part := range []string{"so the gateway is frozen or slow", "Mapping other/odd: spec.prefix is \"/x(\""} {
			if !strings.Contains(s.Held, part) {
				t.Errorf("it does not say %q: %s", part, s.Held)
			}
		}
	})
}

// TestBeforeAnything: a run changes nothing if the gateway is seen not to follow, and names
// the reason.
func TestBeforeAnything(t *testing.T) {
	for name, c := range map[string]struct {
		unwell func(w *world)
		well   func(w *world)
		says   string
	}{
		"an object that freezes the gateway": {
			func(w *world) { w.odd() }, func(w *world) { w.Drop(w.odd()) },
			"Mapping other/odd: spec.prefix",
		},
		"the route of an earlier canary": {
			func(w *world) {
				canary := application(0, "-canary", "good:2")[2]
				canary["spec"].(values)["weight"] = 5.
				w.Put(pathOf(canary), canary)
				w.mu.Lock()
				w.route()
				w.frozen = true
				w.mu.Unlock()
				w.Drop(pathOf(canary))
			},
			func(w *world) { w.freeze(false) },
			"Mapping shop/app-0-canary has 5 % of the requests, although it no longer exists",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				defer w.gateways.Close()
				c.unwell(w)
				_, err := w.run(t.Context(), 0, "good:2", analysis.Step{Weight: 5, Hold: 5})
				if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "nothing was changed") {
					t.Fatalf("%v, expected %q", err, c.says)
				}
				for path := range w.Under("/") {
					if strings.Contains(path, "-canary") {
						t.Errorf("%s exists", path)
					}
				}
				c.well(w)
				if s, err := w.run(t.Context(), 0, "good:2", analysis.Step{Weight: 5, Hold: 5}); err != nil || s.Phase != rollout.Promoted || s.Taken != nil {
					t.Errorf("afterwards: %s, %v", s.Phase, err)
				}
			})
		})
	}
}

// TestAsker: an examination is told what a frozen gateway does instead, and nothing if the
// gateway follows.
func TestAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		asker := live.Asker{Gateways: w.gateways, Namespace: gatewayNamespace}
		defer asker.Close()
		p := plan(0, "good:2")
		canary := p.Canary[2]
		canary["spec"].(values)["weight"] = 5.
		w.Put(pathOf(canary), canary)
		behind := func() string {
			text, err := asker.Behind(t.Context(), func(id manifest.ID) map[string]any {
				return w.Get(mappingsPath + id.Name)
			}, p.Routes)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		if text := behind(); text != "" {
			t.Errorf("the gateway follows: %s", text)
		}
		w.freeze(true)
		time.Sleep(time.Minute)
		w.Edit(pathOf(canary), func(o map[string]any) { o["spec"].(values)["weight"] = 50. })
		if text := behind(); !strings.Contains(text, "5 %") || !strings.Contains(text, "frozen or slow") {
			t.Errorf("weight 50, frozen at 5: %q", text)
		}
		w.Drop(pathOf(canary))
		if text := behind(); !strings.Contains(text, "has 5 % of the requests, although it no longer exists") {
			t.Errorf("deleted, frozen at 5: %q", text)
		}
		w.fault = `["app-0-canary.shop.1", "is odd"], ["x", "y"]`
		posted, known, err := asker.Posted(t.Context())
		if want := []route.Posted{{Namespace: "shop", Name: "app-0-canary", Text: "is odd"}, {Text: "y"}}; !known || err != nil || !slices.Equal(posted, want) {
			t.Errorf("%v, %v, %v", posted, known, err)
		}
	})
}
