//go:build integration

package integration

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// testResumedAfterKill checks that a version that began to fail after the kill of its run
// is not promoted on the verdict of the dead process.
func testResumedAfterKill(t *testing.T, s shop, u *users) {
	cmd, _ := u.atFifty(t, s)
	signal(t, cmd, syscall.SIGKILL)
	s.check(t, "v1", 50)
	testResumedBad(t, s, u)
}

// testResumedAfterInterrupt checks the same after Ctrl-C, when the share is 0.
func testResumedAfterInterrupt(t *testing.T, s shop, u *users) {
	cmd, heard := u.atFifty(t, s)
	signal(t, cmd, os.Interrupt)
	s.ended(t, cmd, heard, 5)
	hears(t, heard, "interrupted; the canary's weight is 0; no gateway could verify")
	s.check(t, "v1", 0)
	testResumedBad(t, s, u)
}

// testResumedBad makes every request fail from now on, approves, and runs again.
func testResumedBad(t *testing.T, s shop, u *users) {
	t.Helper()
	u.set(func(u *users) { u.bad = 1 })
	s.expect(t, 0, approve)
	if s.holder(t) != "" {
		s.unlock(t)
	}
	s.expect(t, 3, u.run(t, "v2", atLast), "reject")
	s.check(t, "v1", -1)
	if got := s.status(t); got.Phase != rollout.Rejected {
		t.Errorf("phase %s", got.Phase)
	}
}

// testInterruptedBehindDead checks that a run takes the traffic off when it is interrupted
// while it waits for the lock of a killed run, because nobody watches the canary.
func testInterruptedBehindDead(t *testing.T, s shop, u *users) {
	args := u.run(t, "v2", slowly)
	first, heard := s.start(t, args)
	heard.await(t, "waiting for gate sign-off")
	signal(t, first, syscall.SIGKILL)
	// Make the Lease an hour old. The next process still waits for one renewal, because
	// clocks differ.
	past := time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000000Z")
	if err := s.patch(t.Context(), leases, "canarize-shop", map[string]any{"spec": map[string]any{"renewTime": past}}); err != nil {
		t.Fatal(err)
	}
	second, said := s.start(t, args)
	said.await(t, "waiting for ")
	signal(t, second, os.Interrupt)
	s.ended(t, second, said, 5)
	s.check(t, "v1", 0)
	s.expect(t, 0, reject)
	s.check(t, "v1", -1)
}

// testInterruptedBehindLiving checks that the share of a living run stays as it is.
func testInterruptedBehindLiving(t *testing.T, s shop, u *users) {
	args := u.run(t, "v2", slowly)
	first, heard := s.start(t, args)
	heard.await(t, "waiting for gate sign-off")
	second, said := s.start(t, args)
	said.await(t, "waiting for ")
	began := time.Now()
	signal(t, second, os.Interrupt)
	s.ended(t, second, said, 5)
	t.Logf("ended %s after it was interrupted", time.Since(began).Round(time.Millisecond))
	s.check(t, "v1", 5)
	s.expect(t, 0, approve)
	s.ended(t, first, heard, 0)
	s.check(t, "v2", -1)
}
