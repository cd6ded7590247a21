//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testKill: what a kill -9 in the middle of a release breaks, what it does not, and
// that nothing is left at the end.
func testKill(t *testing.T, w world) {
	w.release(t, 50)
	w.Kill(w.InPod("/usr/bin/envoy"))
	began := time.Now()
	w.Await("an Envoy that answers again", func() bool {
		got := requests(t, w.Gateway, nil, 20)
		return len(got.failed) == 0
	})
	fmt.Printf("Envoy killed: its container is started again, and answers after %.1f s\n", time.Since(began).Seconds())
	w.sharesHold(t, "after Envoy was killed", "Envoy started again")

	w.Kill(w.Process("kubelet"))
	w.sharesHold(t, "without the kubelet", "kubelet killed")
	w.Kill(w.Process("kube-apiserver"))
	w.sharesHold(t, "without the API server", "kube-apiserver killed")
	w.Kill(w.Process("containerd"))
	w.sharesHold(t, "without containerd", "containerd killed")

	w.Stop()
	for _, left := range w.leftovers(t) {
		t.Error("left behind:", left)
	}
}

// sharesHold checks that no request fails and the canary has half of them.
func (w world) sharesHold(t *testing.T, when, what string) {
	t.Helper()
	got := requests(t, w.Gateway, nil, 2000)
	low, high := interval(2000, 0.5)
	if len(got.failed) > 0 || got.versions["2"] < low || got.versions["2"] > high {
		t.Errorf("%s: %v, failed %v; expected %d to %d for the canary", when, got.versions, got.failed, low, high)
	}
	fmt.Printf("%s: %d of 2000 requests to the canary at 50 %%, %d failed\n", what, got.versions["2"], len(got.failed))
}

// leftovers names what this machine still has of the site. Firewall rules are only
// ever made inside the node, so they are to be as they were before.
func (w world) leftovers(t *testing.T) []string {
	t.Helper()
	var out []string
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		line, _ := os.ReadFile(p) // many come and go
		if strings.Contains(string(line), w.Dir) {
			out = append(out, "process "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	for _, command := range [][]string{{"cat", "/proc/self/mountinfo"}, {"ip", "-o", "link"}, {"ip", "-o", "route"}} {
		for line := range strings.Lines(output(t, command...)) {
			if strings.Contains(line, w.Network.Link) || strings.Contains(line, w.Dir) {
				out = append(out, strings.Join(command, " ")+": "+line)
			}
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		groups, err := filepath.Glob(pattern + w.Network.Link)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, groups...)
	}
	if rules := output(t, "iptables", "-S"); rules != w.rules {
		out = append(out, "firewall rules:\n"+rules)
	}
	return out
}

func output(t *testing.T, command ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v: %s", command, err, out)
	}
	return string(out)
}
