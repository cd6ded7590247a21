//go:build integration

package integration

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/test/faults"
)

// testReleases releases an application, each test in its own namespace.
func (s suite) testReleases(t *testing.T) {
	for name, run := range map[string]func(*testing.T, shop){
		"promote": testPromote, "reject": testReject, "dry run": testReleaseDryRun,
		"broken": testBroken, "another version": testAnotherVersion, "nothing there": testNothingThere,
		"foreign owner": testForeignOwner, "stable edited": testStableEdited, "another route": testAnotherRoute, "weight moved": testWeightMoved, "canary edited": testCanaryEdited,
		"plan": testPlan, "two at once": testTwoAtOnce, "interrupt": testInterruptRelease, "cost": testCost,
		"pipeline": testPipeline, "github": testGitHub, "cancelled": testCancelled,
	} {
		t.Run(name, func(t *testing.T) { run(t, newShop(t, s.site(t))) })
	}
	t.Run("killed", s.testKilled)
	t.Run("faults", s.testFaultRuns)
	t.Run("kills", s.testKills)
}

func shift(to string) []string { return []string{"shift", "shop", "--to", to} }

var (
	promote = []string{"promote", "shop", "--unverified"}
	reject  = []string{"reject", "shop"}
)

func testPromote(t *testing.T, s shop) {
	s.do(t, s.deploy(t, "v2"))
	s.check(t, "v1", 0)
	s.do(t, shift("10"), shift("50"))
	s.check(t, "v1", 50)
	if n, _, _ := unstructured.NestedInt64(s.get(t, s.ref("apps", "Deployment", "shop-canary")), "spec", "replicas"); n != 2 {
		t.Errorf("%d canary pods at 50 %% beside 4 stable ones", n)
	}
	s.do(t, promote)
	s.check(t, "v2", -1)
	data, _, _ := unstructured.NestedString(s.get(t, s.ref("", "Secret", "key")), "data", "key")
	if key, err := base64.StdEncoding.DecodeString(data); err != nil || string(key) != "v2" {
		t.Errorf("the Secret was not promoted: %q, %v", key, err)
	}
	if got := s.status(t); got.Phase != rollout.Promoted || len(got.Objects) > 0 {
		t.Errorf("%+v", got)
	}
	for name := range s.contents(t) {
		if strings.HasPrefix(name, "Lease") {
			t.Errorf("%s is left behind", name)
		}
	}
	memory := s.get(t, s.ref("", "ConfigMap", "canarize-shop"))
	if text, err := (&unstructured.Unstructured{Object: memory}).MarshalJSON(); err != nil || strings.Contains(string(text), base64.StdEncoding.EncodeToString([]byte("v2"))) {
		t.Errorf("the record of the release has the Secret's content, or cannot be read: %v", err)
	}
}

func testReject(t *testing.T, s shop) {
	s.do(t, s.deploy(t, "v2"), shift("30"), reject)
	s.check(t, "v1", -1)
	s.expect(t, 2, promote, "there is no canary (the release is rejected)")
	s.do(t, s.deploy(t, "v2"), reject, s.deploy(t, "v3"), shift("100"), promote)
	s.check(t, "v3", -1)
	s.expect(t, 2, reject, "is already promoted")
	s.expect(t, 0, append(reject, "--if-active"))
}

func testReleaseDryRun(t *testing.T, s shop) {
	try := func(args ...string) {
		t.Helper()
		for _, mode := range []string{"client", "server"} {
			before := s.contents(t)
			o := s.expect(t, 0, append(args, "--dry-run="+mode))
			if !strings.Contains(o.out, "nothing was written") {
				t.Errorf("canarize %q says %q", args, o.out)
			}
			after := s.contents(t)
			for name, version := range after {
				if before[name] != version {
					t.Errorf("canarize %q --dry-run=%s wrote %s", args, mode, name)
				}
			}
		}
	}
	try(s.deploy(t, "v2")...)
	s.expect(t, 0, s.deploy(t, "v2"))
	try(shift("10")...)
	s.expect(t, 0, shift("10"))
	try(promote...)
	try(reject...)
}

