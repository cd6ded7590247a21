//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// share is a line of the table at the end.
type share struct {
	weight, n, low, high, seen int
	counted                    int // by Envoy
}

// Test runs everything on one site, in this order: each test leaves the canary
// beside the stable version.
func Test(t *testing.T) {
	if os.Getenv("E2E") == "skip" {
		t.Skip("E2E=skip")
	}
	s := setUp(t)
	for _, step := range []struct {
		name string
		run  func(*testing.T, *site)
	}{
		{"shares", testShares}, {"weights move under load", testMoves}, {"a user pinned by a header", testPinned},
		{"shadow", testShadow}, {"Prometheus", testPrometheus}, {"Emissary's traps", testTraps}, {"kill", testKill},
	} {
		t.Run(step.name, func(t *testing.T) {
			s.t = t
			step.run(t, s)
		})
	}
	s.t = t
}

const (
	stableStats = "sampleapp_default_8080"
	canaryStats = "sampleapp_canary_default_8080"
)

// release sets the canary's weight and waits until the gateway has it.
func (s *site) release(weight int) {
	s.t.Helper()
	s.weigh(weight)
	s.await(fmt.Sprintf("the canary at %d %%", weight), func() bool {
		return s.thresholds() == fmt.Sprintf("sampleapp-canary %d, sampleapp 100", weight)
	})
}

// testShares: the canary gets the share asked for, and Envoy counts the same.
func testShares(t *testing.T, s *site) {
	const n = 20_000
	var table []share
	for _, weight := range []int{0, 1, 10, 50, 100} {
		s.release(weight)
		before := []int{s.counted(stableStats), s.counted(canaryStats)}
		seen := requests(t, s.url("site", "/"), nil, n)
		low, high := interval(n, float64(weight)/100)
		row := share{weight: weight, n: n, low: low, high: high, seen: seen.versions["2"], counted: s.counted(canaryStats) - before[1]}
		table = append(table, row)
		if len(seen.failed) > 0 || seen.versions["1"]+seen.versions["2"] != n {
			t.Errorf("weight %d: %v, failed %v", weight, seen.versions, seen.failed)
		}
		if row.seen < low || row.seen > high {
			t.Errorf("weight %d: %d of %d requests reached the canary, expected %d to %d", weight, row.seen, n, low, high)
		}
		if stable := s.counted(stableStats) - before[0]; row.counted != row.seen || stable != seen.versions["1"] {
			t.Errorf("weight %d: Envoy counts %d for the stable and %d for the canary, clients %v", weight, stable, row.counted, seen.versions)
		}
	}
	fmt.Println("wanted  requests  99.9 % interval   seen           Envoy counts")
	for _, r := range table {
		fmt.Printf("%4d %%  %8d  %5d to %5d   %5d %7.3f %%  %5d\n", r.weight, r.n, r.low, r.high, r.seen, 100*float64(r.seen)/float64(r.n), r.counted)
	}
}

// testMoves: at 500 requests a second no request fails while the weight goes up and
// down, and both versions answer.
func testMoves(t *testing.T, s *site) {
	s.release(0)
	stop := stream(s.url("site", "/"), 500)
	for _, weight := range []int{1, 10, 50, 100, 0} {
		s.release(weight)
		time.Sleep(time.Second) // the load under each weight is what is measured
	}
	got := stop()
	fmt.Printf("weights 0, 1, 10, 50, 100, 0 at 500 requests/s: %d requests, %d failed\n", got.total, got.total-got.versions["1"]-got.versions["2"])
	if len(got.failed) > 0 || got.versions["1"] == 0 || got.versions["2"] == 0 {
		t.Errorf("answers by version %v, failed %v", got.versions, got.failed)
	}
}

const pinned = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: sampleapp-canary-pinned, namespace: default}
spec: {hostname: "*", prefix: /, service: "sampleapp-canary:8080", headers: {x-canary: always}}
`

// testPinned: who sends a header gets the canary at any weight, and nobody else.
func testPinned(t *testing.T, s *site) {
	s.release(0)
	s.apply([]byte(pinned))
	defer s.kube(nil, "delete", "mapping", "sampleapp-canary-pinned")
	header := http.Header{"X-Canary": {"always"}}
	s.await("a pinned user's canary", func() bool {
		return requests(t, s.url("site", "/"), header, 1).versions["2"] == 1
	})
	if got := requests(t, s.url("site", "/"), header, 1000); got.versions["2"] != 1000 {
		t.Errorf("pinned: %v, failed %v", got.versions, got.failed)
	}
	if got := requests(t, s.url("site", "/"), nil, 1000); got.versions["1"] != 1000 {
		t.Errorf("not pinned: %v, failed %v", got.versions, got.failed)
	}
}

const shadow = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: sampleapp-shadow, namespace: default}
spec: {hostname: "*", prefix: /, service: "sampleapp-canary:8080", shadow: true, weight: 50, stats_name: sampleapp_shadow}
`

