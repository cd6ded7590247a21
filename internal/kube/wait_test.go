package kube

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

// deployment stores Deployment shop/web with ready of its two pods ready.
func deployment(a *kubetest.API, ready int) {
	a.Put("/apis/apps/v1/namespaces/shop/deployments/web", map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web", "namespace": "shop", "generation": 1},
		"spec":   map[string]any{"replicas": 2, "selector": map[string]any{"matchLabels": map[string]any{"app": "web"}}},
		"status": map[string]any{"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": ready, "availableReplicas": ready},
	})
}

// TestNoProgress: missing progress is reported only after a fresh read confirms it, and
// not because a watch is silent.
func TestNoProgress(t *testing.T) {
	web := Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	for name, tt := range map[string]struct {
		ready  int  // pods in the end
		broken bool // the last read fails
		want   func(error) bool
	}{
		"ready meanwhile": {ready: 2, want: func(err error) bool { return err == nil }},
		"not ready":       {ready: 1, want: func(err error) bool { return errors.As(err, new(*NotReadyError)) }},
		"not known": {ready: 2, broken: true, want: func(err error) bool {
			return err != nil && !errors.As(err, new(*NotReadyError))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, api := newFake(t, Options{})
				deployment(api, 1)
				time.AfterFunc(5*time.Second, func() {
					api.Mute(true)
					deployment(api, tt.ready)
					if tt.broken {
						api.Intercept(func(*http.Request) (*http.Response, error) {
							return kubetest.Answer(http.StatusForbidden, kubetest.Status(403, "Forbidden", "deployments", "web")), nil
						})
					}
				})
				if err := c.Ready(t.Context(), []Ref{web}, Wait{Deadline: 30 * time.Second}); !tt.want(err) {
					t.Error(err)
				}
			})
		})
	}
}
