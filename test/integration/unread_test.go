//go:build integration

package integration

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"
)

// testRunUnread: nobody reads what a run says, and its output is full. A canary that
// begins to fail loses its traffic all the same, and so does one whose run is
// interrupted. Before, the run stopped in its first write, with whatever weight.
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
		t.Fatalf("the pipe takes everything: %v", err)
	}
	cmd := s.command(t.Context(), args...)
	cmd.Stderr = write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close() // the command has it
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
	_ = cmd.Wait() // the exit code says it
	return cmd.ProcessState.ExitCode()
}
