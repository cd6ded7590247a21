//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// brakeRow formats how long after the command started the canary's last answer came, and how
// many requests failed from then on.
const brakeRow = "%-42s %9v %7v %12s %8s %5v\n"

// brakeCase is one way to end a release whose gateway applies no change.
type brakeCase struct {
	name   string
	pods   int // of the gateway; the first of them is frozen
	args   []string
	signal syscall.Signal // is sent to the command; 0 is none
	code   int
	says   string
	away   bool // there is no gateway at all; requests fail without the release
}

// TestBrake: half of the requests reach the canary, and the gateway applies no change any
// more. Whoever ends the release, the canary's last answer comes soon, no request fails, and
// the exit code says what happened. When the gateway is well again, reject ends the release.
func TestBrake(t *testing.T) {
	r := startReleasing(t)
	fmt.Printf(brakeRow, "while the gateway applies no change", "requests", "failed", "last answer", "took", "code")
	for _, c := range []brakeCase{
		{"reject", 1, []string{"reject", "sampleapp"}, 0, 4, "no request reaches its canary", false},
		{"Ctrl-C", 1, []string{"shift", "sampleapp", "--to", "60"}, syscall.SIGINT, 5, "its own pods end", false},
		{"killed, then reject", 1, []string{"shift", "sampleapp", "--to", "60"}, syscall.SIGKILL, 4, "no request reaches its canary", false},
		{"reject, one of two pods is frozen", 2, []string{"reject", "sampleapp"}, 0, 4, "no request reaches its canary", false},
		{"reject, no gateway at all", 1, []string{"reject", "sampleapp"}, 0, 0, "verified on no gateway", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := r
			r.Site = r.For(t)
			r.brakes(t, c)
		})
	}
}

func (r releasing) brakes(t *testing.T, c brakeCase) {
	pods := r.GatewayPods(c.pods)
	awaitSteady(r.Site)
	before := r.objects()
	r.deploy(t, "2")
	r.verb(t, "shift", "sampleapp", "--to", "50")
	load := r.load(rate)
	if c.away {
		r.GatewayPods(0)
	} else {
		r.Freeze(pods[0])
	}

	began := time.Now()
	p := r.startProcess(t, c.args...)
	if c.signal != 0 {
		p.await(t, "the canary's weight is 60 %")
		began = time.Now()
		p.signal(t, c.signal)
	}
	code := p.end(t)
	if c.signal == syscall.SIGKILL {
		began = time.Now()
		p = r.startProcess(t, "reject", "sampleapp")
		code = p.end(t)
	}
	took := time.Since(began)
	time.Sleep(5 * time.Second) // the canary must give no answer at the end of that time
	got := load.end(t)
	last := got.came["2"].Sub(began)
	fmt.Printf(brakeRow, c.name, got.total, got.total-got.versions["1"]-got.versions["2"], fmt.Sprintf("%.1f s", last.Seconds()), fmt.Sprintf("%.1f s", took.Seconds()), code)
	if code != c.code || !strings.Contains(p.log.String(), c.says) {
		t.Errorf("exit code %d, expected %d and %q:\n%s", code, c.code, c.says, p.log)
	}
	if last > took+2*time.Second {
		t.Errorf("the canary still answered %.1f s after the command had ended", (last - took).Seconds())
	}
	if c.away { // the pod whose routes the test follows is gone, too
		if after := r.objects(); !slices.Equal(before, after) {
			t.Errorf("the namespace had %v, and now has %v", before, after)
		}
		return
	}
	if len(got.failed) > 0 {
		t.Errorf("requests failed: %v\n%s", got.failed, r.troubled())
	}
	r.Thaw(pods[0])
	r.verb(t, "reject", "sampleapp")
	r.nothingLeft(t, before)
	r.alone(t)
}
