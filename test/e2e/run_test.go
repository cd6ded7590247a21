//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runRate is the load during runs.
const runRate = 200 // requests a second

// judged is a release file with which a verdict takes seconds instead of minutes.
const judged = `
apiVersion: canarize.dev/v1alpha1
kind: Release
spec:
  analysis: {interval: 3s, warmup: 3s, bake: 20s, deadline: %s, margins: {latency: %g}}
  ramp: {steps: [%s]}
  metrics: %s
  gates: [%s]
  timeouts: {%s}
`

// running is a site for releases by `canarize run`, with their settings.
type running struct {
	releasing
	deadline, steps, metrics, gates string
	timeouts                        string
	margin                          float64 // of latency, in percentage points
	image                           string  // the image's tag
}

// TestRun runs releases to their end on its own site, under load: a good one and one that
// only fails, and with E2E=all, which takes eight minutes, all others.
func TestRun(t *testing.T) {
	r := running{startReleasing(t), "3m", "{weight: 5, hold: 6s}, {weight: 50, hold: 6s}", "{source: emissary}", "", "", 5, "2"}
	r.stable(t)
	fmt.Printf("%-26s %9s %9s %9s %6s %8s %8s\n", "run", "took", "requests", "bad", "off", "CPU", "memory")
	type step struct {
		name string
		run  func(*testing.T, running)
	}
	steps := []step{{"good", testRunGood}, {"fails", testRunFails}}
	if os.Getenv("E2E") == "all" {
		steps = append(steps, []step{
			{"worse", testRunWorse}, {"slow tail", testRunSlowTail}, {"bad pod", testRunBadPod}, {"no traffic", testRunNoTraffic},
			{"killed", testRunKilled}, {"interrupted", testRunInterrupted}, {"Prometheus away", testRunPrometheusAway},
		}...)
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			r := r
			r.Site = r.For(t)
			step.run(t, r)
		})
	}
}

// args returns the arguments of a run of manifests as version 2.
func (r running) args(t *testing.T, manifests string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "release.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, judged, r.deadline, r.margin, r.steps, r.metrics, r.gates, r.timeouts), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "--config", file, manifests, "-I", "registry.example.com/app:" + r.image}
	if os.Getenv("E2E_EVENTS") != "" {
		args = append(args, "--progress=json")
	}
	return args
}

// record saves the events of a run in the folder E2E_EVENTS. The pictures in docs are drawn
// from them.
func record(t *testing.T, name string, o outcome) {
	t.Helper()
	if folder := os.Getenv("E2E_EVENTS"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, name+".jsonl"), []byte(o.log), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// row prints the result of a run. off is the time from the first bad answer until Envoy sent
// the canary nothing any more.
func row(name string, o outcome, got answers, off time.Duration) {
	seen := "-"
	if off > 0 {
		seen = fmt.Sprintf("%.1f s", off.Seconds())
	}
	fmt.Printf("%-26s %7.1f s %9d %9d %6s %6.2f s %5.0f MB\n", name, o.took.Seconds(), got.total, got.total-got.versions["1"]-got.versions["2"], seen, o.cpu.Seconds(), float64(o.memory)/1e6)
}

// wants checks the exit code and the output of a run.
func (r running) wants(t *testing.T, o outcome, code int, texts ...string) {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit code %d, expected %d\n%s%s%s", o.code, code, o.out, o.log, r.troubled())
	}
	for _, text := range texts {
		if !strings.Contains(o.log, text) {
			t.Errorf("the output has no %q:\n%s", text, o.log)
		}
	}
}

// testRunGood checks that a good version is promoted and no request fails.
func testRunGood(t *testing.T, r running) {
	before := r.objects()
	load := r.load(runRate)
	o := r.try(t, r.args(t, r.version(t, 100, usual))...)
	got := load.end(t)
	row("good", o, got, 0)
	record(t, "run-good", o)
	r.wants(t, o, 0, "the canary gets 5 %", "the canary gets 50 %", "promote")
	if len(got.failed) > 0 {
		t.Errorf("%v\n%s", got.failed, r.troubled())
	}
	r.nothingLeft(t, before)
	r.alone(t) // let connections to the old version's pods end
	if after := requests(t, r.Gateway, nil, 500); after.versions["2"] != 500 {
		t.Errorf("after the promotion: %v, %v", after.versions, after.failed)
	}
	r.stable(t)
}

// version returns the sample's manifests with the given percentage of good answers, the
// given duration of answers, and more settings. Answers must not take less than a
// millisecond: on a busy machine their duration would be noise.
func (r running) version(t *testing.T, good, milliseconds int, more ...string) string {
	t.Helper()
	settings := fmt.Sprintf("value: \"%d\"\n            - {name: LATENCY_MS, value: \"%d\"}", good, milliseconds)
	for _, setting := range more {
		settings += "\n            - " + setting
	}
	return r.variant(t, `value: "100"`, settings)
}

