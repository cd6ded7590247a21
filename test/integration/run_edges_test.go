//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testRunUnread blocks the output of a run. A canary that begins to fail loses its traffic
// anyway, and so does one whose run is interrupted. Earlier, the run blocked in its first
// write and kept the weight.
func testRunUnread(t *testing.T, s shop, u *users) {
	cmd := s.unread(t, u.run(t, "v2", slowly))
	s.awaitWeight(t, 5)
	u.set(func(u *users) { u.bad = 1 })
	if code := ended(t, cmd); code != 3 {
		t.Errorf("exit code %d", code)
	}
	s.check(t, "v1", -1)

	u.set(func(u *users) { u.bad = 0 })
	cmd = s.unread(t, u.run(t, "v2", slowly))
	s.awaitWeight(t, 5)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := ended(t, cmd); code != 5 {
		t.Errorf("exit code %d", code)
	}
	s.check(t, "v1", 0)
}

// testRunGateInterrupted interrupts a run while a gate's shell waits for its child. The run
// does not wait for them and ends both. Earlier, it took five seconds, and the child
// survived.
func testRunGateInterrupted(t *testing.T, s shop, u *users) {
	file := filepath.Join(t.TempDir(), "child")
	gate := fmt.Sprintf("  gates: [{name: slow, weight: 50, exec: [sh, -c, 'sleep 600 & echo $! >%s; wait']}]\n", file)
	cmd, heard := s.start(t, u.run(t, "v2", gate))
	heard.await(t, "waiting for gate slow")
	child := ""
	for child == "" {
		text, _ := os.ReadFile(file) // it exists once the shell has written it
		child = strings.TrimSpace(string(text))
	}
	began := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	s.ended(t, cmd, heard, 5)
	t.Logf("ended %s after it was interrupted", time.Since(began).Round(time.Millisecond))
	s.check(t, "v1", 0)
	if stat, err := os.ReadFile("/proc/" + child + "/stat"); err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("the gate's child still runs: %s", stat)
	}
}

// unread starts a command whose stderr is a full pipe that nobody reads.
func (s shop) unread(t *testing.T, args []string) *exec.Cmd {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := write.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := write.Write(bytes.Repeat([]byte("x"), 4<<20)); !os.IsTimeout(err) {
		t.Fatalf("the pipe never fills: %v", err)
	}
	cmd := s.command(t.Context(), args...)
	cmd.Stderr = write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close() // the command has its own copy
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = read.Close() })
	return cmd
}

// awaitWeight waits until the canary's Mapping has a weight, or the test ends.
func (s shop) awaitWeight(t *testing.T, weight int64) {
	t.Helper()
	for s.weight(t) != weight {
		time.Sleep(50 * time.Millisecond)
	}
}

func ended(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	_ = cmd.Wait() // the exit code says more
	return cmd.ProcessState.ExitCode()
}
