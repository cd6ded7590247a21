//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/test/faults"
)

// testRuns runs releases to their end, each in its own namespace.
func (s suite) testRuns(t *testing.T) {
	for name, run := range map[string]func(*testing.T, shop, *users){
		"promoted": testRunPromoted, "screen": testScreen, "rejected": testRunRejected, "crash": testRunCrash, "broken": testRunBroken, "crash loop": testRunCrashLoop, "crash loop kept": testRunKept,
		"interrupted": testRunInterrupted, "killed": testRunKilled, "source away": testRunSourceAway,
		"hold and approve": testRunHoldAndApprove, "silent": testRunSilent, "outage": testRunOutage, "reject beside": testRunRejectBeside, "analyze": testAnalyze,
		"foreign owner": testRunForeignOwner, "cost": testRunCost, "kubectl apply": testRunAfterClientSide, "kubectl apply server-side": testRunAfterServerSide,
		"template steps": testTemplateSteps, "template stages": testTemplateStages, "cancelled": testRunCancelled,
		"history": testRunHistory, "dashboard": testRunDashboard, "unread output": testRunUnread, "gate interrupted": testRunGateInterrupted,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait more than they compute
			sh := newShop(t, s.site(t))
			run(t, sh, newUsers(t, sh))
		})
	}
}

// users simulates requests by the weight of the canary's Mapping, and counts them for the
// metric source web.
type users struct {
	shop
	server *httptest.Server

	mu            sync.Mutex
	bad           float64 // the bad part of the canary's requests, from 0 to 1
	away          bool    // the server does not answer
	last          time.Time
	canary, wrong float64
	stable        float64
}

const requestsPerSecond = 2000

func newUsers(t *testing.T, s shop) *users {
	u := &users{shop: s, last: time.Now()}
	u.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { u.serve(t, w) }))
	t.Cleanup(u.server.Close)
	return u
}

func (u *users) serve(t *testing.T, w http.ResponseWriter) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.away {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	weight := 0.0
	if mapping, err := u.cluster.Get(t.Context(), u.ref("getambassador.io", "Mapping", "shop-canary")); err == nil && mapping != nil {
		n, _, _ := unstructured.NestedInt64(mapping, "spec", "weight")
		weight = float64(n) / 100
	}
	now := time.Now()
	n := now.Sub(u.last).Seconds() * requestsPerSecond
	u.last = now
	u.canary, u.stable, u.wrong = u.canary+n*weight, u.stable+n*(1-weight), u.wrong+n*weight*u.bad
	_ = json.NewEncoder(w).Encode(map[string]any{ // an error means that the client has left
		"time": float64(now.UnixMilli()) / 1000, "epoch": "1",
		"metrics": map[string]any{"errors": map[string]any{
			"canary": map[string]any{"bad": math.Floor(u.wrong), "total": math.Floor(u.canary)},
			"stable": map[string]any{"bad": 0, "total": math.Floor(u.stable)},
		}},
	})
}

func (u *users) set(change func(*users)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(u)
}

// run returns the arguments of a run that decides quickly. more is added to the release
// file.
func (u *users) run(t *testing.T, tag, more string) []string {
	t.Helper()
	return append([]string{"run", u.version(t, tag), "--timeout", "30s", "--unverified"}, u.config(t, more)...)
}

func (u *users) config(t *testing.T, more string) []string {
	t.Helper()
	file := filepath.Join(u.folder, "release.yml")
	text := fmt.Sprintf(`apiVersion: canarize.dev/v1alpha1
kind: Release
spec:
  analysis: {interval: 500ms, warmup: 1s, bake: 3s, deadline: 60s}
  ramp: {steps: [{weight: 5, hold: 1s}, {weight: 50, hold: 1s}]}
  metrics: {source: web, address: %q}
%s`, u.server.URL, more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--config", file}
}

func testRunPromoted(t *testing.T, s shop, u *users) {
	proxy := faults.Start(t, s.kubeconfig, nil)
	s.kubeconfig = proxy.Kubeconfig
	page := filepath.Join(s.folder, "report.json")
	began := time.Now()
	s.expect(t, 0, append(u.run(t, "v2", ""), "--report", page), "the canary should get 5 %", "the canary should get 50 %", "promoted")
	t.Logf("promoted after %s", time.Since(began).Round(time.Millisecond))
	s.check(t, "v2", -1)
	watches, all := 0, proxy.Requests()
	for _, r := range all {
		if r.IsWatch() {
			watches++
		}
	}
	t.Logf("%d requests and %d watches", len(all)-watches, watches)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Parse(text)
	if err != nil || r.Judge == nil || len(r.Judge.Observations) < 6 {
		t.Fatalf("%v: %+v", err, r.Judge)
	}
	if last := r.Judge.Observations[len(r.Judge.Observations)-1]; last.Verdict != analysis.Promote || len(last.Metrics) != 1 || last.Metrics[0].Canary.Total < 1000 {
		t.Errorf("%+v", last)
	}
	s.expect(t, 0, []string{"report", "shop", "-o", "html"})
}

func testRunRejected(t *testing.T, s shop, u *users) {
	u.set(func(u *users) { u.bad = .05 })
	s.expect(t, 3, u.run(t, "v2", ""), "rejected", "errors")
	s.check(t, "v1", -1)
	if got := s.status(t); got.Phase != rollout.Rejected {
		t.Errorf("%+v", got)
	}
}

// testRunCrash checks that a version that fails from the start loses its first share before
// the interval is over.
func testRunCrash(t *testing.T, s shop, u *users) {
	u.set(func(u *users) { u.bad = 1 })
	s.expect(t, 3, u.run(t, "v2", ""), "most requests of the canary are bad")
	s.check(t, "v1", -1)
	u.set(func(u *users) { t.Logf("%.0f bad requests", u.wrong) })
}

func testRunBroken(t *testing.T, s shop, u *users) {
	s.expect(t, 3, u.run(t, brokenTag, ""), "it crashes")
	s.check(t, "v1", -1)
}

// start starts a command and returns it with its output.
func (s shop) start(t *testing.T, args []string) (*exec.Cmd, *transcript) {
	t.Helper()
	cmd := s.command(t.Context(), args...)
	heard := &transcript{}
	cmd.Stderr = heard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it has usually ended before
	return cmd, heard
}

// transcript collects the output of a running command.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until the output has the text.
func (s *transcript) await(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(s.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the output has no %q within a minute:\n%s", text, s)
		}
	}
}

