//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestFaultyGateway runs a good version to its end while the gateway is unwell from the share
// of 5 % on. A gateway that recovers in time delays the release and nothing else. With one
// that does not, the release is held without a request on the canary. No request fails
// because of the release.
func TestFaultyGateway(t *testing.T) {
	// A gateway that is slow or recovers has applied a share by then.
	const patience = "share: 20s"
	r := running{startReleasing(t), "4m", "{weight: 5, hold: 6s}, {weight: 50, hold: 6s}", "{source: emissary}", "", "", 5, "2"}
	const slow = 3 * time.Second
	fmt.Printf("%-44s %9s %7s %8s %5s\n", "while a run releases a good version", "requests", "failed", "took", "code")
	for _, c := range []struct {
		name  string
		pods  int
		fault func(*testing.T, running, []string)
		lasts time.Duration // 0: until the run has ended
		code  int
		says  []string
		fails bool // requests fail by the fault itself
	}{
		{"slow with stale diagnostics", 2, func(_ *testing.T, r running, pods []string) {
			r.Slow(pods[0], slow)
			r.Stale(pods[1])
		}, 0, 0, []string{"the canary gets 50 %", "promote"}, false},
		{"one of two pods frozen for 12 s", 2, func(_ *testing.T, r running, pods []string) { r.Freeze(pods[1]) }, 12 * time.Second, 0, []string{"the canary gets 50 %", "promote"}, false},
		{"restarted in the middle", 2, func(_ *testing.T, r running, pods []string) { r.Kill(r.InPod("/usr/bin/envoy", "HOSTNAME="+pods[0])) }, 0, 0, []string{"promote"}, true},
		{"frozen for good", 1, func(_ *testing.T, r running, pods []string) { r.Freeze(pods[0]) }, 0, 4, []string{"frozen or slow", "no request reaches its canary"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := r
			r.Site, r.timeouts = r.For(t), patience
			pods := r.GatewayPods(c.pods)
			r.stable(t)
			before := r.objects()
			load := r.load(runRate)
			began := time.Now()
			run := r.startProcess(t, r.args(t, r.version(t, 100, usual))...)
			run.await(t, "the canary gets 5 % of the traffic")
			c.fault(t, r, pods)
			if c.lasts > 0 {
				thaw := time.AfterFunc(c.lasts, func() {
					for _, pod := range pods {
						r.Thaw(pod)
					}
				})
				defer thaw.Stop()
			}
			code := run.end(t)
			took := time.Since(began)
			time.Sleep(5 * time.Second) // the canary must give no answer at the end of that time
			got := load.end(t)
			failed := got.total - got.versions["1"] - got.versions["2"]
			fmt.Printf("%-44s %9d %7d %6.1f s %5d\n", c.name, got.total, failed, took.Seconds(), code)
			if code != c.code {
				t.Fatalf("exit code %d, expected %d\n%s\n%s", code, c.code, run.log, r.troubled())
			}
			for _, text := range c.says {
				if !strings.Contains(run.log.String(), text) {
					t.Errorf("the output has no %q:\n%s", text, run.log)
				}
			}
			if failed > 0 && !c.fails {
				t.Errorf("requests failed: %v\n%s", got.failed, r.troubled())
			}
			if last := got.came["2"].Sub(began); code != 0 && last > took {
				t.Errorf("the canary answered %.1f s after the run had ended", (last - took).Seconds())
			}
			for _, pod := range pods {
				r.Thaw(pod)
			}
			if code != 0 {
				r.verb(t, "reject", "sampleapp")
			}
			r.nothingLeft(t, before)
		})
	}
}
