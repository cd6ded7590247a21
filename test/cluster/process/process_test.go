package process

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func start(t *testing.T, table Table, name, script string) *Child {
	t.Helper()
	c, err := table.Start(Command{
		Name: name,
		Path: "/bin/sh",
		Args: []string{"-c", script},
		Log:  filepath.Join(t.TempDir(), name+".log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// recorded waits until the process has written its record, and returns it.
func recorded(t *testing.T, table Table, name string) Process {
	t.Helper()
	for range 500 {
		all, err := table.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if p.Name == name {
				return p
			}
		}
		time.Sleep(poll)
	}
	t.Fatalf("no record of %s after 5 s", name)
	return Process{}
}

func newTable(t *testing.T) Table {
	t.Helper()
	table, err := NewTable(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestKillEndsTheRecordedProcess(t *testing.T) {
	table := newTable(t)
	child := start(t, table, "sleeper", "exec sleep 600")
	p := recorded(t, table, "sleeper")
	if !p.Running() {
		t.Fatalf("%+v does not run", p)
	}
	if err := p.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Running() {
		t.Errorf("%+v runs after Kill", p)
	}
	<-child.Ended
}

func TestTerminateKillsAfterTheGracePeriod(t *testing.T) {
	table := newTable(t)
	ready := filepath.Join(t.TempDir(), "ready")
	start(t, table, "stubborn", "trap '' TERM; touch "+ready+"; while :; do sleep 0.05; done")
	p := recorded(t, table, "stubborn")
	for range 500 {
		if _, err := os.Stat(ready); err == nil {
			break
		}
		time.Sleep(poll)
	}
	if err := p.Terminate(t.Context(), 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if p.Running() {
		t.Errorf("%+v runs after Terminate", p)
	}
}

func TestAReusedIDIsNotTouched(t *testing.T) {
	stranger := exec.Command("sleep", "600")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	})
	p := Process{Name: "ours", PID: stranger.Process.Pid, start: "1"}
	if p.Running() {
		t.Error("a process with our id and another start time counts as ours")
	}
	if err := p.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, zombie, err := startTime(stranger.Process.Pid); err != nil || zombie {
		t.Errorf("the stranger was killed: zombie %v, error %v", zombie, err)
	}
}

func TestASealedTableTakesNoNewProcess(t *testing.T) {
	table := newTable(t)
	old := start(t, table, "old", "exec sleep 600")
	p := recorded(t, table, "old")
	if err := table.Seal(); err != nil {
		t.Fatal(err)
	}
	witness := filepath.Join(t.TempDir(), "ran")
	late := start(t, table, "late", "touch "+witness)
	<-late.Ended
	if _, err := os.Stat(witness); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a process started after Seal ran: %v", err)
	}
	all, err := table.List()
	if err != nil || len(all) != 1 || all[0] != p {
		t.Errorf("List after Seal: %v, %v; expected %v", all, err, p)
	}
	if err := p.Kill(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-old.Ended
}

func TestASecondTableInTheSameFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewTable(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := NewTable(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second NewTable: %v, expected fs.ErrExist", err)
	}
}

func TestHalfARecordIsNoProcess(t *testing.T) {
	table := newTable(t)
	for name, text := range map[string]string{"a": "", "b": "12", "c": "1 99", "d": "x 99", "e.new": "12 99"} {
		if err := os.WriteFile(filepath.Join(table.records(), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := table.List(); err != nil || len(all) != 0 {
		t.Errorf("List: %v, %v; expected nothing", all, err)
	}
}