func (s shop) ended(t *testing.T, cmd *exec.Cmd, heard *transcript, code int) {
	t.Helper()
	_ = cmd.Wait() // the exit code says more
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("exit code %d, expected %d\n%s", got, code, heard)
	}
}

// slowly keeps a run at 5 % until it is stopped.
const slowly = "  gates: [{name: sign-off, weight: 50, manual: true}]\n"

func testRunInterrupted(t *testing.T, s shop, u *users) {
	args := u.run(t, "v2", slowly)
	cmd, heard := s.start(t, args)
	heard.await(t, "waiting for gate sign-off")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	s.ended(t, cmd, heard, 5)
	s.check(t, "v1", 0)
	s.expect(t, 0, u.run(t, "v2", ""), "promoted")
	s.check(t, "v2", -1)
}

// testRunKilled checks that the evidence of a killed run is not lost.
func testRunKilled(t *testing.T, s shop, u *users) {
	cmd, heard := s.start(t, u.run(t, "v2", slowly))
	heard.await(t, "waiting for gate sign-off")
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	s.check(t, "v1", 5)
	before := s.judged(t)
	s.expect(t, 0, u.run(t, "v2", ""), "promoted")
	s.check(t, "v2", -1)
	after := s.judged(t)
	if len(after.Observations) <= len(before.Observations) || after.Observations[0].Time != before.Observations[0].Time {
		t.Errorf("%d intervals before it was killed, %d in the end", len(before.Observations), len(after.Observations))
	}
}

func (s shop) judged(t *testing.T) report.Judge {
	t.Helper()
	r, err := report.Parse([]byte(s.expect(t, 0, []string{"report", "shop", "-o", "json"}).out))
	if err != nil || r.Judge == nil {
		t.Fatalf("no evidence: %v", err)
	}
	return *r.Judge
}

// testRunSourceAway checks that a release is held while its metric source does not answer,
// and goes on afterwards.
func testRunSourceAway(t *testing.T, s shop, u *users) {
	cmd, heard := s.start(t, u.run(t, "v2", slowly))
	heard.await(t, "waiting for gate sign-off")
	u.set(func(u *users) { u.away = true })
	heard.await(t, "5 %: hold: A metric was not measured")
	s.check(t, "v1", 5)
	u.set(func(u *users) { u.away = false })
	s.expect(t, 0, []string{"approve", "shop", "sign-off"})
	s.ended(t, cmd, heard, 0)
	s.check(t, "v2", -1)
}

func testRunHoldAndApprove(t *testing.T, s shop, u *users) {
	cmd, heard := s.start(t, u.run(t, "v2", "  gates: [{name: sign-off, manual: true}, {name: smoke, weight: 50, exec: [\"true\"]}]\n"))
	heard.await(t, "the canary should get 5 %")
	s.expect(t, 0, []string{"hold", "shop", "--why", "lunch"})
	heard.await(t, "nothing is raised or promoted: lunch")
	s.check(t, "v1", 5)
	s.expect(t, 0, []string{"resume", "shop"})
	heard.await(t, "gate smoke agrees, by program true")
	heard.await(t, "canarize approve shop sign-off")
	s.check(t, "v1", 50)
	s.expect(t, 0, []string{"approve", "shop", "sign-off"})
	s.ended(t, cmd, heard, 0)
	s.check(t, "v2", -1)
	said := s.expect(t, 0, []string{"report", "shop"}).out
	for _, want := range []string{"| put it on hold | lunch |", "| ended the hold | ended by canarize resume |", "| approved sign-off |", "| approved smoke |", "| 5 % |", "computed by the model of the gateway", "Source of the metrics"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in the report:\n%s", want, said)
		}
	}
	s.expect(t, 2, []string{"hold", "shop"}, "no canary stands in the cluster")
}