// usual is the usual duration of an answer, in ms.
const usual = 20

// stable makes version 1 stable again.
func (r running) stable(t *testing.T) {
	t.Helper()
	r.kube("apply", "-f", r.version(t, 100, usual))
	r.kube("rollout", "status", "--timeout=2m", "deployment/sampleapp")
	r.alone(t)
	awaitSteady(r.Site)
}

// testRunFails checks that a version that only fails is rejected.
func testRunFails(t *testing.T, r running) {
	r.rejected(t, "all requests fail", r.version(t, 0, usual), "most requests of the canary are bad")
}

// testRunWorse checks that versions that are worse in several ways are rejected.
func testRunWorse(t *testing.T, r running) {
	r.rejected(t, "half of them fail", r.version(t, 50, usual), "errors")
	record(t, "run-rejected", r.rejected(t, "5 % of them fail", r.version(t, 95, usual), "errors"))
	r.rejected(t, "slow", r.version(t, 100, 3*usual), "latency")
}

// testRunSlowTail checks that a version is rejected if one answer in a hundred takes 1.5 s
// and the margin is half a point.
func testRunSlowTail(t *testing.T, r running) {
	r.margin = .5
	r.rejected(t, "1 in 100 slow", r.version(t, 100, usual, `{name: LATENCY_P99_MS, value: "1500"}`), "latency")
}

// successRate is the annotation of a pod that holds the percentage of its good answers.
const successRate = "example.com/success-rate"

// countPods makes the pods of the application the source of errors.
func (r *running) countPods() {
	r.Apply(r.Run(nil, r.Root, r.canarize, "rbac", "-n", r.namespace, "--pod-metrics"))
	r.metrics = "{source: pods, port: 8000, ratios: {errors: {bad: 'requests_total{custom_status=\"bad\"}', total: requests_total}}}"
}

// breakable returns manifests of a good version of which single pods can become bad.
func (r running) breakable(t *testing.T, milliseconds int) string {
	t.Helper()
	return r.variant(t,
		`value: "100"`, fmt.Sprintf("valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['%s']\"}}\n            - {name: LATENCY_MS, value: \"%d\"}", successRate, milliseconds),
		`prometheus.io/scrape: "true"`, successRate+": \"100\"")
}

// failsHalf makes a pod of a breakable version fail half of its requests.
func (r running) failsHalf(t *testing.T, pod string) {
	t.Helper()
	r.kube("annotate", "--overwrite", "pod", pod, successRate+"=50")
	time.Sleep(3 * time.Second) // until the kubelet has noticed it
	r.Kill(r.InPod("/app", "HOSTNAME="+pod))
	await(t, pod+" again", func() bool {
		return string(r.kube("get", "pod", pod, "-o", "jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}")) == "1 true"
	})
}

// testRunBadPod checks that a run names the one of the canary's four pods that fails half of
// its requests. Before the canary gets traffic, the test restarts that pod's container with
// another setting. Answers take so long that Envoy has many connections, some of them to
// that pod.
func testRunBadPod(t *testing.T, r running) {
	r.countPods()
	r.steps, r.gates = "{weight: 50, hold: 6s}", "{name: pods, weight: 50, manual: true}, {name: sign-off, manual: true}"
	manifests := r.breakable(t, 200)
	r.alone(t) // let the pods of an earlier canary end
	load := r.load(runRate)
	run := r.startProcess(t, append(r.args(t, manifests), "--replicas=same")...)
	run.await(t, "waiting for gate pods")
	pod := strings.Fields(string(r.kube("get", "pods", "-l", "canarize.dev/track=canary", "-o", "jsonpath={.items[*].metadata.name}")))[0]
	r.failsHalf(t, pod)
	r.verb(t, "approve", "sampleapp", "pods")
	run.await(t, "the canary gets 50 % of the traffic")
	began := time.Now()
	run.await(t, "hold: One pod of the canary is bad and the others are not; replace that pod. It is "+pod+".")
	fmt.Printf("one pod of four fails half of its requests: named after %.1f s\n", time.Since(began).Seconds())
	run.signal(t, syscall.SIGINT)
	if code := run.end(t); code != 5 {
		t.Errorf("exit code %d\n%s", code, run.log)
	}
	if o := r.try(t, "report", "sampleapp"); !strings.Contains(o.out, pod) {
		t.Errorf("canarize report does not mention %s:\n%s", pod, o.out)
	}
	r.verb(t, "reject", "sampleapp")
	load.end(t)
	r.alone(t)
}

