//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/test/faults"
)

// killer kills a process at one of its writes, counted from 1 over several processes:
// before the write reaches the API server, or after the server has executed it.
type killer struct {
	mu     sync.Mutex
	at     int
	after  bool
	done   bool // the server has executed the write; the process gets no answer
	writes []string
	victim *exec.Cmd
}

func (k *killer) decide(r *http.Request) faults.Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.done { // the process got no answer and retries the executed write
		_ = k.victim.Process.Kill()
		return faults.Reset
	}
	renewal := r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/leases") // its moment depends on time
	if r.Method == http.MethodGet || r.URL.Query().Has("dryRun") || renewal {
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

// course is the commands of a release: first those that run undisturbed, then those that
// are killed.
type course struct {
	before, killed [][]string
	ends           string // the tag that is stable in the end
	timed          bool   // the number of writes depends on the time
}

// courses are the tested courses by name.
var courses = map[string]func(*testing.T, shop) course{
	"promote": func(t *testing.T, s shop) course {
		return course{killed: [][]string{s.deploy(t, "v2"), shift("50"), promote}, ends: "v2"}
	},
	"reject": func(t *testing.T, s shop) course {
		return course{before: [][]string{s.deploy(t, "v2"), shift("50")}, killed: [][]string{reject}, ends: "v1"}
	},
	"run": func(t *testing.T, s shop) course {
		return course{killed: [][]string{newUsers(t, s).run(t, "v2", "")}, ends: "v2", timed: true}
	},
}

// testKilled kills the process before and after each of its writes. After a kill before a
// write, a rejection leaves nothing. After a kill behind a write, the same command brings
// the release to its end. A run takes long, so only every fifth of its points is tested;
// CANARIZE_CRASH_POINTS=all tests all.
func (s suite) testKilled(t *testing.T) {
	for name, least := range map[string]int{"promote": 20, "reject": 8, "run": 20} {
		t.Run("course "+name, func(t *testing.T) {
			counting := &killer{}
			s.killedAt(t, name, counting)
			if len(counting.writes) < least {
				t.Fatalf("only %d writes: %q", len(counting.writes), counting.writes)
			}
			points, survived := 0, atomic.Int64{}
			t.Run("at", func(t *testing.T) {
				for point := range 2 * len(counting.writes) {
					if name == "run" && point%5 != 0 && os.Getenv("CANARIZE_CRASH_POINTS") != "all" {
						continue
					}
					points++
					at, after := point/2+1, point%2 == 1
					t.Run(fmt.Sprintf("%s %d %s", name, at, map[bool]string{false: "before", true: "after"}[after]), func(t *testing.T) {
						t.Parallel()
						t.Log(counting.writes[at-1])
						s.killedAt(t, name, &killer{at: at, after: after})
						if !t.Failed() {
							survived.Add(1)
						}
					})
				}
			})
			t.Logf("%s: killed at %d points, before or after one of %d writes; the release survived %d of them:\n%s", name, points, len(counting.writes), survived.Load(), strings.Join(counting.writes, "\n"))
		})
	}
}

// killedAt follows a course until the process is killed, and then to an end. With a killer
// that never kills it counts the writes.
func (s suite) killedAt(t *testing.T, name string, k *killer) {
	sh := newShop(t, s.site(t))
	proxy := faults.Start(t, s.kubeconfig, k.decide)
	c := courses[name](t, sh)
	for _, args := range c.before {
		sh.expect(t, 0, args)
	}
	at := 0
	for ; at < len(c.killed); at++ {
		cmd := sh.command(t.Context(), c.killed[at]...)
		cmd.Args = append(cmd.Args, "--kubeconfig", proxy.Kubeconfig)
		if k.run(t, cmd) {
			break
		}
	}
	if at == len(c.killed) {
		if k.at != 0 && !c.timed {
			t.Fatal("nothing was killed")
		}
		sh.check(t, c.ends, -1)
		return
	}
	// Nobody renews the Lease of the dead process; other tests wait for its expiry.
	err := sh.dynamic.Resource(leases).Namespace(sh.namespace).Delete(t.Context(), "canarize-shop", metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	if !k.after {
		sh.rejected(t, "v1", "v2")
		return
	}
	for _, args := range c.killed[at:] {
		sh.expect(t, 0, args)
	}
	sh.check(t, c.ends, -1)
}

// rejected rejects the release that a killed process left. It returns the tag of the stable
// version afterwards: the old one, unless promotion had begun.
func (s shop) rejected(t *testing.T, before, tag string) (stable string) {
	t.Helper()
	if s.get(t, s.ref("", "ConfigMap", "canarize-shop")) == nil {
		s.expect(t, 2, reject, "there is no release to reject")
		s.check(t, before, -1)
		return before
	}
	switch phase := s.status(t).Phase; phase {
	case rollout.Promoted:
		s.expect(t, 2, reject, "already promoted")
		stable = tag
	case rollout.Retiring:
		s.expect(t, 2, reject, "stable was already the new version")
		stable = tag
	case rollout.Promoting: // it may have begun to replace stable
		o := s.try(t, reject...)
		_, stable, _ = strings.Cut(imageOf(s.get(t, s.ref("apps", "Deployment", "shop"))), "shop:")
		mixed := s.state(t).Mixed
		if mixed != (o.code == 1) || !mixed && (o.code != 0 || stable != before) || mixed && !strings.Contains(o.err, "stable was being replaced") {
			t.Errorf("exit code %d, stable is %s, and may be of both versions: %t\n%s", o.code, stable, mixed, o.err)
		}
	default:
		s.expect(t, 0, reject)
		stable = before
	}
	s.check(t, stable, -1)
	return stable
}
