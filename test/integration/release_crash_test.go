//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/test/faults"
)

// killer kills a process at one of its writes, counted from 1 over several
// processes: before it reaches the API server, or after it was done.
type killer struct {
	mu     sync.Mutex
	at     int
	after  bool
	done   bool // the write, of which the process is to hear nothing
	writes []string
	victim *exec.Cmd
}

func (k *killer) decide(r *http.Request) faults.Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.done { // the process tries again what was done, having heard nothing
		_ = k.victim.Process.Kill()
		return faults.Reset
	}
	if r.Method == http.MethodGet || r.URL.Query().Has("dryRun") || strings.Contains(r.URL.Path, "/leases") {
		return faults.None
	}
	k.writes = append(k.writes, r.Method+" "+r.URL.Path)
	switch {
	case len(k.writes) != k.at:
		return faults.None
	case k.after:
		k.done = true
		return faults.Lost
	}
	_ = k.victim.Process.Kill()
	return faults.Reset
}

// run runs a command until it ends or is killed.
func (k *killer) run(t *testing.T, cmd *exec.Cmd) (killed bool) {
	t.Helper()
	k.mu.Lock()
	k.victim = cmd
	err := cmd.Start()
	k.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code says more
	return !cmd.ProcessState.Exited()
}

// path is a release from the beginning to the end.
func (s shop) path(t *testing.T) [][]string {
	return [][]string{s.deploy(t, "v2"), shift("50"), promote}
}

// testKilled kills the process before and after each of its writes. Before: a
// rejection leaves nothing. After: the same command again brings the release to
// its end.
func (s suite) testKilled(t *testing.T) {
	counting := &killer{}
	first := newShop(t, s.site(t))
	proxy := faults.Start(t, s.kubeconfig, counting.decide)
	for _, args := range first.path(t) {
		cmd := first.command(t.Context(), args...)
		cmd.Args = append(cmd.Args, "--kubeconfig", proxy.Kubeconfig)
		counting.run(t, cmd)
	}
	first.check(t, "v2", -1)
	if len(counting.writes) < 20 {
		t.Fatalf("only %d writes: %q", len(counting.writes), counting.writes)
	}
	points, survived := 2*len(counting.writes), atomic.Int64{}
	t.Run("at", func(t *testing.T) {
		for n, write := range counting.writes {
			for _, after := range []bool{false, true} {
				name := fmt.Sprintf("%d %s", n+1, map[bool]string{false: "before", true: "after"}[after])
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					t.Log(write)
					s.testKilledAt(t, &killer{at: n + 1, after: after})
					if !t.Failed() {
						survived.Add(1)
					}
				})
			}
		}
	})
	t.Logf("%d crash points, before and after each of %d writes; the release survived %d of them:\n%s", points, len(counting.writes), survived.Load(), strings.Join(counting.writes, "\n"))
}

func (s suite) testKilledAt(t *testing.T, k *killer) {
	sh := newShop(t, s.site(t))
	proxy := faults.Start(t, s.kubeconfig, k.decide)
	commands := sh.path(t)
	at := 0
	for ; at < len(commands); at++ {
		cmd := sh.command(t.Context(), commands[at]...)
		cmd.Args = append(cmd.Args, "--kubeconfig", proxy.Kubeconfig)
		if k.run(t, cmd) {
			break
		}
	}
	if at == len(commands) {
		t.Fatal("nothing was killed")
	}
	// Nobody renews the Lease of the dead; waiting for that is tested elsewhere.
	err := sh.dynamic.Resource(leases).Namespace(sh.namespace).Delete(t.Context(), "canarize-shop", metav1.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if k.after {
		for _, args := range commands[at:] {
			sh.expect(t, 0, args)
		}
		sh.check(t, "v2", -1)
		return
	}
	sh.rejected(t)
}

// rejected rejects what a killed process left. Stable is the old version, unless
// promotion had begun.
func (s shop) rejected(t *testing.T) {
	t.Helper()
	if s.get(t, s.ref("", "ConfigMap", "canarize-shop")) == nil {
		s.expect(t, 2, reject, "no release shop to reject")
		s.check(t, "v1", -1)
		return
	}
	phase := s.status(t).Phase
	s.expect(t, 0, reject)
	tag := "v1"
	switch phase {
	case rollout.Promoting: // which may have begun to replace stable
		_, tag, _ = strings.Cut(imageOf(s.get(t, s.ref("apps", "Deployment", "shop"))), "shop:")
	case rollout.Retiring:
		tag = "v2"
	}
	s.check(t, tag, -1)
}
