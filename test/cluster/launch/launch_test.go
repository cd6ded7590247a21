package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarize/canarize/test/cluster/process"
)

// fake is a component that runs a shell script and is ready when the file
// ready exists in dir.
func fake(dir, script string) Program {
	return Program{
		Name:  "01-fake",
		Path:  "/bin/sh",
		Ports: 1,
		Args:  func(p []int) []string { return []string{"-c", "cd " + dir + "; " + script} },
		URL:   func(p []int) string { return fmt.Sprint(p[0]) },
		Ready: func(context.Context, string) error {
			_, err := os.Stat(filepath.Join(dir, "ready"))
			return err
		},
	}
}

func newLauncher(t *testing.T) Launcher {
	t.Helper()
	dir := t.TempDir()
	table, err := process.NewTable(dir)
	if err != nil {
		t.Fatal(err)
	}
	return Launcher{Dir: dir, Table: table, Log: t.Output()}
}

func TestAPortTakenMeanwhileIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	const script = `if [ -e once ]; then touch ready; sleep 1; else touch once; echo bind: address already in use; fi`
	if _, err := newLauncher(t).Launch(t.Context(), fake(dir, script)); err != nil {
		t.Error(err)
	}
}

func TestAnotherFailureIsNotTriedAgain(t *testing.T) {
	dir := t.TempDir()
	_, err := newLauncher(t).Launch(t.Context(), fake(dir, `echo ran >>runs; echo unknown flag`))
	if !errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), "unknown flag") {
		t.Errorf("error %v, expected %v with the output", err, ErrEnded)
	}
	runs, err := os.ReadFile(filepath.Join(dir, "runs"))
	if err != nil || string(runs) != "ran\n" {
		t.Errorf("runs %q, %v; expected one", runs, err)
	}
}

func TestFreePortsDiffer(t *testing.T) {
	ports, err := freePorts(t.Context(), Loopback, 20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if seen[p] {
			t.Errorf("port %d was given twice in %v", p, ports)
		}
		seen[p] = true
	}
}

func TestAllTellsTheFirstErrorAndEndsTheOthers(t *testing.T) {
	first := errors.New("first")
	err := All(t.Context(),
		func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		func(context.Context) error { return first },
		func(context.Context) error { return nil })
	if err != first {
		t.Errorf("error %v, expected %v", err, first)
	}
	if err := All(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Errorf("nothing failed, and the error is %v", err)
	}
}

func TestAwaitGivesUpOnWhatHasEnded(t *testing.T) {
	checks := 0
	err := Await(t.Context(), "something", func(context.Context) error {
		if checks++; checks < 3 {
			return errors.New("not yet")
		}
		return ErrEnded
	})
	if checks != 3 || !errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), "something") {
		t.Errorf("%d checks, error %v; expected 3 and %v", checks, err, ErrEnded)
	}
}
