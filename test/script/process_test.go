//go:build linux

package script

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// build makes the program as users have it, once for all tests.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "canarize-script")
	if err != nil {
		return "", err
	}
	buildDir = dir
	program := filepath.Join(dir, "canarize")
	cmd := exec.Command("go", "build", "-o", program, "github.com/canarize/canarize/cmd/canarize")
	cmd.Stderr = os.Stderr
	return program, cmd.Run()
})

// program builds canarize as users have it, once for all tests.
func program(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMemory runs the program on the most expensive inputs. It must use less than ten
// times their size plus a fixed amount, or refuse them before it uses more.
func TestMemory(t *testing.T) {
	names := []string{
		"flow-nesting", "flow-map-nesting", "json-nesting", "json-map-nesting", "block-nesting", "block-seq-nesting",
		"billion-laughs", "quadratic", "quadratic-documents",
	}
	if !testing.Short() {
		names = append(names,
			"one-document", "many-documents", "one-line", "json-string", "merges",
			"values", "json-values", "objects", "dense-objects", "null-documents", "block-scalar", "long-string", "long-comment")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "input.yml")
			if text, err := exec.Command("big", file, name).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			checkMemory(t, file)
		})
	}
}

func checkMemory(t *testing.T, file string) {
	const fixed = 450 << 20 // the program itself, and two million values, the maximum; on a busy machine the garbage is collected late
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := exec.Command(program(t), "-w", "10", file)
	cmd.Stderr = &stderr
	err = cmd.Run()
	if cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("%v: %s", err, stderr.String())
	}
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	_, message, _ := strings.Cut(strings.TrimSpace(stderr.String()), file)
	t.Logf("%.1f MB cost %.1f MB and %s: %s", float64(info.Size())/1e6, float64(peak)/1e6, cmd.ProcessState.UserTime().Round(time.Millisecond), strings.TrimLeft(message, ": "))
	if peak > fixed+10*info.Size() {
		t.Errorf("%d MB for an input of %d MB", peak>>20, info.Size()>>20)
	}
}

// TestInterrupt interrupts the program while it waits for its input.
func TestInterrupt(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			output := filepath.Join(t.TempDir(), "canary.yml")
			var stdout, stderr bytes.Buffer
			cmd := exec.Command(program(t), "-w", "10", "-o", output, "-")
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// A pipe holds less, so the program is reading when the write returns.
			if _, err := stdin.Write(bytes.Repeat([]byte("# comment\n"), 100_000)); err != nil {
				t.Fatal(err)
			}
			interrupted(t, cmd, sig)
			if stdout.Len() > 0 || stderr.String() != "canarize: interrupted; nothing was written [CZ7005]\n" {
				t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
			}
			if _, err := os.Stat(output); err == nil {
				t.Error("there is an output file")
			}
		})
	}
}

// TestInterruptPipe interrupts the program while a named pipe has no writer.
func TestInterruptPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	first := exec.Command(program(t), "-w", "10", "-", pipe)
	stdin, err := first.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write(bytes.Repeat([]byte("# comment\n"), 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := stdin.Close(); err != nil { // now it opens the pipe and blocks
		t.Fatal(err)
	}
	interrupted(t, first, os.Interrupt)
}

// interrupted sends a signal to a program that blocks on input, and waits for its end.
func interrupted(t *testing.T, cmd *exec.Cmd, sig os.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() }) // if the program hangs
	defer killer.Stop()
	_ = cmd.Wait() // the exit code is checked below
	if code := cmd.ProcessState.ExitCode(); code != 5 {
		t.Errorf("%s after %s, not exit code 5", cmd.ProcessState, sig)
	}
}

// TestBrokenPipe closes the reader of the output. The program must end by SIGPIPE or with
// an exit code, and never succeed.
func TestBrokenPipe(t *testing.T) {
	for _, args := range [][]string{{"-w", "10"}, {"diff", "-w", "10"}, {"traffic"}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		var stderr bytes.Buffer
		cmd := exec.Command(program(t), append(args, "testdata/app.yml")...)
		cmd.Stdout, cmd.Stderr = w, &stderr
		err = cmd.Run()
		w.Close()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if piped := status.Signaled() && status.Signal() == syscall.SIGPIPE; !piped && status.ExitStatus() != 1 {
			t.Errorf("%v: %v, %s", args, err, stderr.String())
		}
		if strings.Contains(stderr.String(), "goroutine") {
			t.Errorf("%v: %s", args, stderr.String())
		}
	}
}

// TestThreadOfAgentEnds ends the thread that started the program, as the thread pool of
// an agent may do at any time. The kernel treats that as the death of the parent.
func TestThreadOfAgentEnds(t *testing.T) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(program(t), "-w", "10", "-")
	cmd.Env = append(os.Environ(), "TF_BUILD=True")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	app, err := os.ReadFile("testdata/app.yml")
	if err != nil {
		t.Fatal(err)
	}
	more := bytes.Repeat([]byte("# comment\n"), 100_000) // a pipe holds less, so the program is reading when the write returns
	onDyingThread(func() {
		if err = cmd.Start(); err == nil {
			_, err = stdin.Write(more)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	// The signal has arrived. A program that it kills does not read all of this.
	for _, text := range [][]byte{more, more, app} {
		if _, err := stdin.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(stdout.String(), "weight: 10") {
		t.Errorf("%v: %s", err, stderr.String())
	}
}

// onDyingThread calls do on a thread that ends afterwards, and waits for its end.
func onDyingThread(do func()) {
	thread := os.Getpid()
	for thread == os.Getpid() { // the main thread never ends
		dying := make(chan int)
		go func() {
			runtime.LockOSThread() // without unlock, the thread ends with the goroutine
			if syscall.Gettid() != os.Getpid() {
				do()
			}
			dying <- syscall.Gettid()
		}()
		thread = <-dying
	}
	for alive := true; alive; runtime.Gosched() {
		_, err := os.Stat(fmt.Sprint("/proc/self/task/", thread))
		alive = err == nil
	}
}
