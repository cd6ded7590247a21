//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/canarize/canarize/test/e2e/site"
	"github.com/canarize/canarize/test/faults"
)

// ending is a fault that begins at the instant at which the canary begins to fail.
type ending struct {
	name    string // also of the namespace; one word
	what    string
	codes   []int    // the allowed exit codes of the run
	healthy bool     // the canary does not fail, so the fault alone has to take the traffic off it
	run     starting // nil starts a process without a terminal
	begin   func(*testing.T, *endingRun) error
}

// starting is a function that starts canarize.
type starting func(releasing, *testing.T, ...string) process

// endings are the faults after which no traffic may stay on a canary that nobody watches.
// A run notices a lost lock at its next renewal; the judge may reject the release before.
var endings = []ending{
	{name: "none", what: "no fault", codes: []int{3}},
	{name: "deleted", what: "Lease deleted", codes: []int{3}, begin: func(t *testing.T, e *endingRun) error {
		return e.somebody.DeleteLock(t.Context(), e.namespace, "sampleapp")
	}},
	{name: "taken", what: "lock taken by another holder", codes: []int{1, 3}, begin: takeLock},
	{name: "lost", what: "lock taken, the canary is healthy", codes: []int{1}, healthy: true, begin: takeLock},
	{name: "silent", what: "open connections silent", codes: []int{3}, begin: func(t *testing.T, e *endingRun) error {
		if e.api.Silence() == 0 {
			return fmt.Errorf("there is no connection to the API server to silence")
		}
		return nil
	}},
	{name: "unread", what: "Ctrl-S", codes: []int{3}, run: releasing.startOnTerminal, begin: func(_ *testing.T, e *endingRun) error {
		_, err := e.run.output.Write([]byte{ctrlS})
		return err
	}},
	{name: "away", what: fmt.Sprintf("API server away for %.0f s", awayFor.Seconds()), codes: []int{3}, begin: func(t *testing.T, e *endingRun) error {
		back := e.api.Away()
		time.AfterFunc(awayFor, func() { e.back <- time.Now(); back() })
		return nil
	}},
}

func takeLock(t *testing.T, e *endingRun) error {
	return e.somebody.TakeLock(t.Context(), e.namespace, "sampleapp", "somebody else")
}

const (
	awayFor = 40 * time.Second // longer than the lock is valid
	ctrlS   = 'S' & 0x1f       // the byte that a keyboard sends
)

// endingRun is a run that waits for a person at 50 %.
type endingRun struct {
	running
	run      process
	api      *faults.Forwarder // between the run and the API server
	somebody faults.Somebody
	back     chan time.Time // when the API server came back
}

// endingRow formats how long after the first bad answer, and after the API server came
// back, the canary's last answer came.
const endingRow = "%-34s %9v %6v %9s %10s %8s %5v\n"

// TestEndings starts a run at 50 % for each fault, on a common site, each in its own
// namespace and under its own load. At one instant its canary begins to fail every request
// and the fault begins. With every fault the canary gets no more requests and the command
// ends by itself. The test prints how many seconds that takes and does not judge them.
func TestEndings(t *testing.T) {
	s := site.Start(t, filepath.Join("..", ".."))
	s.LoadImage("registry.example.com/app:breakable", s.Build("test/e2e/breakable"), "VERSION=2")
	r := running{
		releasing: releasing{Site: s, canarize: s.Build("cmd/canarize"), empty: t.TempDir()},
		deadline:  "4m", steps: "{weight: 50, hold: 3s}, {weight: 60, hold: 3s}", metrics: "{source: emissary}",
		gates: "{name: sign-off, weight: 60, manual: true}", margin: 5, image: "breakable",
	}
	fmt.Printf(endingRow, "while the canary fails", "requests", "bad", "last one", "since back", "took", "code")
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			r := r
			r.Site = r.For(t)
			r.testEnding(t, e)
		})
	}
}

