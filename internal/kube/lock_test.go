package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

const (
	leasePath = "/apis/coordination.k8s.io/v1/namespaces/shop/leases/canarize-web"
	lockFor   = 30 * time.Second
)

func lockBy(holder string) Lock {
	return Lock{Holder: holder, Duration: lockFor, Labels: map[string]string{"canarize.dev/release": "web"}}
}

// hold acquires a lock in memory.
func hold(t *testing.T) (*Held, *Cluster, *kubetest.API) {
	t.Helper()
	c, api := newFake(t, Options{})
	h, err := c.Acquire(t.Context(), "shop", "canarize-web", lockBy("build 1"))
	if err != nil {
		t.Fatal(err)
	}
	return h, c, api
}

func release(t *testing.T, h *Held) {
	t.Helper()
	if err := h.Release(context.WithoutCancel(t.Context())); err != nil {
		t.Error("release:", err)
	}
}

// If somebody deletes the Lease, the next renewal creates it again, and nothing ends.
func TestLockDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, api := hold(t)
		defer release(t, h)
		time.Sleep(time.Second)
		api.Drop(leasePath)
		time.Sleep(lockFor)
		synctest.Wait()
		if err := context.Cause(h.Context()); err != nil {
			t.Error("the context ended:", err)
		}
		if err := h.Sure(t.Context()); err != nil {
			t.Error("not sure:", err)
		}
		state, err := c.LockState(t.Context(), "shop", "canarize-web")
		if err != nil || state.Holder != "build 1" || !state.Alive(time.Now()) {
			t.Errorf("%+v, %v", state, err)
		}
	})
}

// An outage of the API server ends nothing. When the lock has expired, Sure waits until
// it is renewed.
func TestLockOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, api := hold(t)
		defer release(t, h)
		var away atomic.Bool
		api.Intercept(func(*http.Request) (*http.Response, error) {
			if away.Load() {
				return nil, syscall.ECONNREFUSED
			}
			return nil, nil
		})
		away.Store(true)
		time.Sleep(lockFor - time.Second)
		if err := h.Sure(t.Context()); err != nil {
			t.Error("not sure although nobody else can hold it:", err)
		}
		time.Sleep(10 * time.Minute)
		if err := context.Cause(h.Context()); err != nil {
			t.Error("the context ended:", err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := h.Sure(short); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another process may hold it") {
			t.Error("sure while the API server is away:", err)
		}
		away.Store(false)
		back := time.Now()
		if err := h.Sure(t.Context()); err != nil || time.Since(back) > 6*time.Second {
			t.Errorf("sure again after %s: %v", time.Since(back), err)
		}
	})
}

// After an outage, the lock is lost only if somebody else holds it.
func TestLockLostInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, api := hold(t)
		var away atomic.Bool
		api.Intercept(func(r *http.Request) (*http.Response, error) {
			if away.Load() && r.Header.Get("Thief") == "" {
				return nil, syscall.ECONNREFUSED
			}
			return nil, nil
		})
		away.Store(true)
		time.Sleep(2 * lockFor)
		api.Edit(leasePath, func(o map[string]any) { o["spec"].(map[string]any)["holderIdentity"] = "build 2" })
		away.Store(false)
		err := h.Sure(t.Context())
		if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "to build 2") {
			t.Error("Sure:", err)
		}
		<-h.Context().Done()
		if err := context.Cause(h.Context()); !errors.Is(err, ErrLost) {
			t.Error("the context:", err)
		}
		release(t, h)
		if state, err := c.LockState(t.Context(), "shop", "canarize-web"); err != nil || state.Holder != "build 2" {
			t.Errorf("after the release: %+v, %v", state, err)
		}
	})
}

// If somebody else has acquired and released the lock during an outage, it is acquired
// again. What the other process did shows in the versions of the guarded objects.
func TestLockTakenAndReleasedInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, api := hold(t)
		defer release(t, h)
		api.Intercept(func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET })
		time.Sleep(2 * lockFor)
		api.Edit(leasePath, func(o map[string]any) { o["spec"].(map[string]any)["holderIdentity"] = "build 2" })
		api.Drop(leasePath)
		api.Intercept(nil)
		if err := h.Sure(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A Lease that somebody empties, or edits without acquiring it, is not lost.
func TestLockEdited(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"emptied":   func(o map[string]any) { o["spec"].(map[string]any)["holderIdentity"] = "" },
		"annotated": func(o map[string]any) { kubetest.Meta(o)["annotations"] = map[string]any{"a": "b"} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, c, api := hold(t)
				defer release(t, h)
				api.Edit(leasePath, change)
				time.Sleep(3 * lockFor)
				if err := h.Sure(t.Context()); err != nil {
					t.Error(err)
				}
				if state, err := c.LockState(t.Context(), "shop", "canarize-web"); err != nil || !state.Alive(time.Now()) {
					t.Errorf("%+v, %v", state, err)
				}
			})
		})
	}
}

// Sure returns a permanent error at once, and a deleted namespace means that the lock
// is lost.
func TestLockCannotBeRenewed(t *testing.T) {
	for name, c := range map[string]struct {
		answer map[string]any
		words  string
		lost   bool
	}{
		"forbidden":      {kubetest.Status(403, "Forbidden", "leases", "canarize-web"), "not allowed to renew it", false},
		"namespace gone": {kubetest.Status(404, "NotFound", "namespaces", "shop"), "the namespace shop does not exist", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, _, api := hold(t)
				api.Intercept(func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodGet {
						return nil, nil
					}
					return kubetest.Answer(c.answer["code"].(int), c.answer), nil
				})
				if c.lost {
					api.Drop(leasePath)
				}
				time.Sleep(2 * lockFor)
				err := h.Sure(t.Context())
				if err == nil || !strings.Contains(err.Error(), c.words) || errors.Is(err, ErrLost) != c.lost {
					t.Error("Sure:", err)
				}
				if (h.Context().Err() != nil) != c.lost {
					t.Error("the context:", context.Cause(h.Context()))
				}
				_ = h.Release(t.Context())
			})
		})
	}
}

// LockState shows the holder, the last renewal, and that nobody holds the lock. One
// list selects the Leases of all releases.
func TestLockState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, api := hold(t)
		listed, err := c.List(t.Context(), Ref{Group: "coordination.k8s.io", Kind: "Lease", Namespace: "shop"}, "canarize.dev/release")
		if err != nil || len(listed) != 1 {
			t.Fatalf("listed %d, %v", len(listed), err)
		}
		if state, err := LockStateOf(listed[0]); err != nil || state.Holder != "build 1" || state.Duration != lockFor {
			t.Errorf("%+v, %v", state, err)
		}
		api.Intercept(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				return nil, nil
			}
			return nil, syscall.ECONNREFUSED // as if the holder were dead
		})
		time.Sleep(lockFor + time.Second)
		state, err := c.LockState(t.Context(), "shop", "canarize-web")
		if err != nil || state.Alive(time.Now()) || state.Holder != "build 1" || time.Since(state.Renewed) < lockFor {
			t.Errorf("a dead holder: %+v, %v", state, err)
		}
		api.Intercept(nil)
		release(t, h)
		if state, err := c.LockState(t.Context(), "shop", "canarize-web"); err != nil || state != (LockState{}) {
			t.Errorf("nobody: %+v, %v", state, err)
		}
	})
}
