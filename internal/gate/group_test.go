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

// shell returns a gate that runs a script. The script writes the id of the process that
// must be gone in the end to the file $PROCESS.
func shell(t *testing.T, script string) (g rollout.Gate, process func() int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "process")
	t.Setenv("PROCESS", file)
	return rollout.Gate{Name: "smoke", Exec: []string{"sh", "-c", script}}, func() int {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0
		}
		n, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0 until the file is written
		return n
	}
}

// alive reports whether a process runs. On Linux, a zombie does not count.
func alive(process int) bool {
	if stat, err := os.ReadFile("/proc/" + strconv.Itoa(process) + "/stat"); err == nil {
		_, state, _ := strings.Cut(string(stat), ") ")
		return !strings.HasPrefix(state, "Z")
	}
	return syscall.Kill(process, 0) == nil
}

// awaitDeath waits until a process has ended; these processes never end by themselves. A
// busy machine may take a while to end a killed one.
func awaitDeath(t *testing.T, process int) {
	t.Helper()
	for hangs := time.Now().Add(time.Minute); alive(process); time.Sleep(time.Millisecond) {
		if time.Now().After(hangs) {
			t.Fatal("the process still runs")
		}
	}
}

// askAndStop asks a gate and cancels as soon as its process runs.
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

// TestChildren checks that the children of a program end with it. They used to live on
// and to delay the answer for five seconds.
func TestChildren(t *testing.T) {
	k := keeper()
	g, process := shell(t, `sleep 600 & echo $! >"$PROCESS"; wait`)
	if err := askAndStop(t, k, g, process); !errors.Is(err, errStop) {
		t.Error(err)
	}
	k.Close()
	awaitDeath(t, process())
}

// TestStubborn checks that the answer does not wait for programs that ignore SIGTERM, and
// that these are killed.
func TestStubborn(t *testing.T) {
	k := keeper()
	k.Grace = time.Hour
	g, process := shell(t, `trap "" TERM; sh -c 'trap "" TERM; echo $$ >"$PROCESS"; while :; do sleep 0.05; done' & wait; wait`)
	if err := askAndStop(t, k, g, process); !errors.Is(err, errStop) {
		t.Error(err)
	}
	if !alive(process()) {
		t.Error("killed before its grace period is over")
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

// TestLeftRunning checks that a program with exit code 0 agrees although it leaves a
// process that keeps its output open. That process ends, too.
func TestLeftRunning(t *testing.T) {
	k := keeper()
	g, process := shell(t, `sleep 600 & echo $! >"$PROCESS"`)
	if err := k.Ask(t.Context(), g); err != nil {
		t.Error(err)
	}
	k.Close()
	awaitDeath(t, process())
}
