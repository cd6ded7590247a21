//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/readiness"
)

const rolledOut = "{observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1}"

// pod creates a pod of the Deployment web, on a node.
func (s site) pod(t *testing.T, name, node, labels, status string) {
	t.Helper()
	s.apply(t, fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: %s}\nspec: {nodeName: %s, containers: [{name: web, image: a}]}", name, labels, node))
	s.setStatus(t, pods, name, status)
}

func testReady(t *testing.T, s site) {
	s.apply(t, web)
	s.apply(t, mapping) // has nothing to wait for
	refs := []kube.Ref{s.ref("apps", "Deployment", "web"), s.ref("getambassador.io", "Mapping", "web-canary")}
	told := make(chan string, 20)
	done := make(chan error, 1)
	requests := s.cluster.Requests()
	go func() {
		done <- s.cluster.Ready(t.Context(), refs, kube.Wait{Report: func(p kube.Progress) {
			if p.Ref == refs[0] {
				told <- p.String()
			}
		}})
	}()
	if got := <-told; !strings.HasSuffix(got, "/web: no controller has seen it yet") {
		t.Error(got)
	}
	s.pod(t, "web-1", "no-node", "{app: web}", "{containerStatuses: [{name: web, image: a, imageID: '', restartCount: 0, ready: false, state: {waiting: {reason: ImagePullBackOff, message: not found}}}]}")
	if got := <-told; !strings.HasSuffix(got, "; pod web-1, container web: ImagePullBackOff: not found") {
		t.Error(got)
	}
	s.setStatus(t, deployments, "web", rolledOut)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	// Three lists and three watches, no matter what happens meanwhile.
	if n := s.cluster.Requests() - requests; n > 6+5 { // the patches of the test go elsewhere; pod makes 2 requests, and discovery
		t.Errorf("%d requests", n)
	}
}

// testNotReady checks that the timeout counts from the last progress, and that its error
// has the pods' own reasons.
func testNotReady(t *testing.T, s site) {
	s.apply(t, web)
	s.pod(t, "web-1", "no-node", "{app: web}", "{conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes are available}]}")
	began := time.Now()
	err := s.cluster.Ready(t.Context(), []kube.Ref{s.ref("apps", "Deployment", "web")}, kube.Wait{Deadline: time.Second})
	var notReady *kube.NotReadyError
	if !errors.As(err, &notReady) || len(notReady.Troubles) != 1 {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("given up after %s", took)
	}
	for _, part := range []string{"Deployment " + s.namespace + "/web: ", "no progress for 1s", "pod web-1: Unschedulable: 0/3 nodes are available"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	s.setStatus(t, deployments, "web", "{observedGeneration: 1, conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}]}")
	err = s.cluster.Ready(t.Context(), []kube.Ref{s.ref("apps", "Deployment", "web")}, kube.Wait{})
	if !errors.As(err, &notReady) || notReady.Status.Phase != readiness.Failed {
		t.Error("it waits although Kubernetes has given up:", err)
	}
}

func testGone(t *testing.T, s site) {
	ref := s.ref("apps", "Deployment", "web")
	var notReady *kube.NotReadyError
	if err := s.cluster.Ready(t.Context(), []kube.Ref{ref}, kube.Wait{}); !errors.As(err, &notReady) {
		t.Error("never there:", err)
	}
	s.apply(t, web)
	done := make(chan error, 1)
	go func() { done <- s.cluster.Ready(t.Context(), []kube.Ref{ref}, kube.Wait{}) }()
	if _, err := s.cluster.Delete(t.Context(), []kube.Ref{ref}, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.As(err, &notReady) || !strings.Contains(err.Error(), "it does not exist") {
		t.Error("deleted:", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	cancel(why)
	if err := s.cluster.Ready(ctx, []kube.Ref{ref}, kube.Wait{}); !errors.Is(err, why) {
		t.Error("interrupted:", err)
	}
}

// testWatch checks that Watch reports an object's creation, changes and deletion, and
// returns the result of its callback.
func testWatch(t *testing.T, s site) {
	ref := s.ref("", "ConfigMap", "web")
	seen := make(chan string, 20)
	enough := errors.New("enough")
	done := make(chan error, 1)
	go func() {
		gone := 0
		done <- s.cluster.Watch(t.Context(), ref, func(o map[string]any) (bool, error) {
			if o == nil {
				seen <- "none"
				if gone++; gone == 2 {
					return false, enough
				}
				return false, nil
			}
			seen <- fmt.Sprint(o["data"])
			return false, nil
		})
	}()
	expect := func(want string) {
		t.Helper()
		if got := <-seen; got != want {
			t.Errorf("seen %s, expected %s", got, want)
		}
	}
	expect("none")
	s.apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {a: '1'}}")
	expect("map[a:1]")
	s.apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}, data: {a: x}}")
	s.apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {a: '2'}}")
	expect("map[a:2]")
	if _, err := s.cluster.Delete(t.Context(), []kube.Ref{ref}, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	expect("none")
	if err := <-done; err != enough {
		t.Errorf("%v, expected the callback's own error", err)
	}
}
