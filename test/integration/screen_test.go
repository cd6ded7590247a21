//go:build integration

package integration

import (
	"strings"
	"testing"
)

// testScreen checks what people read: the first line of a run names both versions, the last
// one how long it took and how many requests met the canary, and no reason comes five times.
// A run of what is stable releases nothing.
func testScreen(t *testing.T, s shop, u *users) {
	lastLine := func(o outcome, texts ...string) {
		t.Helper()
		for _, text := range append(texts, "release "+s.namespace+"/shop: ", " requests met the canary, ") {
			if !strings.Contains(o.out, text) {
				t.Errorf("the last line does not say %q: %s", text, o.out)
			}
		}
	}
	promoted := s.expect(t, 0, u.run(t, "v2", ""), "deploy shop:v1 → shop:v2\n", "promote shop:v1 → shop:v2\n")
	lastLine(promoted, "shop:v1 → shop:v2, took ", "none of them bad")
	if n := strings.Count(promoted.err+promoted.out, "the evidence shows that the canary is no worse"); n != 1 {
		t.Errorf("the reason comes %d times:\n%s", n, promoted.err)
	}

	before := s.contents(t)
	for _, env := range [][]string{nil, {"TF_BUILD=True", "BUILD_BUILDID=8", "BUILD_BUILDNUMBER=8", "SYSTEM_TEAMPROJECT=shop"}} {
		cmd := s.command(t.Context(), u.run(t, "v2", "")...)
		cmd.Env = append(cmd.Env, env...)
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), "nothing changes, because the cluster has exactly these manifests; canarize run --unchanged") {
			t.Errorf("run of what is stable: %v, %s", err, out)
		}
	}
	for name, text := range s.contents(t) {
		if before[name] != text && !strings.Contains(name, "Lease") {
			t.Errorf("%s was changed: %s", name, text)
		}
	}
	s.expect(t, 0, append(u.run(t, "v2", ""), "--unchanged"), "deploy shop:v2 with other settings\n")

	u.set(func(u *users) { u.bad = .5 })
	rejected := s.expect(t, 3, u.run(t, "v3", ""), "reject shop:v2 → shop:v3\n")
	lastLine(rejected, "rejected; stable serves everything (shop:v2 → shop:v3, took ", " of them bad)")
	if n := strings.Count(rejected.err+rejected.out, "most requests of the canary are bad now"); n > 2 {
		t.Errorf("the reason comes %d times:\n%s", n, rejected.err)
	}
	status := s.expect(t, 0, []string{"status", "shop"})
	for text, n := range map[string]int{"shop:v2 → shop:v3, took ": 1, "most requests of the canary are bad now": 1, "shop:v1": 0} {
		if have := strings.Count(status.out, text); have != n {
			t.Errorf("status says %q %d times:\n%s", text, have, status.out)
		}
	}
}
