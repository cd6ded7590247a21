//go:build e2e

// Package e2e tests canarize on a real Kubernetes with a node, under load, with two versions
// of the sample application, the canary from `canarize generate`, and a gateway that routes
// as Emissary does.
package e2e

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/canarize/canarize/test/e2e/site"
)

// world holds what the tests share: a site with the sample application, and canarize.
type world struct {
	*site.Site
	canarize string
	before   string // traces on this machine
}

// Test runs all tests on one site, in this order. Each test leaves the canary beside the
// stable version, and the last one ends the site.
func Test(t *testing.T) {
	began := time.Now()
	before := traces(t)
	s := site.Start(t, filepath.Join("..", ".."))
	w := world{s, s.Build("cmd/canarize"), before}
	s.Kube(nil, "apply", "-f", filepath.Join(s.Root, "manifests"))
	s.AwaitRollout("deployment/sampleapp")
	w.release(t, 0)
	fmt.Printf("the site with the sample application is up after %.1f s\n", time.Since(began).Seconds())
	for _, step := range []struct {
		name string
		run  func(*testing.T, world)
	}{
		{"shares", testShares}, {"a share below 1 %", testSample}, {"weights move under load", testMoves},
		{"a user pinned by a header", testPinned}, {"shadow", testShadow}, {"configuration and Services", testPods}, {"Prometheus", testPrometheus}, {"metric sources", testMetrics},
		{"Envoy's admin interface", testAdmin}, {"Emissary's traps", testTraps}, {"kill", testKill},
	} {
		began := time.Now()
		t.Run(step.name, func(t *testing.T) { step.run(t, world{s.For(t), w.canarize, before}) })
		fmt.Printf("%s: %.1f s\n", step.name, time.Since(began).Seconds())
	}
}

const (
	stableStats = "sampleapp_default_8080"
	canaryStats = "sampleapp_canary_default_8080"
)

// generate returns the canary of manifests with version 2's image at a weight.
func (w world) generate(weight, manifests string) []byte {
	return w.Run(nil, w.Root, w.canarize, "generate", "-w", weight, "-I", "registry.example.com/app:2", manifests)
}

// release applies the sample's canary at a weight and waits until its pods are
// ready and the gateway has the weight.
func (w world) release(t *testing.T, weight int) {
	t.Helper()
	w.Apply(w.generate(strconv.Itoa(weight), "manifests"))
	w.AwaitRollout("deployment/sampleapp-canary")
	w.Await(fmt.Sprintf("the canary at %d %%", weight), func() bool {
		return w.Thresholds("/") == fmt.Sprintf("sampleapp-canary %d, sampleapp 100", weight)
	})
}

// share is a line of the table at the end.
type share struct {
	weight, n, low, high, seen int
	counted                    int // requests, by Envoy
}

// testShares checks that the canary gets the requested share, and that Envoy counts the
// same.
func testShares(t *testing.T, w world) {
	const n = 20_000
	var table []share
	for _, weight := range []int{0, 1, 10, 50, 100} {
		w.release(t, weight)
		stable, canary := w.Counted(stableStats), w.Counted(canaryStats)
		seen := requests(t, w.Gateway, nil, n)
		low, high := interval(n, float64(weight)/100)
		row := share{weight: weight, n: n, low: low, high: high, seen: seen.versions["2"], counted: w.Counted(canaryStats) - canary}
		table = append(table, row)
		if len(seen.failed) > 0 || seen.versions["1"]+seen.versions["2"] != n {
			t.Errorf("weight %d: %v, failed %v", weight, seen.versions, seen.failed)
		}
		if row.seen < low || row.seen > high {
			t.Errorf("weight %d: %d of %d requests reached the canary, expected %d to %d", weight, row.seen, n, low, high)
		}
		if stable := w.Counted(stableStats) - stable; row.counted != row.seen || stable != seen.versions["1"] {
			t.Errorf("weight %d: Envoy counts %d for the stable and %d for the canary, clients %v", weight, stable, row.counted, seen.versions)
		}
	}
	fmt.Println("wanted  requests  99.9 % interval   seen           Envoy counts")
	for _, r := range table {
		fmt.Printf("%4d %%  %8d  %5d to %5d   %5d %7.3f %%  %5d\n", r.weight, r.n, r.low, r.high, r.seen, 100*float64(r.seen)/float64(r.n), r.counted)
	}
}

// testSample checks a share below one percent, by Envoy's request ids.
func testSample(t *testing.T, w world) {
	const n = 20_000
	w.release(t, 0)
	w.Apply(w.generate("0.25", "manifests"))
	w.Await("the canary in a sample", func() bool { return w.Thresholds("/") == "sampleapp 100" })
	got := requests(t, w.Gateway, nil, n)
	low, high := interval(n, 0.0025)
	fmt.Printf("0.25 %%: %d of %d requests reached the canary, expected %d to %d\n", got.versions["2"], n, low, high)
	if len(got.failed) > 0 || got.versions["2"] < low || got.versions["2"] > high {
		t.Errorf("0.25 %%: %v, failed %v; expected %d to %d for the canary", got.versions, got.failed, low, high)
	}
	w.Kube(nil, "delete", "mapping", "sampleapp-canary", "sampleapp-rest-canary")
}

// testMoves checks that at 500 requests a second no request fails while the weight and the
// number of pods go up and down, and that both versions answer.
func testMoves(t *testing.T, w world) {
	w.release(t, 0)
	stop := stream(w.Gateway, 500)
	for _, weight := range []int{1, 10, 50, 100, 0} {
		w.release(t, weight)
		time.Sleep(time.Second) // measure the load at each weight
	}
	got := stop()
	fmt.Printf("weights 0, 1, 10, 50, 100, 0 at 500 requests/s: %d requests, %d failed\n", got.total, got.total-got.versions["1"]-got.versions["2"])
	if len(got.failed) > 0 || got.versions["1"] == 0 || got.versions["2"] == 0 {
		t.Errorf("answers by version %v, failed %v", got.versions, got.failed)
	}
}
