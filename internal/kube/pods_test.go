package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

const podsPath = "/api/v1/namespaces/shop/pods"

func putPod(api *kubetest.API, name, app, ready string) {
	api.Put(podsPath+"/"+name, map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "namespace": "shop", "labels": map[string]any{"app": app}},
		"status": map[string]any{"phase": "Running", "conditions": []any{map[string]any{"type": "Ready", "status": ready}}},
	})
}

func podNames(pods []Pod) string {
	var names []string
	for _, p := range pods {
		names = append(names, fmt.Sprint(p.Name, " ", p.Ready))
	}
	return strings.Join(names, ", ")
}

// TestPodsAreShared: all who follow the same pods share a list and a watch, which ends
// with the last of them.
func TestPodsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		putPod(api, "web-1", "web", "True")
		putPod(api, "db-1", "db", "True")
		var all []*Pods
		saw := make([]string, 20)
		for i := range saw {
			pods := c.Follow("shop", "app=web")
			all = append(all, pods)
			go func() {
				_ = pods.Watch(context.WithoutCancel(t.Context()), func(pods []Pod) (bool, error) {
					saw[i] = podNames(pods)
					return false, nil
				})
			}()
		}
		synctest.Wait()
		if lists := api.Count("GET " + podsPath); lists != 1 || api.Watches()[podsPath] != 1 {
			t.Errorf("%d lists, %d watches", lists, api.Watches()[podsPath])
		}
		all[0].Close()
		putPod(api, "web-2", "web", "False")
		synctest.Wait()
		for i, last := range saw {
			if want := "web-1 true, web-2 false"; i > 0 && last != want {
				t.Errorf("%d saw %s", i, last)
			}
			all[i].Close()
		}
		if _, err := all[1].Running(t.Context()); err == nil || !strings.Contains(err.Error(), "no longer followed") {
			t.Error(err)
		}
		synctest.Wait()
		if left := api.Watches(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// TestPodsAgain: a watch that is not allowed is an error, and begun again with the next
// call.
func TestPodsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		warmUp(t, c)
		putPod(api, "web-1", "web", "True")
		refusing(api, 403, "no")
		a, b := c.Follow("shop", "app=web"), c.Follow("shop", "app=web")
		for _, p := range []*Pods{a, b} {
			if pods, err := p.Running(t.Context()); !IsForbidden(err) {
				t.Errorf("%v, %v", pods, err)
			}
		}
		synctest.Wait()
		api.Intercept(nil)
		for _, p := range []*Pods{a, b} {
			pods, err := p.Running(t.Context())
			if err != nil || podNames(pods) != "web-1 true" {
				t.Errorf("%v, %v", pods, err)
			}
		}
		enough := errors.New("enough")
		if err := a.Watch(t.Context(), func([]Pod) (bool, error) { return false, enough }); !errors.Is(err, enough) {
			t.Error(err)
		}
		a.Close()
		b.Close()
	})
}
