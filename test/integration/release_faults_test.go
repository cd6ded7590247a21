//go:build integration

package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/test/faults"
)

// tally counts the ends of releases under faults.
type tally struct {
	mu                 sync.Mutex
	promoted, rejected int // releases
	commands, stopped  int // stopped commands were repeated and then succeeded
	requests, injected int
	faults             map[faults.Fault]int
}

func (t *tally) String() string {
	return fmt.Sprintf("%d releases: %d promoted, %d rejected; %d commands: %d ended rightly at once, %d stopped with a clear error and a rerun finished them; %d requests, %.1f %% with a fault: %v",
		t.promoted+t.rejected, t.promoted, t.rejected, t.commands, t.commands-t.stopped, t.stopped,
		t.requests, 100*float64(t.injected)/float64(t.requests), t.faults)
}

func (t *tally) add(rejected bool, commands, stopped int, proxy *faults.Proxy) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if rejected {
		t.rejected++
	} else {
		t.promoted++
	}
	t.commands += commands
	t.stopped += stopped
	t.requests += len(proxy.Requests())
	for fault, n := range proxy.Faults() {
		t.faults[fault] += n
		t.injected += n
	}
}

// testFaultRuns releases while a fifth of all requests has a temporary fault, and one in a
// hundred a permanent one. CANARIZE_FAULT_RUNS sets the number of releases.
func (s suite) testFaultRuns(t *testing.T) {
	runs := 16
	if text := os.Getenv("CANARIZE_FAULT_RUNS"); text != "" {
		var err error
		if runs, err = strconv.Atoi(text); err != nil || runs < 2 {
			t.Fatalf("CANARIZE_FAULT_RUNS=%s: expected a number of releases, 2 or more", text)
		}
	}
	count := &tally{faults: map[faults.Fault]int{}}
	all := t.Run("of", func(t *testing.T) {
		for seed := range uint64(runs) {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				t.Parallel()
				s.testFaultRun(t, seed, count)
			})
		}
	})
	t.Log(count)
	if all && count.promoted+count.rejected != runs {
		t.Errorf("%d releases began", runs)
	}
	if part := float64(count.injected) / float64(count.requests); part < .15 || part > .27 {
		t.Errorf("%.0f %% of the requests had a fault", 100*part)
	}
}

// testFaultRun runs a release that is promoted, or with an odd seed rejected. A command
// that stops has to say why, must not leave more traffic on the canary than it was asked
// for, and has to succeed when it is repeated as its message says.
func (s suite) testFaultRun(t *testing.T, seed uint64, count *tally) {
	sh := newShop(t, s.site(t))
	proxy := faults.Start(t, s.kubeconfig, denying(seed, quick(faults.Random(seed, .2))))
	faulty := sh
	faulty.kubeconfig = proxy.Kubeconfig
	last, tag := promote, "v2"
	if seed%2 == 1 {
		last, tag = reject, "v1"
	}
	stopped := 0
	commands := [][]string{faulty.deploy(t, "v2"), shift("5"), shift("50"), last}
	for i, args := range commands {
		o := faulty.try(t, args...)
		if got, most := sh.weight(t), []int64{0, 5, 50, 50}[i]; got > most {
			t.Errorf("seed %d: the canary's weight is %d after canarize %q", seed, got, args)
		}
		if o.code == 0 {
			continue
		}
		stopped++
		t.Logf("seed %d: canarize %q: exit code %d: %s", seed, args, o.code, lastLine(o.err))
		if !explains(o) {
			t.Errorf("seed %d: the output of canarize %q does not name the fault:\n%s", seed, args, o.err)
		}
		if o.code == 4 && (args[0] == "shift" || args[0] == "promote") { // held; see the help of these two
			args = append(args[:len(args):len(args)], "--override-hold")
		}
		sh.expect(t, 0, args)
	}
	sh.check(t, tag, -1)
	if !t.Failed() {
		count.add(seed%2 == 1, len(commands), stopped, proxy)
	}
}

// denying forbids one request in a hundred, and passes the others to next.
func denying(seed uint64, next func(*http.Request) faults.Fault) func(*http.Request) faults.Fault {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	return func(r *http.Request) faults.Fault {
		mu.Lock()
		defer mu.Unlock()
		if random.IntN(100) == 0 {
			return faults.Forbidden
		}
		return next(r)
	}
}

// weight returns the weight of the canary's Mapping, or 0 if there is none.
func (s shop) weight(t *testing.T) int64 {
	t.Helper()
	n, _, _ := unstructured.NestedInt64(s.get(t, s.ref("getambassador.io", "Mapping", "shop-canary")), "spec", "weight")
	return n
}

// explains reports whether a command that stopped names the fault that stopped it.
func explains(o outcome) bool {
	if o.code != 1 && o.code != 4 || strings.Contains(o.err, "goroutine ") {
		return false
	}
	said := lastLine(o.err)
	return strings.Contains(said, "not allowed to ") || strings.Contains(said, "given up after")
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
