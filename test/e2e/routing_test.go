//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

const pinned = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: sampleapp-canary-pinned, namespace: default}
spec: {hostname: "*", prefix: /, service: "sampleapp-canary:8080", headers: {x-canary: always}}
`

// testPinned checks that requests with a header, and no others, get the canary at 0 %.
func testPinned(t *testing.T, w world) {
	w.release(t, 0)
	w.Apply([]byte(pinned))
	defer w.Kube(nil, "delete", "mapping", "sampleapp-canary-pinned")
	header := http.Header{"X-Canary": {"always"}}
	w.Await("a pinned user's canary", func() bool {
		return requests(t, w.Gateway, header, 1).versions["2"] == 1
	})
	if got := requests(t, w.Gateway, header, 1000); got.versions["2"] != 1000 {
		t.Errorf("pinned: %v, failed %v", got.versions, got.failed)
	}
	if got := requests(t, w.Gateway, nil, 1000); got.versions["1"] != 1000 {
		t.Errorf("not pinned: %v, failed %v", got.versions, got.failed)
	}
}

const shadow = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: sampleapp-shadow, namespace: default}
spec: {hostname: "*", prefix: /, service: "sampleapp-canary:8080", shadow: true, weight: 50, stats_name: sampleapp_shadow}
`

// testShadow checks that half of the requests are copied to the canary and that no client
// gets its answers.
func testShadow(t *testing.T, w world) {
	const n = 4000
	w.release(t, 0)
	w.Apply([]byte(shadow))
	defer w.Kube(nil, "delete", "mapping", "sampleapp-shadow")
	w.Await("a copy of a request", func() bool {
		requests(t, w.Gateway, nil, 10)
		return w.Counted("sampleapp_shadow") > 0
	})
	time.Sleep(200 * time.Millisecond) // copies may arrive after the answer
	before := w.Counted("sampleapp_shadow")
	if got := requests(t, w.Gateway, nil, n); got.versions["1"] != n {
		t.Errorf("answers: %v, failed %v", got.versions, got.failed)
	}
	low, high := interval(n, 0.5)
	copies := 0
	w.Await("all copies", func() bool {
		last := copies
		copies = w.Counted("sampleapp_shadow") - before
		return copies > 0 && copies == last
	})
	fmt.Printf("shadow at 50 %%: %d of %d requests copied, expected %d to %d\n", copies, n, low, high)
	if copies < low || copies > high {
		t.Errorf("%d copies of %d requests, expected %d to %d", copies, n, low, high)
	}
}

// testTraps checks that the gateway is not more tolerant than Emissary.
func testTraps(t *testing.T, w world) {
	w.release(t, 10)
	only := func(version string) func() bool {
		return func() bool { return requests(t, w.Gateway, nil, 200).versions[version] == 200 }
	}
	patch := func(name, spec string) {
		w.Kube(nil, "patch", "mapping", name, "--type", "merge", "-p", `{"spec":`+spec+`}`)
	}
	patch("sampleapp", `{"connect_timeout_ms": 1000}`)
	w.Await("the canary with every request, as the stable Mapping has a field more", only("2"))
	patch("sampleapp", `{"connect_timeout_ms": null}`)
	w.release(t, 10)
	w.Kube(nil, "delete", "mapping", "sampleapp")
	w.Await("the canary with every request, as the stable Mapping is gone", only("2"))
	w.Kube(nil, "apply", "-f", filepath.Join(w.Root, "manifests", "mapping.yml"))
	w.release(t, 0)
	patch("sampleapp-canary", `{"weight": -1}`)
	w.Apply([]byte(pinned))
	time.Sleep(3 * time.Second) // nothing may change in that time
	header := http.Header{"X-Canary": {"always"}}
	if got := requests(t, w.Gateway, header, 200); got.versions["1"] != 200 {
		t.Errorf("a negative weight has not frozen the configuration: %v", got.versions)
	}
	w.release(t, 0)
	w.Await("what was frozen", func() bool { return requests(t, w.Gateway, header, 1).versions["2"] == 1 })
	w.Kube(nil, "delete", "mapping", "sampleapp-canary-pinned")
}
