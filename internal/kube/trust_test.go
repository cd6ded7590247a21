package kube

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

func writeLabelled(a *kubetest.API, labels map[string]any) {
	a.Put(mapPath, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "web", "namespace": "shop", "labels": labels}})
}

// Only an object that carries the labels at the moment of the deletion is deleted.
func TestDeleteOnly(t *testing.T) {
	ours := map[string]any{"canarize.dev/release": "web"}
	only := Write{Only: map[string]string{"canarize.dev/release": "web"}}
	for name, c := range map[string]struct {
		is, known, soon map[string]any // labels: now, in the cache, and after the first attempt
		result          Result
		reason          string
	}{
		"ours":                        {is: ours, result: Deleted},
		"somebody else's":             {is: map[string]any{"app": "web"}, result: Skipped, reason: "it lacks the label canarize.dev/release=web"},
		"of another release":          {is: map[string]any{"canarize.dev/release": "shop"}, result: Skipped, reason: "it lacks the label canarize.dev/release=web"},
		"ours, as was not known yet":  {known: map[string]any{}, is: ours, result: Deleted},
		"ours once":                   {known: ours, is: map[string]any{}, result: Skipped, reason: "it lacks the label canarize.dev/release=web"},
		"ours until somebody took it": {is: ours, soon: map[string]any{}, result: Skipped, reason: "it lacks the label canarize.dev/release=web"},
		"ours, and touched":           {is: ours, soon: ours, result: Deleted},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster, api := newFake(t, Options{})
				if c.known != nil {
					writeLabelled(api, c.known)
					cluster = cluster.Following(t.Context())
					if _, err := cluster.Fresh(t.Context(), aMapping); err != nil {
						t.Fatal(err)
					}
				}
				writeLabelled(api, c.is)
				if c.soon != nil {
					soon := c.soon
					api.Intercept(func(r *http.Request) (*http.Response, error) {
						if r.Method == http.MethodDelete && soon != nil {
							writeLabelled(api, soon)
							soon = nil
						}
						return nil, nil
					})
				}
				changes, err := cluster.Delete(t.Context(), []Ref{aMapping}, only)
				if err != nil || len(changes) != 1 || changes[0].Result != c.result || changes[0].Reason != c.reason {
					t.Errorf("%+v, %v", changes, err)
				}
				if left := api.Get(mapPath) != nil; left != (c.result == Skipped) {
					t.Errorf("left: %v", left)
				}
			})
		})
	}
}

// If two users annotate the same version, the second gets ErrChanged. A lost answer to
// the own write is not reported as a change.
func TestAnnotateVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		write(api, "1")
		o, err := c.Fresh(t.Context(), aMapping)
		if err != nil {
			t.Fatal(err)
		}
		version := versionIn(o)
		lost := true
		api.Intercept(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodPatch || !lost {
				return nil, nil
			}
			lost = false
			api.Serve(r)
			return nil, errBroken
		})
		if err := c.Annotate(t.Context(), aMapping, map[string]string{"approve": "by A"}, version, Write{}); err != nil {
			t.Error("the first:", err)
		}
		err = c.Annotate(t.Context(), aMapping, map[string]string{"approve": "by B"}, version, Write{})
		if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "ConfigMap shop/web: ") {
			t.Error("the second:", err)
		}
		if got := kubetest.Meta(api.Get(mapPath))["annotations"].(map[string]any)["approve"]; got != "by A" {
			t.Errorf("approved %s", got)
		}
		if o, err = c.Fresh(t.Context(), aMapping); err != nil {
			t.Fatal(err)
		}
		if err := c.Annotate(t.Context(), aMapping, map[string]string{"approve": "by A and B"}, versionIn(o), Write{}); err != nil {
			t.Error("after a new read:", err)
		}
	})
}

// Canary routes are found by their label alone, even if their kind is not served.
func TestListByLabel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		for name, release := range map[string]string{"web-canary": "web", "shop-canary": "shop", "web": ""} {
			meta := map[string]any{"name": name, "namespace": "shop"}
			if release != "" {
				meta["labels"] = map[string]any{"canarize.dev/release": release}
			}
			api.Put("/apis/getambassador.io/v3alpha1/namespaces/shop/mappings/"+name, map[string]any{"apiVersion": "getambassador.io/v3alpha1", "kind": "Mapping", "metadata": meta})
		}
		found, err := c.List(t.Context(), Ref{Group: "getambassador.io", Kind: "Mapping", Namespace: "shop"}, "canarize.dev/release=web")
		if err != nil || len(found) != 1 || RefOf(found[0]).Name != "web-canary" {
			t.Errorf("%v, %v", found, err)
		}
		found, err = c.List(t.Context(), Ref{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute", Namespace: "shop"}, "canarize.dev/release=web")
		if err != nil || len(found) != 0 {
			t.Errorf("%v, %v", found, err)
		}
	})
}
