//go:build unix

package gate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

var errStop = errors.New("stopped")

// shell is a gate that runs a script; the script writes the number of the process
// that is to be gone in the end into the file $PROCESS.
func shell(t *testing.T, script string) (g rollout.Gate, process func() int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "process")
	t.Setenv("PROCESS", file)
	return rollout.Gate{Name: "smoke", Exec: []string{"sh", "-c", script}}, func() int {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0
		}
		n, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0 until it is written
		return n
	}
}

// alive says whether a process runs. One that has ended and that its new parent has
// not asked for yet does not; that is seen on Linux.
func alive(process int) bool {
	if stat, err := os.ReadFile("/proc/" + strconv.Itoa(process) + "/stat"); err == nil {
		_, state, _ := strings.Cut(string(stat), ") ")
		return !strings.HasPrefix(state, "Z")
	}
	return syscall.Kill(process, 0) == nil
}

// awaitDeath waits until a process has ended, which none of these does by itself. A busy
// machine may take a while to end one that was killed.
func awaitDeath(t *testing.T, process int) {
	t.Helper()
	for hangs := time.Now().Add(time.Minute); alive(process); time.Sleep(time.Millisecond) {
		if time.Now().After(hangs) {
			t.Fatal("it lives on")
		}
	}
}

// askAndStop asks a gate, and stops asking as soon as its process runs.
func askAndStop(t *testing.T, k *Keeper, g rollout.Gate, process func() int) error {
	t.Helper()
	ctx, stop := context.WithCancelCause(t.Context())
	answer := make(chan error, 1)
	go func() { answer <- k.Ask(ctx, g) }()
	for process() == 0 {
		time.Sleep(time.Millisecond)
	}
	stop(errStop)
	return <-answer
}

// TestChildren: what a program has started ends with it. Before, the shell's child
// lived on, and held up the answer for five seconds.
func TestChildren(t *testing.T) {
	k := keeper()
	g, process := shell(t, `sleep 600 & echo $! >"$PROCESS"; wait`)
	if err := askAndStop(t, k, g, process); !errors.Is(err, errStop) {
		t.Error(err)
	}
	k.Close()
	awaitDeath(t, process())
}

// TestStubborn: the answer does not wait for programs that do not want to end, and
// these are killed.
func TestStubborn(t *testing.T) {
	k := keeper()
	k.Grace = time.Hour
	g, process := shell(t, `trap "" TERM; sh -c 'trap "" TERM; echo $$ >"$PROCESS"; while :; do sleep 0.05; done' & wait; wait`)
	if err := askAndStop(t, k, g, process); !errors.Is(err, errStop) {
		t.Error(err)
	}
	if !alive(process()) {
		t.Error("killed before its time is over")
	}
	pgid, err := syscall.Getpgid(process())
	if err != nil || syscall.Kill(-pgid, syscall.SIGKILL) != nil {
		t.Fatal(err)
	}
	k.Close()

	k.Grace = time.Millisecond
	g, process = shell(t, `sh -c 'trap "" TERM; echo $$ >"$PROCESS"; while :; do sleep 0.05; done' & wait`)
	if err := askAndStop(t, k, g, process); !errors.Is(err, errStop) {
		t.Error(err)
	}
	k.Close()
	awaitDeath(t, process())
}

// TestLeftRunning: a program that agrees agrees, though it leaves something running
// that holds its output open. That ends, too.
func TestLeftRunning(t *testing.T) {
	k := keeper()
	g, process := shell(t, `sleep 600 & echo $! >"$PROCESS"`)
	if err := k.Ask(t.Context(), g); err != nil {
		t.Error(err)
	}
	k.Close()
	awaitDeath(t, process())
}
