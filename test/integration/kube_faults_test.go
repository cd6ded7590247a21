//go:build integration

package integration

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/test/faults"
)

// impatient returns a cluster with short timeouts, for faults such as missing answers.
func impatient(t *testing.T, kubeconfig string) *kube.Cluster {
	t.Helper()
	cluster, err := kube.Connect(kube.Target{Kubeconfig: kubeconfig}, kube.Options{
		Attempts: 12,
		Timeout:  300 * time.Millisecond,
		Backoff:  func(int, time.Duration) time.Duration { return time.Millisecond },
	})
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

// testFaults checks that with faults at a fifth of all requests every call takes effect
// exactly once.
func testFaults(t *testing.T, s site) {
	total := map[faults.Fault]int{}
	requests := 0
	for seed := range uint64(15) {
		proxy := faults.Start(t, s.kubeconfig, faults.Random(seed, 0.2))
		faulty := s
		faulty.cluster = impatient(t, proxy.Kubeconfig)
		lifecycle(t, s, faulty)
		for fault, n := range proxy.Faults() {
			total[fault] += n
		}
		requests += len(proxy.Requests())
		if t.Failed() {
			t.Fatalf("seed %d: %v", seed, proxy.Requests())
		}
	}
	t.Logf("%d requests, of which %v", requests, total)
	for _, fault := range faults.ForWrites() {
		if total[fault] == 0 {
			t.Errorf("no fault was %q", fault)
		}
	}
}

// lifecycle does everything that a release does through faulty, and checks it through s.
func lifecycle(t *testing.T, s, faulty site) {
	t.Helper()
	ctx, deployment, route := t.Context(), s.ref("apps", "Deployment", "web"), s.ref("getambassador.io", "Mapping", "web-canary")
	held, err := faulty.cluster.Acquire(ctx, s.namespace, release, kube.Lock{Holder: "build", Duration: time.Second, Wait: true})
	if err != nil {
		t.Fatal("lock:", err)
	}
	if err := count(ctx, faulty.cluster, s.namespace, 4); err != nil {
		t.Fatal("record:", err)
	}
	faulty.apply(t, web)
	faulty.apply(t, mapping)
	ready := make(chan error, 1)
	go func() { ready <- faulty.cluster.Ready(ctx, []kube.Ref{deployment}, kube.Wait{}) }()
	time.Sleep(20 * time.Millisecond) // then the watch is probably open
	s.setStatus(t, deployments, "web", "{observedGeneration: 1, replicas: 1, updatedReplicas: 1}")
	s.setStatus(t, deployments, "web", rolledOut)
	if err := <-ready; err != nil {
		t.Fatal("ready:", err)
	}
	for _, weight := range []int{1, 50, 0} {
		if err := faulty.cluster.SetNumber(ctx, route, "weight", weight, kube.Write{}); err != nil {
			t.Fatal("weight:", err)
		}
		if n, _, err := unstructured.NestedInt64(s.get(t, route), "spec", "weight"); err != nil || n != int64(weight) {
			t.Fatalf("the weight is %d, %v", n, err)
		}
	}
	if err := faulty.cluster.SetReplicas(ctx, deployment, 3, kube.Write{}); err != nil {
		t.Fatal("scale:", err)
	}
	if _, err := faulty.cluster.Delete(ctx, []kube.Ref{route, deployment}, kube.Write{}); err != nil {
		t.Fatal("delete:", err)
	}
	record, err := s.cluster.Load(ctx, s.namespace, release)
	if err != nil || record.Data["n"] != "4" {
		t.Fatalf("counted %s, %v", record.Data["n"], err)
	}
	if err := faulty.cluster.Forget(ctx, s.namespace, release, record.Version); err != nil {
		t.Fatal("forget:", err)
	}
	if err := held.Release(ctx); err != nil {
		t.Fatal("unlock:", err)
	}
	for _, ref := range []kube.Ref{route, deployment, s.ref("", "ConfigMap", release), s.ref("coordination.k8s.io", "Lease", release)} {
		if o := s.get(t, ref); o != nil {
			t.Fatalf("left behind: %s", ref)
		}
	}
}

// everyOther injects the fault into the first attempt of each write.
func everyOther(fault faults.Fault) func(*http.Request) faults.Fault {
	var mu sync.Mutex
	before := map[string]int{}
	return func(r *http.Request) faults.Fault {
		mu.Lock()
		defer mu.Unlock()
		what := r.Method + r.URL.Path
		before[what]++
		if r.Method == http.MethodGet || before[what]%2 == 0 {
			return faults.None
		}
		return fault
	}
}

// testLostAnswers checks that a write whose answer was lost is recognised, and that one
// that never reached the server is repeated.
func testLostAnswers(t *testing.T, s site) {
	for _, fault := range faults.ForWrites() {
		proxy := faults.Start(t, s.kubeconfig, everyOther(fault))
		faulty := s
		faulty.cluster = impatient(t, proxy.Kubeconfig)
		lifecycle(t, s, faulty)
		if n := proxy.Faults()[fault]; n < 10 {
			t.Errorf("%s: only %d", fault, n)
		}
	}
}

// testWatchFaults checks that a watch shows the final state whatever faults it meets.
func testWatchFaults(t *testing.T, s site) {
	var mu sync.Mutex
	n := 0
	proxy := faults.Start(t, s.kubeconfig, func(r *http.Request) faults.Fault {
		if r.URL.Query().Get("watch") != "true" {
			return faults.None
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		if n%2 == 0 {
			return faults.Cut
		}
		return faults.ForWatches()[n/2%len(faults.ForWatches())]
	})
	const last = "60"
	seen := make(chan struct{}, 100)
	done := make(chan error, 1)
	go func() {
		done <- impatient(t, proxy.Kubeconfig).Watch(t.Context(), s.ref("", "ConfigMap", "web"), func(o map[string]any) (bool, error) {
			seen <- struct{}{}
			step, _, err := unstructured.NestedString(o, "data", "step")
			return step == last, err
		})
	}()
	<-seen
	for i := 1; fmt.Sprint(i-1) != last; i++ {
		s.apply(t, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {step: '%d'}}", i))
		if i%5 == 0 {
			<-seen // gives faults time to happen
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	t.Log(proxy.Summary())
	for _, fault := range faults.ForWatches() {
		if proxy.Faults()[fault] == 0 {
			t.Errorf("no watch was %q", fault)
		}
	}
}

// testNoServer checks that persistent calls are retried until their context ends.
func (s suite) testNoServer(t *testing.T) {
	proxy := faults.Start(t, s.kubeconfig, func(*http.Request) faults.Fault { return faults.Reset })
	ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, fmt.Errorf("killed"))
	defer cancel()
	ref := kube.Ref{Group: "getambassador.io", Kind: "Mapping", Namespace: "default", Name: "web"}
	err := impatient(t, proxy.Kubeconfig).Persistent().SetNumber(ctx, ref, "weight", 0, kube.Write{})
	if err == nil || context.Cause(ctx).Error() != "killed" || len(proxy.Requests()) < 20 {
		t.Errorf("%d requests: %v", len(proxy.Requests()), err)
	}
}
