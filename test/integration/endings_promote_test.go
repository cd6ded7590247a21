//go:build integration

package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/test/faults"
)

// replacing waits until a command behind the proxy has replaced the stable Deployment,
// whose pods do not become ready.
func (s shop) replacing(t *testing.T, proxy *faults.Proxy) {
	t.Helper()
	until(t, "stable is being replaced", func() bool {
		for _, r := range proxy.Requests() {
			if r.Method == "PATCH" && strings.HasSuffix(r.Path, "/deployments/shop") && !r.Query.Has("dryRun") {
				return strings.HasSuffix(imageOf(s.get(t, s.ref("apps", "Deployment", "shop"))), ":v2")
			}
		}
		return false
	})
}

// testInterruptedPromotion interrupts a promotion while stable is half rolled out. The
// message must not be "traffic is back on stable".
func testInterruptedPromotion(t *testing.T, s shop, _ *users) {
	for _, end := range []string{"reject", "promote"} {
		s.expect(t, 0, s.deploy(t, "v2"))
		s.expect(t, 0, shift("50"))
		behind, proxy := s.through(t, nil)
		s.stopped.Store(true)
		cmd, heard := behind.start(t, promote)
		s.replacing(t, proxy)
		signal(t, cmd, os.Interrupt)
		s.ended(t, cmd, heard, 1)
		s.halfPromoted(t, heard)
		s.stopped.Store(false)
		if end == "promote" {
			s.do(t, promote)
			s.check(t, "v2", -1)
			return
		}
		s.expect(t, 1, reject, "the canary is removed, but stable was being replaced and may run the new version")
		s.check(t, "v2", -1)
		if got := s.state(t); got.Phase != rollout.Rejected || !got.Mixed {
			t.Errorf("phase %s, mixed %t", got.Phase, got.Mixed)
		}
		s.apply(t, strings.Split(s.text, "---")[1]) // as it says
		s.apply(t, strings.Split(s.text, "---")[0])
	}
}

// halfPromoted checks the state and the message of an interrupted promotion.
func (s shop) halfPromoted(t *testing.T, heard *transcript) {
	t.Helper()
	last := lastLine(heard.String())
	if !strings.Contains(last, "stable was being replaced") || strings.Contains(heard.String(), "traffic is back on stable") {
		t.Errorf("it says\n%s", heard)
	}
	s.check(t, "v2", 0)
	if got := s.status(t); got.Phase != rollout.Promoting || got.Weight != 0 {
		t.Errorf("phase %s, weight %d", got.Phase, got.Weight)
	}
}

// testInterruptedRunPromotion checks the same for a run, which goes on when repeated.
func testInterruptedRunPromotion(t *testing.T, s shop, u *users) {
	behind, proxy := s.through(t, nil)
	args := u.run(t, "v2", atLast)
	cmd, heard := behind.start(t, args)
	heard.await(t, "waiting for gate sign-off before promotion")
	s.stopped.Store(true)
	s.expect(t, 0, approve)
	s.replacing(t, proxy)
	signal(t, cmd, os.Interrupt)
	s.ended(t, cmd, heard, 1)
	s.halfPromoted(t, heard)
	s.stopped.Store(false)
	s.expect(t, 0, args, "promoted")
	s.check(t, "v2", -1)
}

// testUntested checks that a version without requests is promoted only with --untested.
func testUntested(t *testing.T, s shop, _ *users) {
	s.expect(t, 0, s.deploy(t, "v2"))
	s.expect(t, 2, promote, "the canary gets no requests", "--untested")
	s.check(t, "v1", 0)
	s.expect(t, 0, shift("10"))
	s.expect(t, 0, shift("0"))
	s.expect(t, 2, promote, "the canary gets no requests")
	s.check(t, "v1", 0)
	s.expect(t, 0, append(promote, "--untested"))
	s.check(t, "v2", -1)
}

// testAnotherPipeline checks that pipeline A, which names its version, does not shift,
// judge, approve or promote the version that pipeline B deployed.
func testAnotherPipeline(t *testing.T, s shop, u *users) {
	plan := func() string { return s.status(t).Plan[:12] }
	s.expect(t, 0, s.deploy(t, "v2"))
	mine := plan()
	s.expect(t, 0, append(shift("10"), "--version", mine))
	s.expect(t, 0, append(shift("20"), "--version", "registry.example.com/shop:v2"))
	s.expect(t, 0, s.deploy(t, "v3"))
	theirs := plan()
	if mine == theirs {
		t.Fatalf("both plans are %s", mine)
	}
	s.expect(t, 0, append(shift("10"), "--version", theirs))
	for _, args := range [][]string{shift("50"), promote, append([]string{"analyze", "shop", "--for", "1s"}, u.config(t, "")...), {"approve", "shop", "sign-off"}} {
		for _, version := range []string{mine, "registry.example.com/shop:v2"} {
			s.expect(t, 2, append(args[:len(args):len(args)], "--version", version), "the release is not version "+version, "registry.example.com/shop:v3")
			s.check(t, "v1", 10)
		}
	}
	s.expect(t, 0, append(promote[:len(promote):len(promote)], "--version", theirs))
	s.check(t, "v3", -1)
}
