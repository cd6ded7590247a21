package kube

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

const mapsPath = "/api/v1/namespaces/shop/configmaps"

// numbered stores ConfigMap number n with a step, and returns its Ref.
func numbered(api *kubetest.API, n int, step string) Ref {
	ref := Ref{Kind: "ConfigMap", Namespace: "shop", Name: fmt.Sprintf("map-%d", n)}
	api.Put(mapsPath+"/"+ref.Name, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": ref.Name, "namespace": "shop"}, "data": map[string]any{"step": step}})
	return ref
}

// stepNow reads the step of a ConfigMap; "gone" if there is none.
func stepNow(t *testing.T, c *Cluster, ref Ref) string {
	t.Helper()
	o, err := c.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if o == nil {
		return "gone"
	}
	return stepOf(o)
}

// TestShare: a watch started by one user serves the others, and ends with its last
// user.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		c = c.WithCache()
		ref := numbered(api, 1, "1")
		begin := func() (*Cluster, func()) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel() // a watch outlasts the call that started it
			user, end := c.Share(ctx)
			if got := stepNow(t, user, ref); got != "1" {
				t.Errorf("the read returns %s", got)
			}
			return user, end
		}
		_, endA := begin()
		b, endB := begin()
		if n := api.Watches()[mapsPath]; n != 1 {
			t.Errorf("%d watches of one object", n)
		}
		endA()
		synctest.Wait()
		requests := api.Count("")
		api.Edit(mapsPath+"/map-1", func(o map[string]any) { o["data"] = map[string]any{"step": "2"} })
		synctest.Wait()
		if got := stepNow(t, b, ref); got != "2" || api.Count("") != requests {
			t.Errorf("after the end of A, B reads %s, with %d requests", got, api.Count("")-requests)
		}
		endB()
		synctest.Wait()
		if left := api.Watches(); len(left) > 0 {
			t.Errorf("watches without users: %v", left)
		}
		// After the end, reads work as without a cache.
		for range 2 {
			if got := stepNow(t, b, ref); got != "2" {
				t.Errorf("after its end, B reads %s", got)
			}
		}
		if n := api.Count("") - requests; n != 2 {
			t.Errorf("%d requests for two reads after the end", n)
		}
		api.Edit(mapsPath+"/map-1", func(o map[string]any) { o["data"] = map[string]any{"step": "1"} })
		_, endC := begin()
		endC()
	})
}

// TestManyObjects: a few objects are watched one by one. Many objects share one watch,
// which updates each of them.
func TestManyObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		c = c.WithCache()
		var ends []func()
		var users []*Cluster
		read := func(n int, want string) {
			t.Helper()
			for len(users) <= n {
				user, end := c.Share(t.Context())
				users, ends = append(users, user), append(ends, end)
			}
			if got := stepNow(t, users[n], Ref{Kind: "ConfigMap", Namespace: "shop", Name: fmt.Sprintf("map-%d", n)}); got != want {
				t.Errorf("object %d is %s instead of %s", n, got, want)
			}
		}
		const many = 100
		for n := range many {
			numbered(api, n, "1")
		}
		for n := range manyObjects {
			read(n, "1")
		}
		if lists := api.Count("GET " + mapsPath); api.Watches()[mapsPath] != manyObjects || lists != manyObjects {
			t.Errorf("%d watches, %d lists for %d objects", api.Watches()[mapsPath], lists, manyObjects)
		}
		for n := manyObjects; n < many; n++ {
			read(n, "1")
		}
		read(many, "gone")
		synctest.Wait()
		if lists := api.Count("GET "+mapsPath) - manyObjects; api.Watches()[mapsPath] != 1 || lists != 1 {
			t.Errorf("%d watches, %d more lists for %d objects", api.Watches()[mapsPath], lists, many)
		}
		requests := api.Count("")
		for n := range many + 1 {
			numbered(api, n, "2")
		}
		api.Drop(mapsPath + "/map-7")
		numbered(api, many+7, "2") // without a user
		synctest.Wait()
		for n := range many + 1 {
			want := "2"
			if n == 7 {
				want = "gone"
			}
			read(n, want)
		}
		if n := api.Count("") - requests; n != 0 {
			t.Errorf("%d requests although the watch has the objects", n)
		}
		for _, end := range ends {
			end()
		}
		synctest.Wait()
		if left := api.Watches(); len(left) > 0 || len(c.cache.kinds) > 0 {
			t.Errorf("left: watches %v, kinds %v", left, c.cache.kinds)
		}
	})
}

// TestManyRefused: if a list of all objects is not allowed, each object is watched
// alone.
func TestManyRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		api.Intercept(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == mapsPath && r.URL.Query().Get("fieldSelector") == "" {
				return kubetest.Answer(403, kubetest.Status(403, "Forbidden", "configmaps", "")), nil
			}
			return nil, nil
		})
		c, end := c.WithCache().Share(t.Context())
		const many = 3 * manyObjects
		for round := range 2 {
			for n := range many {
				ref := numbered(api, n, fmt.Sprint(round))
				synctest.Wait()
				if got := stepNow(t, c, ref); got != fmt.Sprint(round) {
					t.Errorf("object %d in round %d is %s", n, round, got)
				}
			}
		}
		if n := api.Watches()[mapsPath]; n != many {
			t.Errorf("%d watches for %d objects", n, many)
		}
		end()
		synctest.Wait()
		if left := api.Watches(); len(left) > 0 {
			t.Errorf("watches without users: %v", left)
		}
	})
}

// TestWrittenIsRead: a write is visible to the next read even if the watch is silent,
// and an older state never returns.
func TestWrittenIsRead(t *testing.T) {
	for name, objects := range map[string]int{"alone": 1, "many": 3 * manyObjects} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, api := newFake(t, Options{})
				c, end := c.WithCache().Share(t.Context())
				defer end()
				for n := range objects {
					stepNow(t, c, numbered(api, n, "1"))
				}
				synctest.Wait()
				api.Mute(true)
				ref := Ref{Kind: "ConfigMap", Namespace: "shop", Name: "map-0"}
				object := kubetest.Copy(api.Get(mapsPath + "/map-0"))
				object["data"] = map[string]any{"step": "2"}
				delete(object["metadata"].(map[string]any), "resourceVersion")
				if _, err := c.Apply(t.Context(), []map[string]any{object}, Write{Force: true}); err != nil {
					t.Fatal(err)
				}
				if got := stepNow(t, c, ref); got != "2" {
					t.Errorf("after a write the read returns %s", got)
				}
				if _, err := c.Delete(t.Context(), []Ref{ref}, Write{}); err != nil {
					t.Fatal(err)
				}
				requests := api.Count("")
				if got := fmt.Sprint(stepNow(t, c, ref), stepNow(t, c, ref)); got != "gonegone" || api.Count("")-requests != 1 {
					t.Errorf("after a deletion the read returns %s, with %d requests", got, api.Count("")-requests)
				}
				api.Mute(false)
				numbered(api, 0, "3")
				synctest.Wait()
				if got := stepNow(t, c, ref); got != "3" {
					t.Errorf("after it was created again the read returns %s", got)
				}
			})
		})
	}
}