func (r running) testEnding(t *testing.T, e ending) {
	r.Kube(nil, "create", "namespace", e.name)
	defer r.Kube(nil, "delete", "namespace", e.name, "--wait=false") // the node has no room for all pods at once
	r.Gateway = strings.TrimSuffix(r.Gateway, "/") + "/" + e.name + "/"
	manifests := r.variant(t, `value: "100"`, fmt.Sprintf("value: \"100\"\n            - {name: LATENCY_MS, value: \"%d\"}", usual), "prefix: /", "prefix: /"+e.name+"/")
	r.releasing = r.in(t, e.name, manifests)
	before := r.objects()
	load := r.load(runRate)
	waiting := r.untilWaiting(t, e, r.args(t, manifests))
	pods := strings.Fields(string(r.kube("get", "pods", "-l", "canarize.dev/track=canary", "-o", "jsonpath={.items[*].status.podIP}")))

	began := time.Now()
	if e.begin != nil {
		if err := e.begin(t, waiting); err != nil {
			t.Fatal(err)
		}
	}
	if !e.healthy {
		breakPods(t, pods)
	}
	code := waiting.run.end(t)
	took := time.Since(began)
	// A run that has lost the lock writes the weight and does not wait for Envoy.
	await(t, "a canary without traffic in Envoy", func() bool { return r.routes.last().weight <= 0 })
	time.Sleep(2 * time.Second) // the canary must give no answer in that time
	got := load.end(t)
	if e.healthy {
		got.first = began
	}
	last, sinceBack := got.came["2"], "-"
	if len(waiting.back) > 0 {
		sinceBack = fmt.Sprintf("%.1f s", last.Sub(<-waiting.back).Seconds())
	}
	fmt.Printf(endingRow, e.what, got.total, sum(got.failed), fmt.Sprintf("%.1f s", last.Sub(got.first).Seconds()), sinceBack, fmt.Sprintf("%.1f s", took.Seconds()), code)
	r.checkEnded(t, e, code, got, waiting.run.log.String())
	r.backToStable(t, before)
}

// checkEnded checks how a run ended, and that only the canary's requests failed.
func (r running) checkEnded(t *testing.T, e ending, code int, got answers, log string) {
	t.Helper()
	if !slices.Contains(e.codes, code) {
		t.Errorf("exit code %d, expected one of %v\n%s", code, e.codes, log)
	}
	if failed := sum(got.failed) > 0; failed == e.healthy {
		t.Errorf("%d requests failed, and the canary was to be healthy: %t", sum(got.failed), e.healthy)
	}
	for what := range got.failed {
		if !strings.HasPrefix(what, "500") {
			t.Errorf("failed, and not because the canary is broken: %s\n%s", what, r.troubled())
		}
	}
	if after := requests(t, r.Gateway, nil, 200); after.versions["1"] != 200 {
		t.Errorf("after the run: %v, %v; expected version 1 alone", after.versions, after.failed)
	}
}

// backToStable checks that stable is unchanged, and that after `canarize reject` nothing is left of the release.
func (r running) backToStable(t *testing.T, before []string) {
	t.Helper()
	r.verb(t, "reject", "sampleapp", "--if-active")
	r.nothingLeft(t, before)
	r.stands(t, "rejected", 0)
	if image := string(r.kube("get", "deployment", "sampleapp", "-o", "jsonpath={.spec.template.spec.containers[0].image}")); image != "registry.example.com/app:1" {
		t.Errorf("stable has the image %s", image)
	}
	if leases := r.kube("get", "leases", "-o", "name"); len(leases) > 0 {
		t.Errorf("left: %s", leases)
	}
}

// untilWaiting starts a run and waits until its healthy canary has half of the traffic and
// the run waits for a person.
func (r running) untilWaiting(t *testing.T, e ending, args []string) *endingRun {
	t.Helper()
	somebody, err := faults.NewSomebody(r.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	out := &endingRun{running: r, api: faults.Forward(t, r.account), somebody: somebody, back: make(chan time.Time, 1)}
	through := r.releasing
	through.account = out.api.Kubeconfig
	start := e.run
	if start == nil {
		start = releasing.startProcess
	}
	out.run = start(through, t, args...)
	out.run.await(t, "waiting for gate sign-off")
	if got := r.routes.now(t); got != 50 {
		t.Fatalf("the canary has %d %% while the run waits for a person, expected 50 %%\n%s", got, out.run.log)
	}
	return out
}

// startOnTerminal is startProcess with a terminal. Writing to the process's output types on
// the keyboard.
func (r releasing) startOnTerminal(t *testing.T, args ...string) process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), verbLimit)
	t.Cleanup(cancel)
	typing, screen := terminal(t)
	defer screen.Close() // the command has its own copy
	p := process{cmd: r.command(ctx, args...), output: typing, log: &strings.Builder{}, text: bufio.NewReader(typing)}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = screen, screen, screen
	p.cmd.Env = append(p.cmd.Env, "TERM=xterm")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// terminal opens a pseudoterminal and returns the person's end and the program's end.
func terminal(t *testing.T) (typing, screen *os.File) {
	t.Helper()
	typing, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = typing.Close() })
	if err := unix.IoctlSetPointerInt(int(typing.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal("unlock the terminal:", err)
	}
	number, err := unix.IoctlGetInt(int(typing.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal("number of the terminal:", err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return typing, screen
}

// breakPods makes every pod of the canary fail from now on.
func breakPods(t *testing.T, addresses []string) {
	t.Helper()
	if len(addresses) == 0 {
		t.Fatal("the canary has no pod")
	}
	client := http.Client{Timeout: 10 * time.Second}
	for _, address := range addresses {
		answer, err := client.Post("http://"+address+":8000/break", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("pod %s: %s", address, answer.Status)
		}
	}
}
