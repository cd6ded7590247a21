//go:build integration

package integration

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/test/faults"
)

// endings lists the ways in which a process ends before its release does. Afterwards the
// canary may have traffic only while a process watches it.
var endings = map[string]func(*testing.T, shop, *users){
	"hold before run": testHoldBeforeRun, "hold unheard": testHoldUnheard, "hold silent": testHoldSilent, "hold unheard at a gate": testHoldUnheardAtGate,
	"resumed after kill": testResumedAfterKill, "resumed after interrupt": testResumedAfterInterrupt,
	"lease deleted": testLeaseDeleted, "lease taken": testLeaseTaken, "record deleted": testRecordDeleted,
	"record edited": testRecordEdited, "server away": testServerAway,
	"unknown gate": testUnknownGate, "words at once": testWordsAtOnce,
	"interrupted promotion": testInterruptedPromotion, "interrupted promotion of a run": testInterruptedRunPromotion,
	"untested": testUntested, "another pipeline": testAnotherPipeline,
	"no gateway": testNoGateway, "unverified": testUnverified, "frozen": testFrozen,
	"interrupted behind the dead": testInterruptedBehindDead, "interrupted behind the living": testInterruptedBehindLiving,
	"namespace gone in a run": testNamespaceGone,
	"replaced plan":           testReplacedPlan, "more objects": testMoreObjects, "forged phase": testForgedPhase, "unreadable record": testUnreadableRecord,
}

func (s suite) testEndings(t *testing.T) {
	for name, run := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait more than they compute
			sh := newShop(t, s.site(t))
			run(t, sh, newUsers(t, sh))
		})
	}
}

// atLast is a gate that keeps a healthy run at 50 % until somebody approves the promotion.
const atLast = "  gates: [{name: sign-off, manual: true}]\n"

// atFifty starts a run and returns when it waits at 50 % for the last approval.
func (u *users) atFifty(t *testing.T, s shop) (*exec.Cmd, *transcript) {
	t.Helper()
	cmd, heard := s.start(t, u.run(t, "v2", atLast))
	heard.await(t, "waiting for gate sign-off before promotion")
	u.check(t, "v1", 50)
	return cmd, heard
}

var approve = []string{"approve", "shop", "sign-off"}

// unlock removes the Lease of a killed process, so that the next one need not wait for it.
func (s shop) unlock(t *testing.T) {
	t.Helper()
	if err := s.dynamic.Resource(leases).Namespace(s.namespace).Delete(t.Context(), "canarize-shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// state returns the stored state of the release.
func (s shop) state(t *testing.T) rollout.State {
	t.Helper()
	text, _, _ := unstructured.NestedString(s.get(t, s.ref("", "ConfigMap", "canarize-shop")), "data", "state.json")
	state, err := rollout.ParseState([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// edit changes the stored state of the release.
func (s shop) edit(t *testing.T, change func(state map[string]any)) {
	t.Helper()
	text, _, _ := unstructured.NestedString(s.get(t, s.ref("", "ConfigMap", "canarize-shop")), "data", "state.json")
	state := map[string]any{}
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		t.Fatal(err)
	}
	change(state)
	edited, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.patch(t.Context(), configMaps, "canarize-shop", map[string]any{"data": map[string]any{"state.json": string(edited)}}); err != nil {
		t.Fatal(err)
	}
}

func signal(t *testing.T, cmd *exec.Cmd, s os.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	if s == syscall.SIGKILL {
		_ = cmd.Wait() // it was killed
	}
}

// hears checks that a command printed all of the texts.
func hears(t *testing.T, heard *transcript, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(heard.String(), text) {
			t.Errorf("the output has no %q:\n%s", text, heard)
		}
	}
}

// through returns the shop as seen through a proxy.
func (s shop) through(t *testing.T, decide func(*http.Request) faults.Fault) (shop, *faults.Proxy) {
	t.Helper()
	proxy := faults.Start(t, s.kubeconfig, decide)
	s.kubeconfig = proxy.Kubeconfig
	return s, proxy
}

// until waits until so returns true.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// exited waits in the background for the end of a command.
func exited(cmd *exec.Cmd) *atomic.Bool {
	over := new(atomic.Bool)
	go func() {
		_ = cmd.Wait() // the exit code says more
		over.Store(true)
	}()
	return over
}

// annotations returns those of the canary's Deployment.
func (s shop) annotations(t *testing.T) map[string]string {
	t.Helper()
	u := unstructured.Unstructured{Object: s.get(t, s.ref("apps", "Deployment", "shop-canary"))}
	return u.GetAnnotations()
}

// holder returns the holder of the lock, or "".
func (s shop) holder(t *testing.T) string {
	t.Helper()
	object, err := s.cluster.Get(t.Context(), kube.Ref{Group: "coordination.k8s.io", Kind: "Lease", Namespace: s.namespace, Name: "canarize-shop"})
	if err != nil {
		t.Fatal(err)
	}
	holder, _, _ := unstructured.NestedString(object, "spec", "holderIdentity")
	return holder
}