// rejected runs a version under load that has to be rejected. Only the version itself may
// make requests fail.
func (r running) rejected(t *testing.T, name, manifests, says string) outcome {
	t.Helper()
	before := r.objects()
	load := r.load(runRate)
	o := r.try(t, r.args(t, manifests)...)
	got := load.end(t)
	var off time.Duration
	if !got.first.IsZero() {
		off = r.routes.since(0, got.first)
	}
	o.bad, o.off = got.total-got.versions["1"]-got.versions["2"], off
	row(name, o, got, off)
	r.wants(t, o, 3, says)
	r.nothingLeft(t, before)
	for what := range got.failed {
		if !strings.Contains(what, "500") {
			t.Errorf("%s: failed though the new version did not: %s", name, what)
		}
	}
	return o
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// testRunNoTraffic checks that a run without requests decides nothing.
func testRunNoTraffic(t *testing.T, r running) {
	r.deadline = "25s"
	o := r.try(t, r.args(t, r.version(t, 100, usual))...)
	row("no traffic", o, answers{}, 0)
	r.wants(t, o, 4, "hold", "request")
}

// testRunKilled checks that the next run goes on where a killed one stopped.
func testRunKilled(t *testing.T, r running) {
	load := r.load(runRate)
	args := r.args(t, r.version(t, 100, usual))
	first := r.startProcess(t, args...)
	r.routes.await(t, 50)
	first.signal(t, syscall.SIGKILL)
	first.end(t)
	before := r.judged(t)
	o := r.try(t, args...)
	got := load.end(t)
	row("killed, and run again", o, got, 0)
	r.wants(t, o, 0, "promote")
	if len(got.failed) > 0 {
		t.Errorf("%v\n%s", got.failed, r.troubled())
	}
	if after := r.judged(t); len(before) == 0 || len(after) <= len(before) || after[0] != before[0] {
		t.Errorf("intervals that were judged before it was killed: %v, and in the end: %v", before, after)
	}
	r.stable(t)
}

// judged returns the ends of the judged intervals.
func (r running) judged(t *testing.T) []string {
	t.Helper()
	var report struct {
		Judge struct{ Observations []struct{ Time string } }
	}
	o := r.try(t, "report", "sampleapp", "-o", "json")
	if err := json.Unmarshal([]byte(o.out), &report); err != nil {
		t.Fatalf("canarize report prints %q, %v", o.out, err)
	}
	var times []string
	for _, o := range report.Judge.Observations {
		times = append(times, o.Time)
	}
	return times
}

// testRunInterrupted interrupts runs at ten random moments.
func testRunInterrupted(t *testing.T, r running) {
	r.gates = "{name: sign-off, manual: true}"
	load := r.load(runRate)
	args := r.args(t, r.version(t, 100, usual))
	var offs []time.Duration
	random := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		after := 200*time.Millisecond + time.Duration(random.Int64N(int64(20*time.Second)))
		run := r.startProcess(t, args...)
		time.Sleep(after)
		began := time.Now()
		run.signal(t, syscall.SIGINT)
		code := run.end(t)
		if took := time.Since(began); code != 5 || took > offLimit {
			t.Errorf("interrupted after %s: exit code %d after %s\n%s", after, code, took, run.log)
		}
		if weight := r.routes.last().weight; weight > 0 {
			offs = append(offs, r.routes.await(t, 0).Sub(began))
		}
	}
	r.verb(t, "reject", "sampleapp", "--if-active")
	got := load.end(t)
	if len(got.failed) > 0 {
		t.Errorf("%v\n%s", got.failed, r.troubled())
	}
	if len(offs) == 0 || slices.Max(offs) > offLimit {
		t.Fatalf("weight 0 in Envoy after %v, expected at most %s, and traffic at some moment", offs, offLimit)
	}
	fmt.Printf("interrupted at 10 moments, in %d of them with traffic: weight 0 in Envoy at most %.1f s later; %d requests, %d failed\n", len(offs), slices.Max(offs).Seconds(), got.total, sum(got.failed))
}

// testRunPrometheusAway checks that a run decides nothing while Prometheus is away.
func testRunPrometheusAway(t *testing.T, r running) {
	r.metrics = "{source: prometheus, address: '" + r.Prometheus + "', ratios: {errors: {bad: 'requests_total{custom_status=\"bad\"}', total: requests_total}}}"
	r.gates = "{name: sign-off, weight: 50, manual: true}"
	load := r.load(runRate)
	began := time.Now()
	run := r.startProcess(t, r.args(t, r.version(t, 100, usual))...)
	run.await(t, "waiting for gate sign-off")
	prometheus := func(pods int) {
		r.Kube(nil, "-n", "monitoring", "scale", "deployment/prometheus", fmt.Sprintf("--replicas=%d", pods))
	}
	r.Kill(r.InPod("/prometheus"))
	prometheus(0) // otherwise it would be back at once
	run.await(t, "hold: A metric was not measured")
	prometheus(1)
	r.verb(t, "approve", "sampleapp", "sign-off")
	code := run.end(t)
	got := load.end(t)
	row("Prometheus away meanwhile", outcome{took: time.Since(began)}, got, 0)
	if code != 0 || len(got.failed) > 0 {
		t.Errorf("exit code %d, %v\n%s", code, got.failed, run.log)
	}
	r.stable(t)
}
