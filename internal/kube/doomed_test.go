package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

// failingPod stores a pod of Deployment shop/web whose container is in a state.
func failingPod(a *kubetest.API, name, created, revision, container string) {
	var status map[string]any
	if err := json.Unmarshal([]byte(container), &status); err != nil {
		panic(err)
	}
	a.Put("/api/v1/namespaces/shop/pods/"+name, map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": name, "namespace": "shop", "creationTimestamp": created, "labels": map[string]any{"app": "web", "pod-template-hash": revision}},
		"spec":     map[string]any{},
		"status":   map[string]any{"containerStatuses": []any{status}},
	})
}

const (
	notFound  = `{"name": "web", "ready": false, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "web:nope: not found"}}}`
	timedOut  = `{"name": "web", "ready": false, "state": {"waiting": {"reason": "ErrImagePull", "message": "i/o timeout"}}}`
	crashLoop = `{"name": "web", "ready": false, "restartCount": %d, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}, "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}}`
	starts    = `{"name": "web", "ready": false, "state": {"waiting": {"reason": "ContainerCreating"}}}`
)

const (
	before = "2026-01-02T12:00:00Z"
	later  = "2026-01-02T12:00:09Z"
)

// TestDoomed checks that the wait for pods ends in the time of the reason, and goes on
// while the reason may pass.
func TestDoomed(t *testing.T) {
	const most = 10 * time.Minute
	for name, c := range map[string]struct {
		happens func(*kubetest.API)
		after   time.Duration
		says    string
	}{
		"an image that is not there": {func(a *kubetest.API) { failingPod(a, "new", later, "2", notFound) }, time.Minute, "ImagePullBackOff: web:nope: not found (given up after 1m0s, because this does not pass by itself)"},
		"a slow registry":            {func(a *kubetest.API) { failingPod(a, "new", later, "2", timedOut) }, most, "no progress for 10m0s"},
		"the second restart":         {func(a *kubetest.API) { failingPod(a, "new", later, "2", fmt.Sprintf(crashLoop, 2)) }, most, "no progress"},
		"the third restart":          {func(a *kubetest.API) { failingPod(a, "new", later, "2", fmt.Sprintf(crashLoop, 3)) }, 5 * time.Second, "exit code 3 (Error) (given up after 3 restarts)"},
		"it starts to crash later": {func(a *kubetest.API) {
			failingPod(a, "new", later, "2", starts)
			time.AfterFunc(time.Minute, func() { failingPod(a, "new", later, "2", fmt.Sprintf(crashLoop, 3)) })
		}, 65 * time.Second, "given up after 3 restarts"},
		"the image arrives, and goes again": {func(a *kubetest.API) {
			failingPod(a, "new", later, "2", notFound)
			time.AfterFunc(50*time.Second, func() { failingPod(a, "new", later, "2", starts) })
			time.AfterFunc(55*time.Second, func() { failingPod(a, "new", later, "2", notFound) })
		}, 115 * time.Second, "given up after 1m0s"},
		"pods of the old version": {func(a *kubetest.API) {
			failingPod(a, "old", before, "1", fmt.Sprintf(crashLoop, 100))
			failingPod(a, "new", later, "2", starts)
		}, most, "no progress"},
		"only the old version has pods yet": {func(a *kubetest.API) {
			failingPod(a, "old", before, "1", fmt.Sprintf(crashLoop, 100))
			time.AfterFunc(4*time.Second, func() { failingPod(a, "new", later, "2", starts) })
		}, most, "no progress"},
		"another pod of the version is ready": {func(a *kubetest.API) {
			failingPod(a, "new", later, "2", fmt.Sprintf(crashLoop, 3))
			failingPod(a, "other", later, "2", starts)
			a.Edit("/api/v1/namespaces/shop/pods/other", func(o map[string]any) {
				o["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True"}}}
			})
		}, most, "no progress"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster, api := newFake(t, Options{})
				deployment(api, 0)
				c.happens(api)
				began := time.Now()
				err := cluster.Ready(t.Context(), []Ref{{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}}, Wait{Deadline: most})
				var notReady *NotReadyError
				if !errors.As(err, &notReady) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "kubectl") {
					t.Errorf("%v, expected %q", err, c.says)
				}
				if took := time.Since(began); took < c.after || took > c.after+2*time.Second {
					t.Errorf("after %s, expected %s", took, c.after)
				}
			})
		})
	}
}

// TestWaiting checks that the live line says what is waited for, and the error does not.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		deployment(api, 0)
		failingPod(api, "new", later, "2", timedOut)
		last := ""
		err := c.Ready(t.Context(), []Ref{{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}}, Wait{Deadline: time.Minute, Report: func(p Progress) { last = p.Waiting() }})
		if want := "pod new, container web: ErrImagePull: i/o timeout (waiting for the registry)"; !strings.HasSuffix(last, want) {
			t.Errorf("%q, expected %q at its end", last, want)
		}
		if err == nil || strings.Contains(err.Error(), "waiting") {
			t.Error(err)
		}
	})
}
