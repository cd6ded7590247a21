//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/test/faults"
)

// patiently returns a cluster with the default timeouts of the product.
func patiently(t *testing.T, kubeconfig string, options kube.Options) *kube.Cluster {
	t.Helper()
	cluster, err := kube.Connect(kube.Target{Kubeconfig: kubeconfig}, options)
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

// testSilentConnection checks that a silent connection to the real API server fails no
// call, and that no watch of the same Cluster misses later events. The tests of
// internal/kube measure how long that takes, with an injected clock.
func testSilentConnection(t *testing.T, s site) {
	forward := faults.Forward(t, s.kubeconfig)
	c := patiently(t, forward.Kubeconfig, kube.Options{Attempts: 2}).Following(t.Context())
	s.apply(t, mapping)
	ref := s.ref("getambassador.io", "Mapping", "web-canary")
	if _, err := c.Get(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if n := forward.Silence(); n != 1 {
		t.Fatalf("%d connections; HTTP/2 needs one", n)
	}
	began := time.Now()
	if err := c.SetNumber(t.Context(), ref, "weight", 0, kube.Write{}); err != nil {
		t.Errorf("taking traffic off: %v", err)
	}
	t.Logf("traffic off after %.1f s", time.Since(began).Seconds())
	if n := forward.Connections(); n < 2 {
		t.Errorf("%d connections; the retry should open another", n)
	}
	if err := s.cluster.SetNumber(t.Context(), ref, "weight", 7, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	err := c.Watch(t.Context(), ref, func(o map[string]any) (bool, error) {
		return fmt.Sprint(o["spec"].(map[string]any)["weight"]) == "7", nil
	})
	if err != nil {
		t.Error(err)
	}
}

// testSilentWatch checks that an event swallowed by a silent watch is seen anyway, once the
// allowed silence is over.
func testSilentWatch(t *testing.T, s site) {
	proxy := faults.Start(t, s.kubeconfig, nil)
	c := patiently(t, proxy.Kubeconfig, kube.Options{Silence: 500 * time.Millisecond})
	s.apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {step: '1'}}")
	proxy.SilenceWatches(true)
	first := true
	err := c.Watch(t.Context(), s.ref("", "ConfigMap", "web"), func(o map[string]any) (bool, error) {
		if first {
			first = false
			s.apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {step: '2'}}")
		}
		return o["data"].(map[string]any)["step"] == "2", nil
	})
	if err != nil {
		t.Error(err)
	}
}

// testPluginHangs checks that a call ends with its context while the credential plugin
// hangs, and works when the plugin has answered.
func testPluginHangs(t *testing.T, s site) {
	plugin := faults.HangingPlugin(t, s.kubeconfig)
	waits := make(chan kube.Delay, 10)
	c := patiently(t, plugin.Kubeconfig, kube.Options{Delayed: func(d kube.Delay) { waits <- d }})
	ref := s.ref("", "ConfigMap", "web")
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	done := make(chan error, 1)
	go func() {
		_, err := c.Persistent().Fresh(ctx, ref)
		done <- err
	}()
	if d := <-waits; !strings.Contains(d.String(), "slow-login has not answered yet") {
		t.Error(d)
	}
	cancel(interrupted)
	if err := <-done; !errors.Is(err, interrupted) || !strings.Contains(err.Error(), plugin.Command) {
		t.Error(err)
	}
	if err := plugin.Answer(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Fresh(t.Context(), ref); err != nil {
		t.Error("when it has answered:", err)
	}
	if n, err := plugin.Starts(); err != nil || n != 1 {
		t.Errorf("the plugin was asked %d times, %v", n, err)
	}
}

// testOutage checks that a lock survives an API server that is away for longer than the
// lock is valid, and that one line says which call waits.
func testOutage(t *testing.T, s site) {
	forward := faults.Forward(t, s.kubeconfig)
	var told atomic.Int32
	c := patiently(t, forward.Kubeconfig, kube.Options{Delayed: func(d kube.Delay) {
		told.Add(1)
		t.Log(d)
	}})
	held, err := c.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: "build 1", Duration: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	back := forward.Away()
	var unsure sync.WaitGroup
	unsure.Go(func() {
		// The lock stops being sure at some time by its own clock.
		for {
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if err := held.Sure(ended); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	unsure.Wait()
	for told.Load() == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	back()
	if err := held.Sure(t.Context()); err != nil || held.Context().Err() != nil {
		t.Error("lost:", err, context.Cause(held.Context()))
	}
	if err := held.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// testSomebody checks that changes of a lock by hand are noticed.
func testSomebody(t *testing.T, s site) {
	somebody, err := faults.NewSomebody(s.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	held, err := s.cluster.Acquire(ctx, s.namespace, release, kube.Lock{Holder: "build 1", Duration: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := somebody.DeleteLock(ctx, s.namespace, "web"); err != nil {
		t.Fatal(err)
	}
	for state := (kube.LockState{}); state.Holder == ""; {
		if state, err = s.cluster.LockState(ctx, s.namespace, release); err != nil {
			t.Fatal(err)
		}
	}
	if err := somebody.TakeLock(ctx, s.namespace, "web", "somebody"); err != nil {
		t.Fatal(err)
	}
	<-held.Context().Done()
	if err := held.Sure(ctx); !errors.Is(err, kube.ErrLost) {
		t.Error(err)
	}
	version, err := s.cluster.Save(ctx, s.namespace, release, kube.Record{Data: map[string]string{"state": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := somebody.EditRecord(ctx, s.namespace, "web", func(data map[string]string) { data["state"] = "forged" }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.cluster.Save(ctx, s.namespace, release, kube.Record{Version: version, Data: map[string]string{"state": "2"}}); !errors.Is(err, kube.ErrChanged) {
		t.Error(err)
	}
	if err := somebody.DeleteRecord(ctx, s.namespace, "web"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.cluster.Save(ctx, s.namespace, release, kube.Record{Version: version, Data: map[string]string{"state": "2"}}); !errors.Is(err, kube.ErrChanged) {
		t.Error(err)
	}
	_ = held.Release(ctx)
}

// testKubeNamespaceGone checks that errors say that a namespace was deleted during a
// release.
func testKubeNamespaceGone(t *testing.T, s site) {
	version, err := s.cluster.Save(t.Context(), s.namespace, release, kube.Record{Data: map[string]string{"state": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.cluster.Delete(t.Context(), []kube.Ref{{Kind: "Namespace", Name: s.namespace}}, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	if err := s.cluster.Forget(t.Context(), s.namespace, release, version); err != nil { // as the namespace's controller does
		t.Fatal(err)
	}
	_, err = s.cluster.Save(t.Context(), s.namespace, release, kube.Record{Version: version, Data: map[string]string{"state": "2"}})
	if err == nil || !strings.Contains(err.Error(), "the namespace "+s.namespace+" ") || errors.Is(err, kube.ErrChanged) {
		t.Error("record:", err)
	}
	_, err = s.cluster.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: "build 1"})
	if err == nil || !strings.Contains(err.Error(), "the namespace "+s.namespace+" ") {
		t.Error("lock:", err)
	}
	_, err = s.cluster.Apply(t.Context(), []map[string]any{s.object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: web}}")}, kube.Write{})
	if err == nil || !strings.Contains(err.Error(), "the namespace "+s.namespace+" ") {
		t.Error("apply:", err)
	}
}

// testCRDGone checks that errors say that a CRD was deleted during a release.
func testCRDGone(t *testing.T, s site) {
	s.apply(t, "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: routes.gone.example.com}, spec: {group: gone.example.com, scope: Namespaced, names: {plural: routes, singular: route, kind: Route, listKind: RouteList}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}")
	ref := s.ref("gone.example.com", "Route", "web")
	for err := errors.New("not yet"); err != nil; {
		c := connect(t, s.kubeconfig) // discovers the kinds again
		if _, err = c.Apply(t.Context(), []map[string]any{s.object(t, "{apiVersion: gone.example.com/v1, kind: Route, metadata: {name: web}, spec: {weight: 5}}")}, kube.Write{}); err != nil && !kube.IsNotFound(err) {
			t.Fatal(err)
		}
		s.cluster = c
	}
	if err := s.cluster.SetNumber(t.Context(), ref, "weight", 6, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.cluster.Delete(t.Context(), []kube.Ref{{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "routes.gone.example.com"}}, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	// The objects disappear first, then the API server stops serving the kind.
	for err := error(nil); err == nil || !strings.Contains(err.Error(), "does not serve Route of gone.example.com"); {
		err = s.cluster.Persistent().SetNumber(t.Context(), ref, "weight", 0, kube.Write{})
		if err != nil && !kube.IsNotFound(err) && !strings.Contains(err.Error(), "terminating") {
			t.Fatal(err)
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// testRunSilent silences every connection to the API server during a run, and deletes the
// lock. The run goes on to its end.
func testRunSilent(t *testing.T, s shop, u *users) {
	forward := faults.Forward(t, s.kubeconfig)
	somebody, err := faults.NewSomebody(s.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	s.kubeconfig = forward.Kubeconfig
	cmd, heard := s.start(t, u.run(t, "v2", slowly))
	heard.await(t, "waiting for gate sign-off")
	if n := forward.Silence(); n == 0 {
		t.Error("no connection is open")
	}
	if err := somebody.DeleteLock(t.Context(), s.namespace, "shop"); err != nil {
		t.Fatal(err)
	}
	s.expect(t, 0, []string{"approve", "shop", "sign-off"})
	s.ended(t, cmd, heard, 0)
	s.check(t, "v2", -1)
}

// testRunOutage takes the API server away for seconds while a canary has traffic. The run
// says so, goes on when the server is back, and ends as usual.
func testRunOutage(t *testing.T, s shop, u *users) {
	forward := faults.Forward(t, s.kubeconfig)
	s.kubeconfig = forward.Kubeconfig
	cmd, heard := s.start(t, u.run(t, "v2", slowly))
	heard.await(t, "waiting for gate sign-off")
	back := forward.Away()
	heard.await(t, "waiting for the API server 127.0.0.1")
	back()
	s.expect(t, 0, []string{"approve", "shop", "sign-off"})
	s.ended(t, cmd, heard, 0)
	s.check(t, "v2", -1)
}
