package kube

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

const mapPath = "/api/v1/namespaces/shop/configmaps/web"

func write(a *kubetest.API, step string) {
	a.Put(mapPath, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "web", "namespace": "shop"}, "data": map[string]any{"step": step}})
}

func stepOf(o map[string]any) string {
	data, _ := o["data"].(map[string]any)
	step, _ := data["step"].(string)
	return step
}

// steps collects what a watch reported.
type steps struct {
	mu   sync.Mutex
	seen []string
}

func (s *steps) see(o map[string]any) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, stepOf(o))
	return false, nil
}

func (s *steps) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		return "nothing"
	}
	return s.seen[len(s.seen)-1]
}

// A watch that is open and sends nothing is trusted for 75 s. A watch that sends
// bookmarks is trusted, and needs no request.
func TestSilentWatch(t *testing.T) {
	for name, following := range map[string]bool{"followed": true, "direct": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, api := newFake(t, Options{})
				if following {
					c = c.Following(t.Context())
				}
				write(api, "1")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				saw := &steps{}
				go func() { _ = c.Watch(ctx, aMapping, saw.see) }()
				time.Sleep(time.Second)
				if saw.last() != "1" {
					t.Fatal(saw.last())
				}
				lists := api.Count("GET /api/v1/namespaces/shop/configmaps")
				for range 10 { // the server works, but nothing changes
					time.Sleep(time.Minute)
					api.Bookmark()
				}
				synctest.Wait()
				if n := api.Count("GET /api/v1/namespaces/shop/configmaps") - lists; n != 0 {
					t.Errorf("%d requests while bookmarks returned", n)
				}
				api.Mute(true)
				write(api, "2")
				time.Sleep(76 * time.Second)
				synctest.Wait()
				if saw.last() != "2" {
					t.Errorf("76 s after the change the watch shows %s", saw.last())
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

// Fresh always reads from the API server, and watchers of the object see the result.
func TestFreshReadsTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c = c.Following(ctx)
		write(api, "1")
		saw := &steps{}
		go func() { _ = c.Watch(ctx, aMapping, saw.see) }()
		get := func(read func(context.Context, Ref) (map[string]any, error)) string {
			t.Helper()
			o, err := read(ctx, aMapping)
			if err != nil {
				t.Fatal(err)
			}
			if o == nil {
				return "gone"
			}
			return stepOf(o)
		}
		if got := get(c.Get); got != "1" {
			t.Fatal(got)
		}
		api.Mute(true)
		write(api, "2")
		if got := fmt.Sprint(get(c.Get), get(c.Fresh), get(c.Get)); got != "122" {
			t.Errorf("Get, Fresh, Get return %s", got)
		}
		synctest.Wait()
		if saw.last() != "2" {
			t.Errorf("the watch shows %s", saw.last())
		}
		api.Drop(mapPath)
		if got := fmt.Sprint(get(c.Get), " ", get(c.Fresh), " ", get(c.Get)); got != "2 gone gone" {
			t.Errorf("after the deletion Get, Fresh, Get return %s", got)
		}
		cancel()
		synctest.Wait()
	})
}
