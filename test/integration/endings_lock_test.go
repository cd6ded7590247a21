//go:build integration

package integration

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/test/faults"
)

// watchedOrOff checks the law for everything that happens to a run at 50 %: either the run
// goes on under its lock and promotes after an approval, or it has ended with an error and
// a weight of 0.
func (s shop) watchedOrOff(t *testing.T, cmd *exec.Cmd, heard *transcript, over *atomic.Bool) {
	t.Helper()
	until(t, "the run has its lock again, or has ended", func() bool { return over.Load() || s.holder(t) != "" })
	if !over.Load() {
		s.expect(t, 0, approve)
		until(t, "the run has ended", over.Load)
	}
	if cmd.ProcessState.ExitCode() == 0 {
		t.Log("the run has its lock again")
		s.check(t, "v2", -1)
		return
	}
	t.Logf("the run has ended: %s", lastLine(heard.String()))
	if code := cmd.ProcessState.ExitCode(); code != 1 && code != 4 {
		t.Errorf("exit code %d", code)
	}
	s.check(t, "v1", 0)
	s.expect(t, 0, reject)
	s.check(t, "v1", -1)
}

// testLeaseDeleted deletes the lock of a run.
func testLeaseDeleted(t *testing.T, s shop, u *users) {
	cmd, heard := u.atFifty(t, s)
	over := exited(cmd)
	s.unlock(t)
	s.watchedOrOff(t, cmd, heard, over)
}

// testLeaseTaken lets another process take the lock of a run. The run takes the traffic
// off first, and ends without the lock.
func testLeaseTaken(t *testing.T, s shop, u *users) {
	cmd, heard := u.atFifty(t, s)
	over := exited(cmd)
	if err := s.patch(t.Context(), leases, "canarize-shop", map[string]any{"spec": map[string]any{"holderIdentity": "another pipeline"}}); err != nil {
		t.Fatal(err)
	}
	until(t, "the run has ended", over.Load)
	if code := cmd.ProcessState.ExitCode(); code != 1 && code != 4 {
		t.Errorf("exit code %d", code)
	}
	hears(t, heard, "lock was lost")
	s.check(t, "v1", 0)
	if holder := s.holder(t); holder != "another pipeline" {
		t.Errorf("the lock is %q's", holder)
	}
	s.unlock(t)
	s.expect(t, 0, reject)
	s.check(t, "v1", -1)
}

// testRecordDeleted deletes the record of a release at 50 %.
func testRecordDeleted(t *testing.T, s shop, u *users) {
	cmd, heard := u.atFifty(t, s)
	if err := s.dynamic.Resource(configMaps).Namespace(s.namespace).Delete(t.Context(), "canarize-shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// Nobody can approve without the record, so a failing canary ends the run.
	u.set(func(u *users) { u.bad = 1 })
	_ = cmd.Wait() // the exit code says more
	switch cmd.ProcessState.ExitCode() {
	case 3: // it was rejected anyway
		s.check(t, "v1", -1)
	case 1, 4:
		hears(t, heard, "deleted the record")
		s.check(t, "v1", 0)
		s.expect(t, 0, reject)
		s.check(t, "v1", -1)
	default:
		t.Errorf("exit code %d\n%s", cmd.ProcessState.ExitCode(), heard)
	}
}

// testRecordEdited overwrites the state of a run at 50 % with one that is nearly over and
// has less traffic.
func testRecordEdited(t *testing.T, s shop, u *users) {
	cmd, heard := u.atFifty(t, s)
	s.edit(t, func(state map[string]any) { state["phase"], state["weight"] = string(rollout.Retiring), 0 })
	u.set(func(u *users) { u.bad = 1 })
	_ = cmd.Wait() // the exit code says more
	if code := cmd.ProcessState.ExitCode(); code != 1 && code != 3 && code != 4 {
		t.Errorf("exit code %d\n%s", code, heard)
	}
	if weight := s.weight(t); weight != 0 {
		t.Errorf("the weight is %d %%\n%s", weight, heard)
	}
	s.try(t, reject...) // its exit code depends on how far the record is trusted
	s.check(t, "v1", -1)
}

// testServerAway takes the API server away for longer than the lock is valid.
func testServerAway(t *testing.T, s shop, u *users) {
	if os.Getenv("CANARIZE_LONG") == "" {
		t.Skip("CANARIZE_LONG is not set")
	}
	var away atomic.Bool
	behind, _ := s.through(t, func(*http.Request) faults.Fault {
		if away.Load() {
			return faults.Reset
		}
		return faults.None
	})
	cmd, heard := u.atFifty(t, behind)
	over := exited(cmd)
	away.Store(true)
	until(t, "the lock has run out", func() bool {
		state, err := s.cluster.LockState(t.Context(), s.namespace, "canarize-shop")
		if err != nil {
			t.Fatal(err)
		}
		return !state.Alive(time.Now())
	})
	away.Store(false)
	until(t, "the run renews its lock again, or has ended", func() bool { return over.Load() || s.renewed(t) })
	s.watchedOrOff(t, cmd, heard, over)
}

// renewed reports whether the lock was renewed in the last ten seconds.
func (s shop) renewed(t *testing.T) bool {
	t.Helper()
	object, err := s.cluster.Get(t.Context(), kube.Ref{Group: "coordination.k8s.io", Kind: "Lease", Namespace: s.namespace, Name: "canarize-shop"})
	if err != nil {
		t.Fatal(err)
	}
	spec, _ := object["spec"].(map[string]any)
	text, _ := spec["renewTime"].(string)
	when, err := time.Parse(time.RFC3339Nano, text)
	return err == nil && time.Since(when) < 10*time.Second
}

// testNamespaceGone deletes the namespace during a run, and its objects as the controller
// would.
func testNamespaceGone(t *testing.T, s shop, u *users) {
	cmd, heard := u.atFifty(t, s)
	over := exited(cmd)
	if err := s.dynamic.Resource(namespaceKind).Delete(t.Context(), s.namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, of := range []schema.GroupVersionResource{mappings, deployments, services, secrets, leases, configMaps} {
		if err := s.dynamic.Resource(of).Namespace(s.namespace).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil && of != services {
			t.Fatal(of.Resource, err)
		}
	}
	for _, name := range []string{"shop", "shop-canary"} {
		if err := s.dynamic.Resource(services).Namespace(s.namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	until(t, "the run has ended", over.Load)
	if code := cmd.ProcessState.ExitCode(); code != 1 && code != 4 {
		t.Errorf("exit code %d", code)
	}
	last := lastLine(heard.String())
	t.Log(last)
	if !strings.Contains(last, "is being terminated") && !strings.Contains(last, "is being deleted") && !strings.Contains(last, "not in the cluster") {
		t.Errorf("it does not say that the namespace is gone:\n%s", heard)
	}
	for name := range s.contents(t) {
		t.Errorf("%s was created again", name)
	}
}