// testShadow: half of the requests are copied to the canary, whose answers nobody
// sees.
func testShadow(t *testing.T, s *site) {
	const n = 4000
	s.release(0)
	s.apply([]byte(shadow))
	defer s.kube(nil, "delete", "mapping", "sampleapp-shadow")
	s.await("a copy of a request", func() bool {
		requests(t, s.url("site", "/"), nil, 10)
		return strings.Contains(get(s.url("diagnostics", "/metrics")), `envoy_cluster_upstream_rq_total{envoy_cluster_name="sampleapp_shadow"}`) &&
			s.counted("sampleapp_shadow") > 0
	})
	time.Sleep(200 * time.Millisecond) // copies may come after the answer
	before := s.counted("sampleapp_shadow")
	if got := requests(t, s.url("site", "/"), nil, n); got.versions["1"] != n {
		t.Errorf("answers: %v, failed %v", got.versions, got.failed)
	}
	low, high := interval(n, 0.5)
	copies := 0
	s.await("all copies", func() bool {
		last := copies
		copies = s.counted("sampleapp_shadow") - before
		return copies > 0 && copies == last
	})
	fmt.Printf("shadow at 50 %%: %d of %d requests copied, expected %d to %d\n", copies, n, low, high)
	if copies < low || copies > high {
		t.Errorf("%d copies of %d requests, expected %d to %d", copies, n, low, high)
	}
}

// testTraps: the gateway is not kinder than Emissary.
func testTraps(t *testing.T, s *site) {
	s.release(10)
	only := func(version string) func() bool {
		return func() bool { return requests(t, s.url("site", "/"), nil, 200).versions[version] == 200 }
	}
	patch := func(name, spec string) {
		s.kube(nil, "patch", "mapping", name, "--type", "merge", "-p", `{"spec":`+spec+`}`)
	}
	patch("sampleapp", `{"connect_timeout_ms": 1000}`)
	s.await("the canary with every request, as the stable Mapping has a field more", only("2"))
	patch("sampleapp", `{"connect_timeout_ms": null}`)
	s.release(10)
	s.kube(nil, "delete", "mapping", "sampleapp")
	s.await("the canary with every request, as the stable Mapping is gone", only("2"))
	s.kube(nil, "apply", "-f", filepath.Join(s.root, "manifests", "mapping.yml"))
	s.release(0)
	patch("sampleapp-canary", `{"weight": -1}`)
	s.apply([]byte(pinned))
	time.Sleep(3 * time.Second) // nothing may happen in that time
	header := http.Header{"X-Canary": {"always"}}
	if got := requests(t, s.url("site", "/"), header, 200); got.versions["1"] != 200 {
		t.Errorf("a negative weight has not frozen the configuration: %v", got.versions)
	}
	s.release(0)
	s.await("what was frozen", func() bool { return requests(t, s.url("site", "/"), header, 1).versions["2"] == 1 })
	s.kube(nil, "delete", "mapping", "sampleapp-canary-pinned")
}

// testKill: what a kill -9 in the middle of a release breaks, and what it does not.
func testKill(t *testing.T, s *site) {
	s.release(50)
	s.killProcess("kube-apiserver")
	got := requests(t, s.url("site", "/"), nil, 2000)
	low, high := interval(2000, 0.5)
	if len(got.failed) > 0 || got.versions["2"] < low || got.versions["2"] > high {
		t.Errorf("without the API server: %v, failed %v; expected the last shares", got.versions, got.failed)
	}
	fmt.Printf("kube-apiserver killed: %d of 2000 requests to the canary at 50 %%, %d failed\n", got.versions["2"], len(got.failed))
	s.killEnvoy()
	ended := make(chan error, 1)
	go func() { ended <- s.gateway.Wait() }()
	select {
	case err := <-ended:
		if s.gateway.ProcessState.ExitCode() != 1 {
			t.Errorf("the gateway ended with %v, expected exit code 1 so that its pod is restarted", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the gateway lives on without Envoy")
	}
	fmt.Println("Envoy killed: the gateway ended with exit code 1, as a pod that is to be restarted")
}

// killProcess kills a process of the control plane by its record.
func (s *site) killProcess(name string) {
	s.t.Helper()
	records, err := filepath.Glob(filepath.Join(s.dir, "processes", "*"+name))
	if err != nil || len(records) != 1 {
		s.t.Fatalf("records of %s: %v, %v", name, records, err)
	}
	record, err := os.ReadFile(records[0])
	if err != nil {
		s.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(record))[0])
	if err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
}

// killEnvoy kills the only child of the gateway.
func (s *site) killEnvoy() {
	s.t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.gateway.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, task := range tasks {
		children, _ := os.ReadFile(task) // the thread may have ended
		for _, child := range strings.Fields(string(children)) {
			pid, err := strconv.Atoi(child)
			if err != nil {
				s.t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				s.t.Fatal(err)
			}
			return
		}
	}
	s.t.Fatal("the gateway has no Envoy")
}

// series asks Prometheus; NaN and nothing are "".
func (s *site) series(query string) string {
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if json.Unmarshal([]byte(get(s.url("prometheus", "/api/v1/query?query="+escape(query)))), &answer) != nil || len(answer.Data.Result) != 1 {
		return ""
	}
	value, _ := answer.Data.Result[0].Value[1].(string)
	if value == "NaN" {
		return ""
	}
	return value
}