// testBroken releases a version whose pods never become ready.
func testBroken(t *testing.T, s shop) {
	s.expect(t, 4, s.deploy(t, brokenTag), "it crashes", "is held")
	s.expect(t, 2, shift("10"), "not ready yet")
	s.expect(t, 2, promote, "the canary is not ready yet")
	s.check(t, "v1", 0)
	s.do(t, s.deploy(t, "v2"), shift("10"), reject)
	s.check(t, "v1", -1)
}

func testAnotherVersion(t *testing.T, s shop) {
	s.do(t, s.deploy(t, "v2"), shift("50"), s.deploy(t, "v3"))
	s.check(t, "v1", 0)
	s.do(t, shift("20"), promote)
	s.check(t, "v3", -1)
}

func testNothingThere(t *testing.T, s shop) {
	s.expect(t, 2, shift("10"), "there is no canary; run canarize deploy first")
	s.expect(t, 2, promote, "there is no canary; run canarize deploy first")
	s.expect(t, 2, reject, "there is no release to reject")
	s.expect(t, 2, []string{"status", "shop"}, "there is no release shop")
	if err := s.dynamic.Resource(mappings).Namespace(s.namespace).Delete(t.Context(), "shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.expect(t, 1, s.deploy(t, "v2"), "Mapping "+s.namespace+"/shop: it is not in the cluster")
}

// testForeignOwner makes another program the owner of a field that promotion replaces.
func testForeignOwner(t *testing.T, s shop) {
	image := map[string]any{"name": "shop", "image": "registry.example.com/shop:v1"}
	if err := s.applyAs(t, "argocd-controller", map[string]any{"containers": []any{image}}); err != nil {
		t.Fatal(err)
	}
	s.do(t, s.deploy(t, "v2"), shift("10"))
	s.expect(t, 1, promote, `"argocd-controller"`, "--force-conflicts")
	s.check(t, "v1", 10) // the promotion has not begun
	if got := s.status(t); got.Phase != rollout.Standing {
		t.Errorf("phase %s", got.Phase)
	}
	s.expect(t, 0, append(promote, "--force-conflicts"))
	s.check(t, "v2", -1)
}

// testStableEdited edits the stable objects during the release.
func testStableEdited(t *testing.T, s shop) {
	s.do(t, s.deploy(t, "v2"))
	if err := s.patch(t.Context(), mappings, "shop", map[string]any{"spec": map[string]any{"idle_timeout_ms": 5000}}); err != nil {
		t.Fatal(err)
	}
	s.expect(t, 0, shift("10"), "Mapping "+s.namespace+"/shop changed during the release")
	if n, found, _ := unstructured.NestedInt64(s.get(t, s.ref("getambassador.io", "Mapping", "shop-canary")), "spec", "idle_timeout_ms"); !found || n != 5000 {
		t.Errorf("the canary's Mapping has not taken over the change: %d", n)
	}
	s.expect(t, 2, promote, "changed since the release began")
	s.check(t, "v1", 10)
	// If only one of the two Mappings has this field, Emissary drops one. Then the canary
	// has all traffic, and a weight of 0 alone does not change that.
	if err := s.patch(t.Context(), mappings, "shop", map[string]any{"spec": map[string]any{"connect_timeout_ms": 5000}}); err != nil {
		t.Fatal(err)
	}
	s.expect(t, 0, reject)
	s.check(t, "v1", -1)
}

// testAnotherRoute releases a version whose Mapping changes a field that has to be the same
// in both Mappings. Until the promotion the canary's Mapping follows the stable one.
func testAnotherRoute(t *testing.T, s shop) {
	timeout := func(name string) (n int64) {
		n, _, _ = unstructured.NestedInt64(s.get(t, s.ref("getambassador.io", "Mapping", name)), "spec", "connect_timeout_ms")
		return n
	}
	if err := s.patch(t.Context(), mappings, "shop", map[string]any{"spec": map[string]any{"connect_timeout_ms": 1000}}); err != nil {
		t.Fatal(err)
	}
	file := s.version(t, "v2")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "timeout_ms: 100}", "timeout_ms: 100, connect_timeout_ms: 2000}", 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	s.do(t, []string{"deploy", file, "--unverified"}, shift("10"))
	if got := timeout("shop-canary"); got != 1000 {
		t.Errorf("the canary is tested with a timeout of %d ms, and stable has 1000", got)
	}
	s.check(t, "v1", 10)
	s.do(t, append(promote, "--force-conflicts"))
	if got := timeout("shop"); got != 2000 {
		t.Errorf("stable has a timeout of %d ms after the promotion, expected 2000", got)
	}
	s.check(t, "v2", -1)
	// A canary is not possible beside a stable Mapping with a weight.
	if err := s.patch(t.Context(), mappings, "shop", map[string]any{"spec": map[string]any{"weight": 80}}); err != nil {
		t.Fatal(err)
	}
	s.expect(t, 1, s.deploy(t, "v3"), "would not be exact beside it as it is in the cluster")
	s.check(t, "v2", -1)
}

// testCanaryEdited edits the tested canary.
func testCanaryEdited(t *testing.T, s shop) {
	s.do(t, s.deploy(t, "v2"), shift("10"))
	template := map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": map[string]any{"edited": "yes"}}}}}
	if err := s.patch(t.Context(), deployments, "shop-canary", template); err != nil {
		t.Fatal(err)
	}
	s.expect(t, 2, promote, "changed after they were tested")
	s.check(t, "v1", 10)
}

// testWeightMoved changes the weight by hand: canarize sets it back once, and then holds the
// release.
func testWeightMoved(t *testing.T, s shop) {
	move := func(to int) {
		t.Helper()
		if err := s.patch(t.Context(), mappings, "shop-canary", map[string]any{"spec": map[string]any{"weight": to}}); err != nil {
			t.Fatal(err)
		}
	}
	s.do(t, s.deploy(t, "v2"), shift("10"))
	move(90)
	s.expect(t, 0, shift("20"), "somebody else changed the weight to 90 %", "setting it back to 10 %")
	s.check(t, "v1", 20)
	move(70)
	s.expect(t, 4, shift("30"), "held", "somebody else changed the weight to 70 % again")
	s.expect(t, 4, promote, "held")
	s.expect(t, 0, append(shift("30"), "--override-hold"))
	s.check(t, "v1", 30)
	move(1)
	s.expect(t, 0, reject)
	s.check(t, "v1", -1)
}

// testTwoAtOnce lets two processes work on one release.
func testTwoAtOnce(t *testing.T, s shop) {
	held, err := s.cluster.Acquire(t.Context(), s.namespace, "canarize-shop", kube.Lock{Holder: "another pipeline"})
	if err != nil {
		t.Fatal(err)
	}
	s.expect(t, 1, append(s.deploy(t, "v2"), "--no-wait"), "held by another pipeline")
	cmd, heard := s.start(t, s.deploy(t, "v2"))
	heard.await(t, "waiting for another pipeline")
	if err := errors.Join(context.Cause(held.Context()), held.Release(t.Context())); err != nil {
		t.Fatal(err)
	}
	s.ended(t, cmd, heard, 0)
	s.check(t, "v1", 0)
}

// testInterruptRelease interrupts a shift that waits for pods.
func testInterruptRelease(t *testing.T, s shop) {
	s.expect(t, 0, s.deploy(t, "v2"))
	for _, c := range []struct {
		signal os.Signal
		args   []string
		weight int
	}{
		{os.Interrupt, nil, 0}, {syscall.SIGTERM, nil, 0}, {syscall.SIGHUP, nil, 0},
		{os.Interrupt, []string{"--on-cancel=hold"}, 30},
	} {
		s.expect(t, 0, append(shift("30"), "--override-hold"))
		proxy := faults.Start(t, s.kubeconfig, nil)
		cmd := s.command(t.Context(), append(shift("60"), c.args...)...)
		var said strings.Builder
		cmd.Stderr = &said
		cmd.Args = append(cmd.Args, "--kubeconfig", proxy.Kubeconfig)
		s.stopped.Store(true)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for !strings.Contains(requests(proxy), "PATCH /apis/apps/v1/namespaces/"+s.namespace+"/deployments/shop-canary") {
			time.Sleep(10 * time.Millisecond)
		}
		if err := cmd.Process.Signal(c.signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the exit code says more
		if cmd.ProcessState.ExitCode() != 5 {
			t.Errorf("%v: exit code %d\n%s", c.signal, cmd.ProcessState.ExitCode(), said.String())
		}
		s.stopped.Store(false)
		s.check(t, "v1", c.weight)
	}
	s.expect(t, 0, reject)
	s.check(t, "v1", -1)
}
