package hub_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

const (
	rolloutsPath = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/"
	canariesPath = "/apis/flagger.app/v1beta1/namespaces/shop/canaries/"
)

// others are the kinds of other programs.
var others = map[string]map[string]string{"argoproj.io/v1alpha1": {"rollouts": "Rollout"}, "flagger.app/v1beta1": {"canaries": "Canary"}}

func naming(version, kind, name, field, workload string) map[string]any {
	return values{"apiVersion": version, "kind": kind, "metadata": values{"name": name, "namespace": "shop"}, "spec": values{field: values{"apiVersion": "apps/v1", "kind": "Deployment", "name": workload}}}
}

// deploy deploys a version of an application as a release of the given name.
func (w *world) deploy(t *testing.T, release string, n int) error {
	t.Helper()
	_, err := w.hub.Do(t.Context(), runner.Release{Namespace: "shop", Name: release}, rollout.Request{Verb: rollout.Deploy, Run: rollout.Run{Holder: "test"}}, plan(n, "good:2"))
	return err
}

// TestNoReleaseBesideAnother: deploy and run refuse before they change anything if another
// program or another release releases the workload.
func TestNoReleaseBesideAnother(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(*testing.T, *world)
		code  rollout.Code // "" if nobody else releases it
		says  string
	}{
		{"nobody", func(*testing.T, *world) {}, "", ""},
		{"objects about another workload", func(_ *testing.T, w *world) {
			w.Put(rolloutsPath+"a", naming("argoproj.io/v1alpha1", "Rollout", "a", "workloadRef", nameOf(1)))
			w.Put(canariesPath+"a", naming("flagger.app/v1beta1", "Canary", "a", "targetRef", nameOf(1)))
		}, "", ""},
		{"Argo Rollouts", func(_ *testing.T, w *world) {
			w.Put(rolloutsPath+"a", naming("argoproj.io/v1alpha1", "Rollout", "a", "workloadRef", nameOf(0)))
		}, rollout.RefusedOwned, "Rollout shop/a of Argo Rollouts releases Deployment shop/app-0"},
		{"Flagger", func(_ *testing.T, w *world) {
			w.Put(canariesPath+"a", naming("flagger.app/v1beta1", "Canary", "a", "targetRef", nameOf(0)))
		}, rollout.RefusedOwned, "Canary shop/a of Flagger releases Deployment shop/app-0"},
		{"Flagger, which may not be listed", func(_ *testing.T, w *world) {
			forbid(w, canariesPath)
			scaleToZero(w, "flagger")
		}, rollout.RefusedOwned, "Flagger releases Deployment shop/app-0"},
		{"nobody, and nothing may be listed", func(_ *testing.T, w *world) { forbid(w, canariesPath, rolloutsPath) }, "", ""},
		{"a Canary that is gone", func(_ *testing.T, w *world) { scaleToZero(w, "flagger") }, "", ""},
		{"a person's scale, and nothing may be listed", func(_ *testing.T, w *world) {
			forbid(w, canariesPath, rolloutsPath)
			scaleToZero(w, "kubectl")
		}, "", ""},
		{"another release", func(t *testing.T, w *world) {
			if err := w.deploy(t, "blue", 0); err != nil {
				t.Fatal(err)
			}
		}, rollout.RefusedRival, "release blue already has a canary of Deployment shop/app-0"},
		{"another release of another workload", func(t *testing.T, w *world) {
			if err := w.deploy(t, "blue", 1); err != nil {
				t.Fatal(err)
			}
		}, "", ""},
		{"another release that is over", func(t *testing.T, w *world) {
			if err := w.deploy(t, "blue", 0); err != nil {
				t.Fatal(err)
			}
			if _, err := w.hub.Do(t.Context(), runner.Release{Namespace: "shop", Name: "blue"}, rollout.Request{Verb: rollout.Reject, Run: rollout.Run{Holder: "test"}}, nil); err != nil {
				t.Fatal(err)
			}
		}, "", ""},
	} {
		for _, verb := range []string{"deploy", "run"} {
			t.Run(c.name+", "+verb, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 2)
					w.Also = others
					defer w.gateways.Close()
					c.plant(t, w)
					before := len(w.Requests())
					var err error
					if verb == "deploy" {
						err = w.deploy(t, nameOf(0), 0)
					} else {
						_, err = w.run(t.Context(), 0, "good:2", analysis.Step{Weight: 50, Hold: 5})
					}
					var refused runner.RefusedError
					switch {
					case c.code == "" && err != nil:
						t.Fatal(err)
					case c.code == "":
					case !errors.As(err, &refused) || refused.Code != c.code || !strings.Contains(err.Error(), c.says):
						t.Errorf("%v", err)
					case len(w.writesFrom(before)) > 0:
						t.Errorf("before the refusal: %q", w.writesFrom(before))
					}
				})
			})
		}
	}
}

// scaleToZero takes the stable pods away as a field manager does.
func scaleToZero(w *world, manager string) {
	w.Edit(deploymentsPath+nameOf(0), func(o map[string]any) {
		o["spec"].(values)["replicas"] = 0
		kubetest.Meta(o)["managedFields"] = []any{values{"manager": manager, "operation": "Update", "fieldsV1": values{"f:spec": values{"f:replicas": values{}}}}}
	})
}

// forbid refuses to list what is under the paths.
func forbid(w *world, paths ...string) {
	w.Intercept(func(r *http.Request) (*http.Response, error) {
		if slices.Contains(paths, r.URL.Path+"/") {
			return kubetest.Answer(http.StatusForbidden, kubetest.Status(403, "Forbidden", "objects", "")), nil
		}
		return nil, nil
	})
}

// writesFrom returns the writes from request number from on, without those of locks.
func (w *world) writesFrom(from int) []string {
	return slices.DeleteFunc(w.requestsFrom(from), func(r string) bool { return strings.HasPrefix(r, "GET") || strings.HasPrefix(r, "WATCH") })
}

// TestOtherProgramsCostNothing: a cluster without other programs is asked nothing about
// them, and one request finds the other releases of a workload.
func TestOtherProgramsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		defer w.gateways.Close()
		if err := w.deploy(t, nameOf(0), 0); err != nil {
			t.Fatal(err)
		}
		if n := w.Count("GET /apis/argoproj.io") + w.Count("GET /apis/flagger.app"); n > 0 {
			t.Errorf("%d requests about kinds that are not served", n)
		}
		lists := slices.DeleteFunc(w.Requests(), func(r string) bool { return r != "GET /api/v1/namespaces/shop/configmaps" })
		if len(lists) != 1 {
			t.Errorf("%d requests for records", len(lists))
		}
	})
}
