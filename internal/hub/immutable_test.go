package hub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// part is an object that is released with application 0, and its path.
func part(version, kind, name string, rest values) (path string, object map[string]any) {
	root := "/apis/" + version
	if !strings.Contains(version, "/") {
		root = "/api/" + version
	}
	object = values{"apiVersion": version, "kind": kind, "metadata": values{"name": name, "namespace": "shop"}}
	for key, value := range rest {
		object[key] = value
	}
	return fmt.Sprintf("%s/namespaces/shop/%ss/%s", root, strings.ToLower(kind), name), object
}

// TestImmutable: if the API server would refuse a promotion, deploy and run end before they
// change anything, and say what must not change and what to do. If nothing of that changes,
// they do not.
func TestImmutable(t *testing.T) {
	job := func(name, image string) (string, map[string]any) {
		secret := values{"name": "LICENCE", "value": strings.Repeat("a long value ", 400)}
		pods := values{"spec": values{"restartPolicy": "Never", "containers": []any{values{"name": "task", "image": image, "env": []any{secret}}}}}
		return part("batch/v1", "Job", name, values{"spec": values{"template": pods}})
	}
	config := func(kind, value string, immutable bool) (string, map[string]any) {
		return part("v1", kind, "settings", values{"data": values{"size": value}, "immutable": immutable})
	}
	type object func() (path string, object map[string]any)
	for name, c := range map[string]struct {
		before, next object
		says, remedy string // "" if the release begins
	}{
		"a Job with another image": {
			func() (string, map[string]any) { return job("migrate", "tool:1") },
			func() (string, map[string]any) { return job("migrate", "tool:2") },
			"Job shop/migrate: apply: template: Invalid value: ", "kubectl delete job migrate -n shop",
		},
		"a Pod with another image": {
			func() (string, map[string]any) {
				return part("v1", "Pod", "probe", values{"spec": values{"containers": []any{values{"image": "a:1"}}}})
			},
			func() (string, map[string]any) {
				return part("v1", "Pod", "probe", values{"spec": values{"containers": []any{values{"image": "a:2"}}}})
			},
			"Pod shop/probe: apply: spec: Invalid value: ", "kubectl delete pod probe -n shop",
		},
		"an immutable ConfigMap": {
			func() (string, map[string]any) { return config("ConfigMap", "1", true) },
			func() (string, map[string]any) { return config("ConfigMap", "2", true) },
			"ConfigMap shop/settings: apply: data: Invalid value: ", "give it a new name",
		},
		"an immutable Secret": {
			func() (string, map[string]any) { return config("Secret", "MQ==", true) },
			func() (string, map[string]any) { return config("Secret", "Mg==", true) },
			"Secret shop/settings: apply: data: Invalid value: ", "give it a new name",
		},
		"the selector of another Deployment": {
			func() (string, map[string]any) {
				return part("apps/v1", "Deployment", "worker", values{"spec": values{"replicas": 1, "selector": values{"matchLabels": values{"app": "a"}}}})
			},
			func() (string, map[string]any) {
				return part("apps/v1", "Deployment", "worker", values{"spec": values{"replicas": 1, "selector": values{"matchLabels": values{"app": "b"}}}})
			},
			"Deployment shop/worker: apply: selector: Invalid value: ", "leave the field as it is in the cluster",
		},

		"the same Job": {
			func() (string, map[string]any) { return job("migrate", "tool:1") },
			func() (string, map[string]any) { return job("migrate", "tool:1") }, "", "",
		},
		"a Job with a new name": {
			func() (string, map[string]any) { return job("migrate-1", "tool:1") },
			func() (string, map[string]any) { return job("migrate-2", "tool:2") }, "", "",
		},
		"a ConfigMap": {
			func() (string, map[string]any) { return config("ConfigMap", "1", false) },
			func() (string, map[string]any) { return config("ConfigMap", "2", false) }, "", "",
		},
		"an immutable ConfigMap that stays the same": {
			func() (string, map[string]any) { return config("ConfigMap", "1", true) },
			func() (string, map[string]any) { return config("ConfigMap", "1", true) }, "", "",
		},
	} {
		for verb, begin := range map[string]func(context.Context, *world, *rollout.Plan) error{
			"deploy": func(ctx context.Context, w *world, p *rollout.Plan) error {
				_, err := w.hub.Do(ctx, runner.Release{Namespace: "shop", Name: nameOf(0)}, rollout.Request{Verb: rollout.Deploy, Run: rollout.Run{Holder: "test"}}, p)
				return err
			},
			"run": func(ctx context.Context, w *world, p *rollout.Plan) error {
				s, err := w.release(ctx, 0, p, analysis.Step{Weight: 5, Hold: 5})
				if err == nil && s.Phase != rollout.Promoted {
					err = fmt.Errorf("it is %s", s.Phase)
				}
				return err
			},
		} {
			t.Run(name+"/"+verb, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 1)
					defer w.gateways.Close()
					path, before := c.before()
					w.Put(path, before)
					_, next := c.next()
					p := plan(0, "good:2")
					p.Stable = append(p.Stable, next)
					at := w.Version()
					err := begin(t.Context(), w, p)
					if c.says == "" {
						if err != nil {
							t.Error(err)
						}
						return
					}
					w.unchanged(t, at)
					var invalid *kube.InvalidError
					if !errors.As(err, &invalid) || !strings.Contains(invalid.Remedy(), c.remedy) {
						t.Fatalf("%v", err)
					}
					text := err.Error()
					if !strings.HasPrefix(text, "nothing was changed, because the API server would refuse the promotion: "+c.says) || !strings.HasSuffix(text, "field is immutable") || len(text) > 500 {
						t.Errorf("%d bytes: %s", len(text), text)
					}
					w.Drop(path)
					if err := begin(t.Context(), w, p); err != nil {
						t.Errorf("after %s was deleted: %v", path, err)
					}
				})
			})
		}
	}
}

