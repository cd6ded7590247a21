//go:build unix

package demo

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// guardedPlace names a folder for a test process that runs a guarded program and is killed.
const guardedPlace = "TEST_GUARDED_PLACE"

// startSleeper starts a guarded program that opens a FIFO and then runs until it is ended.
func startSleeper(place string) (*guarded, error) {
	return startGuarded(filepath.Join(place, "folder"), "/bin/sh", "-c", `exec sleep 1000 >"$0"`, filepath.Join(place, "fifo"))
}

// newPlace returns a folder with what startSleeper needs.
func newPlace(t *testing.T) string {
	t.Helper()
	place := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(place, "folder"), 0o700), syscall.Mkfifo(filepath.Join(place, "fifo"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return place
}

// gone reports whether the folder is gone.
func gone(place string) bool {
	_, err := os.Stat(filepath.Join(place, "folder"))
	return errors.Is(err, fs.ErrNotExist)
}

// TestGuardEnds: end leaves neither the program nor its folder.
func TestGuardEnds(t *testing.T) {
	place := newPlace(t)
	g, err := startSleeper(place)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Open(filepath.Join(place, "fifo")) // waits for the program
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if err := g.end(); err != nil || !gone(place) {
		t.Errorf("%v; the folder is gone: %v", err, gone(place))
	}
	if _, err := io.ReadAll(program); err != nil { // until the program is gone
		t.Error(err)
	}
}

// TestGuardedProgramEnds: a program that ends by itself says why, and leaves nothing.
func TestGuardedProgramEnds(t *testing.T) {
	place := newPlace(t)
	g, err := startGuarded(filepath.Join(place, "folder"), "/bin/sh", "-c", "echo begins; echo why >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	<-g.ended
	if err := g.died(); !strings.Contains(err.Error(), "exit status 3: why") || !gone(place) {
		t.Errorf("%v; the folder is gone: %v", err, gone(place))
	}
	if err := g.end(); err != nil {
		t.Error(err)
	}
}

// TestGuardOutlivesKill: kill -9 of this process ends the program, too.
func TestGuardOutlivesKill(t *testing.T) {
	if place := os.Getenv(guardedPlace); place != "" {
		if _, err := startSleeper(place); err != nil {
			t.Fatal(err)
		}
		select {} // until it is killed
	}
	place := newPlace(t)
	self := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	self.Env = append(os.Environ(), guardedPlace+"="+place)
	if err := self.Start(); err != nil {
		t.Fatal(err)
	}
	program, err := os.Open(filepath.Join(place, "fifo"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if err := self.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = self.Wait() // it was killed
	if _, err := io.ReadAll(program); err != nil {
		t.Error(err)
	}
	for !gone(place) {
		time.Sleep(time.Millisecond)
	}
}