// testRunRejectBeside checks that canarize reject does not wait for the run.
func testRunRejectBeside(t *testing.T, s shop, u *users) {
	cmd, heard := s.start(t, u.run(t, "v2", slowly))
	heard.await(t, "waiting for gate sign-off")
	began := time.Now()
	s.expect(t, 0, reject)
	t.Logf("rejected beside a run after %s", time.Since(began).Round(time.Millisecond))
	s.ended(t, cmd, heard, 3)
	s.check(t, "v1", -1)
}

func testAnalyze(t *testing.T, s shop, u *users) {
	s.expect(t, 2, append([]string{"analyze", "shop"}, u.config(t, "")...), "no canary stands in the cluster")
	s.expect(t, 0, s.deploy(t, "v2"))
	s.expect(t, 0, shift("30"))
	s.expect(t, 0, append([]string{"analyze", "shop", "--for", "2s"}, u.config(t, "")...))
	before := len(s.judged(t).Observations)
	s.expect(t, 0, shift("50"))
	s.expect(t, 0, append([]string{"analyze", "shop", "--for", "2s"}, u.config(t, "")...))
	if after := len(s.judged(t).Observations); after <= before {
		t.Errorf("%d intervals after the first job, %d after the second", before, after)
	}
	s.check(t, "v1", 50)
	u.set(func(u *users) { u.bad = .2 })
	s.expect(t, 3, append([]string{"analyze", "shop"}, u.config(t, "")...), "rejected: errors")
	s.check(t, "v1", 0)
	s.expect(t, 0, reject)
}

// testRunForeignOwner checks that a run whose promotion would be refused does not begin.
func testRunForeignOwner(t *testing.T, s shop, u *users) {
	image := map[string]any{"name": "shop", "image": "registry.example.com/shop:v1"}
	if err := s.applyAs(t, "argocd-controller", map[string]any{"containers": []any{image}}); err != nil {
		t.Fatal(err)
	}
	s.expect(t, 1, u.run(t, "v2", ""), "nothing was changed", `"argocd-controller"`, "--force-conflicts")
	s.check(t, "v1", -1)
	s.expect(t, 0, append(u.run(t, "v2", ""), "--force-conflicts"))
	s.check(t, "v2", -1)
}

// testRunAfterClientSide runs after kubectl apply.
func testRunAfterClientSide(t *testing.T, s shop, u *users) {
	testRunAfterKubectl(t, s, u, func(resource dynamic.ResourceInterface, o *unstructured.Unstructured) error {
		_, err := resource.Create(t.Context(), o, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"})
		return err
	})
}

// testRunAfterServerSide runs after kubectl apply --server-side.
func testRunAfterServerSide(t *testing.T, s shop, u *users) {
	testRunAfterKubectl(t, s, u, func(resource dynamic.ResourceInterface, o *unstructured.Unstructured) error {
		_, err := resource.Apply(t.Context(), "shop", o, metav1.ApplyOptions{FieldManager: "kubectl"})
		return err
	})
}

// testRunAfterKubectl checks that fields set by kubectl apply do not count as another
// owner's, and that fields that the new version no longer has are removed.
func testRunAfterKubectl(t *testing.T, s shop, u *users, apply func(dynamic.ResourceInterface, *unstructured.Unstructured) error) {
	t.Helper()
	deployment := map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "shop"},
		"spec": s.get(t, s.ref("apps", "Deployment", "shop"))["spec"],
	}
	containers, _, _ := unstructured.NestedSlice(deployment, "spec", "template", "spec", "containers")
	containers[0].(map[string]any)["env"] = []any{map[string]any{"name": "OLD", "value": "1"}, map[string]any{"name": "NODE", "value": "unknown"}}
	if err := unstructured.SetNestedSlice(deployment, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
	resource := s.dynamic.Resource(deployments).Namespace(s.namespace)
	if err := resource.Delete(t.Context(), "shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := apply(resource, &unstructured.Unstructured{Object: deployment}); err != nil {
		t.Fatal(err)
	}
	s.text = strings.Replace(s.text, "        envFrom:", "        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]\n        envFrom:", 1)
	u.shop = s
	s.expect(t, 0, u.run(t, "v2", ""), "promoted")
	s.check(t, "v2", -1)
	containers, _, _ = unstructured.NestedSlice(s.get(t, s.ref("apps", "Deployment", "shop")), "spec", "template", "spec", "containers")
	want := "[map[name:NODE valueFrom:map[fieldRef:map[apiVersion:v1 fieldPath:spec.nodeName]]]]"
	if env := fmt.Sprint(containers[0].(map[string]any)["env"]); env != want {
		t.Errorf("%s, expected %s", env, want)
	}
}
