//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// brakeRow formats how long after the command started the canary's last answer came, and how
// many requests failed from then on.
const brakeRow = "%-42s %9v %7v %12s %8s %5v\n"

// TestBrake: half of the requests reach the canary, and the gateway applies no change any
// more. Whoever ends the release, the canary's last answer comes soon, no request fails, and
// the exit code says what happened. When the gateway is well again, reject ends the release.
func TestBrake(t *testing.T) {
	r := startReleasing(t)
	fmt.Printf(brakeRow, "while the gateway applies no change", "requests", "failed", "last answer", "took", "code")
	for _, c := range []struct {
		name   string
		pods   int // of the gateway; one of them is frozen
		args   []string
		signal syscall.Signal // is sent to the command; 0 is none
		code   int
		says   string
	}{
		{"reject", 1, []string{"reject", "sampleapp"}, 0, 4, "no request reaches its canary"},
		{"Ctrl-C", 1, []string{"shift", "sampleapp", "--to", "60"}, syscall.SIGINT, 5, "its own pods end"},
		{"reject, one of two pods is frozen", 2, []string{"reject", "sampleapp"}, 0, 4, "no request reaches its canary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := r
			r.Site = r.For(t)
			pods := r.GatewayPods(c.pods)
			awaitSteady(r.Site)
			before := r.objects()
			r.deploy(t, "2")
			r.verb(t, "shift", "sampleapp", "--to", "50")
			load := r.load(rate)
			r.Freeze(pods[0])

			began := time.Now()
			p := r.startProcess(t, c.args...)
			if c.signal != 0 {
				p.await(t, "the canary's weight is 60 %")
				began = time.Now()
				p.signal(t, c.signal)
			}
			code := p.end(t)
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
			if len(got.failed) > 0 {
				t.Errorf("requests failed: %v\n%s", got.failed, r.troubled())
			}
			r.Thaw(pods[0])
			r.verb(t, "reject", "sampleapp")
			r.nothingLeft(t, before)
			r.alone(t)
		})
	}
}
