//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"
)

// testKill: what a kill -9 in the middle of a release breaks, what it does not, and
// that nothing is left at the end.
func testKill(t *testing.T, w world) {
	w.release(t, 50)
	w.Kill(w.InPod("/usr/bin/envoy"))
	began := time.Now()
	w.Await("an Envoy that answers again", func() bool {
		got := requests(t, w.Gateway, nil, 20)
		return len(got.failed) == 0
	})
	fmt.Printf("Envoy killed: its container is started again, and answers after %.1f s\n", time.Since(began).Seconds())
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

// sharesHold checks that no request fails and the canary has half of them.
func (w world) sharesHold(t *testing.T, when, what string) {
	t.Helper()
	got := requests(t, w.Gateway, nil, 2000)
	low, high := interval(2000, 0.5)
	if len(got.failed) > 0 || got.versions["2"] < low || got.versions["2"] > high {
		t.Errorf("%s: %v, failed %v; expected %d to %d for the canary", when, got.versions, got.failed, low, high)
	}
	fmt.Printf("%s: %d of 2000 requests to the canary at 50 %%, %d failed\n", what, got.versions["2"], len(got.failed))
}
