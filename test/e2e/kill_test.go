//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"
)

// testKill checks what a kill -9 during a release breaks and what it does not, and that
// nothing is left at the end.
func testKill(t *testing.T, w world) {
	w.release(t, 50)
	reader := w.reader(t, w.engine(t), "{source: emissary}")
	var have counted
	have.read(t, reader) // to count from
	w.Kill(w.InPod("/usr/bin/envoy"))
	have.read(t, reader) // while there are no requests
	began := time.Now()
	w.Await("an Envoy that answers again", func() bool {
		got := requests(t, w.Gateway, nil, 20)
		return len(got.failed) == 0
	})
	first := time.Since(began)
	w.awaitRestarted(t)
	w.Await("the requests since Envoy was killed, every one", func() bool {
		have.read(t, reader)
		return have.canary.Total == int64(w.Counted(canaryStats)) && have.stable.Total == int64(w.Counted(stableStats))
	})
	fmt.Printf("Envoy killed: its container is started again, and answers after %.1f s, steadily after %.1f s\n", first.Seconds(), time.Since(began).Seconds())
	w.sharesHold(t, "after Envoy was killed", "Envoy started again")

	w.Kill(w.Process("kubelet"))
	w.sharesHold(t, "without the kubelet", "kubelet killed")
	w.Kill(w.Process("kube-apiserver"))
	w.sharesHold(t, "without the API server", "kube-apiserver killed")
	w.Kill(w.Process("containerd"))
	w.sharesHold(t, "without containerd", "containerd killed")

	w.Stop()
	checkNothingLeft(t, w.Dir, w.before)
}

// awaitRestarted waits until the gateway is in the Service again and stays there. The
// restarted gateway answers before Kubernetes notices the restart, and is then out of the
// Service for a while. If the kubelet were killed meanwhile, it would stay out.
func (w world) awaitRestarted(t *testing.T) {
	t.Helper()
	const (
		pod       = "jsonpath={range .items[*].status.containerStatuses[*]}{.restartCount} {.ready}{end}"
		endpoints = "jsonpath={.items[*].endpoints[*].conditions.ready}"
	)
	get := func(what ...string) string {
		return string(w.Kube(nil, append([]string{"-n", "emissary", "get"}, what...)...))
	}
	w.Await("the restarted Envoy in its Service", func() bool {
		return get("pods", "-l", "product=aes", "-o", pod) == "1 true" &&
			get("endpointslices", "-l", "kubernetes.io/service-name=emissary-ingress", "-o", endpoints) == "true"
	})
	awaitSteady(w.Site)
}

// sharesHold checks that no request fails and that the canary gets half of them.
func (w world) sharesHold(t *testing.T, when, what string) {
	t.Helper()
	got := requests(t, w.Gateway, nil, 2000)
	low, high := interval(2000, 0.5)
	if len(got.failed) > 0 || got.versions["2"] < low || got.versions["2"] > high {
		t.Errorf("%s: %v, failed %v; expected %d to %d for the canary", when, got.versions, got.failed, low, high)
	}
	fmt.Printf("%s: %d of 2000 requests to the canary at 50 %%, %d failed\n", what, got.versions["2"], len(got.failed))
}
