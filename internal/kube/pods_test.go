package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

// TestPodsAreShared: Pods with the same selector share a list and a watch, which ends
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
		if _, err := all[1].Running(t.Context()); err == nil || !strings.Contains(err.Error(), "no longer watched") {
			t.Error(err)
		}
		synctest.Wait()
		if left := api.Watches(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// TestPodsAgain: a watch that is not allowed is an error, and the next call starts it
// again.
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

// TestManySelectors: a few selectors have a watch each. Many selectors share one watch
// of all pods, which updates each of them.
func TestManySelectors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		const many = 100
		name := func(n int) string { return fmt.Sprint("app-", n) }
		var all []*Pods
		for n := range many {
			putPod(api, name(n)+"-1", name(n), "True")
			all = append(all, c.Follow("shop", "app="+name(n)))
		}
		see := func(wants func(n int) string) {
			t.Helper()
			synctest.Wait()
			for n, p := range all {
				pods, err := p.Running(t.Context())
				if got := podNames(pods); err != nil || got != wants(n) {
					t.Errorf("%s has %q instead of %q, %v", name(n), got, wants(n), err)
				}
			}
		}
		see(func(n int) string { return name(n) + "-1 true" })
		synctest.Wait() // a list may be known before the watch after it has begun
		if n := api.Watches()[podsPath]; n != manySelectors+1 {
			t.Errorf("%d watches for %d selectors", n, many)
		}
		for n := range many {
			putPod(api, name(n)+"-2", name(n), "False")
			if n%2 == 0 {
				api.Drop(podsPath + "/" + name(n) + "-1")
			} else {
				putPod(api, name(n)+"-1", "nobody", "True")
			}
		}
		requests := api.Count("")
		see(func(n int) string { return name(n) + "-2 false" })
		if n := api.Count("") - requests; n != 0 {
			t.Errorf("%d requests although the watches have the pods", n)
		}
		for _, p := range all {
			p.Close()
		}
		synctest.Wait()
		if left := api.Watches(); len(left) > 0 || len(c.pods.namespaces) > 0 {
			t.Errorf("left: %v, %v", left, c.pods.namespaces)
		}
	})
}

// TestManyWaits: many workloads that do not become ready need few watches of pods, and
// each reports the problem of its own pods.
func TestManyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		const many = 50
		var all sync.WaitGroup
		for n := range many {
			name := fmt.Sprint("app-", n)
			api.Put("/apis/apps/v1/namespaces/shop/deployments/"+name, map[string]any{
				"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name, "namespace": "shop"},
				"spec":   map[string]any{"replicas": 1, "selector": map[string]any{"matchLabels": map[string]any{"app": name}}},
				"status": map[string]any{"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1},
			})
			api.Put(podsPath+"/"+name, map[string]any{
				"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "namespace": "shop", "labels": map[string]any{"app": name}},
				"status": map[string]any{"phase": "Pending", "conditions": []any{map[string]any{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room for " + name + "!"}}},
			})
			all.Go(func() {
				err := c.Ready(t.Context(), []Ref{{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: name}}, Wait{Deadline: time.Minute})
				if err == nil || !strings.Contains(err.Error(), "no room for "+name+"!") || strings.Count(err.Error(), "no room") != 1 {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		time.Sleep(time.Second)
		if n := api.Watches()[podsPath]; n != manySelectors+1 {
			t.Errorf("%d watches of pods for %d workloads", n, many)
		}
		all.Wait()
		synctest.Wait()
		if left := api.Watches(); len(left) > 0 || len(c.pods.namespaces) > 0 {
			t.Errorf("left: %v, %v", left, c.pods.namespaces)
		}
	})
}