// unchanged checks that nothing but the lock was written since a version.
func (w *world) unchanged(t *testing.T, since int) {
	t.Helper()
	for path, object := range w.Under("/") {
		var version int
		if _, err := fmt.Sscan(kubetest.Meta(object)["resourceVersion"].(string), &version); err != nil {
			t.Fatal(err)
		}
		if version > since && !strings.Contains(path, "/leases/") {
			t.Errorf("%s was written", path)
		}
	}
}

// TestStoredReason: if the API server refuses a promotion only when it comes, stable stays as
// it is, and the record keeps the reason, however long the API server's message is.
func TestStoredReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		defer w.gateways.Close()
		ask := func(request rollout.Request, p *rollout.Plan) (rollout.State, error) {
			request.Run.Holder = "test"
			return w.hub.Do(t.Context(), runner.Release{Namespace: "shop", Name: nameOf(0)}, request, p)
		}
		for _, request := range []rollout.Request{{Verb: rollout.Deploy}, {Verb: rollout.Shift, Weight: 10}} {
			if _, err := ask(request, plan(0, "good:2")); err != nil {
				t.Fatal(err)
			}
		}
		w.Intercept(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodPatch || r.URL.Path != deploymentsPath+nameOf(0) {
				return nil, nil
			}
			status := kubetest.Status(422, "Invalid", "deployments", nameOf(0))
			message := "Invalid value: {" + strings.Repeat("x", 5000) + "}: field is immutable"
			status["message"] = "Deployment.apps is invalid: spec.selector: " + message
			status["details"].(map[string]any)["causes"] = []any{values{"reason": "FieldValueInvalid", "message": message, "field": "spec.selector"}}
			return kubetest.Answer(http.StatusUnprocessableEntity, status), nil
		})
		s, err := ask(rollout.Request{Verb: rollout.Promote}, nil)
		if image := imageOf(w.Get(deploymentsPath + nameOf(0))); err == nil || image != "good:1" {
			t.Fatalf("%v, stable is %s", err, image)
		}
		var stored string
		for _, e := range s.History {
			stored += e.Text + "\n"
		}
		for _, text := range []string{stored, err.Error()} {
			if !strings.Contains(text, "Deployment shop/app-0: apply: spec.selector: Invalid value: {xxx") || !strings.Contains(text, "}: field is immutable") {
				t.Errorf("the record says %q, the command %v", stored, err)
			}
		}
	})
}
