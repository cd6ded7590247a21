package controlplane

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
func fake(dir, script string) component {
	return component{
		name:  "01-fake",
		path:  "/bin/sh",
		ports: 1,
		args:  func(p []int) []string { return []string{"-c", "cd " + dir + "; " + script} },
		url:   func(p []int) string { return fmt.Sprint(p[0]) },
		ready: func(context.Context, string) error {
			_, err := os.Stat(filepath.Join(dir, "ready"))
			return err
		},
	}
}

func newLauncher(t *testing.T) launcher {
	t.Helper()
	dir := t.TempDir()
	table, err := process.NewTable(dir)
	if err != nil {
		t.Fatal(err)
	}
	return launcher{dir: dir, table: table, log: t.Output()}
}

func TestAPortTakenMeanwhileIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	const script = `if [ -e once ]; then touch ready; sleep 1; else touch once; echo bind: address already in use; fi`
	if _, err := newLauncher(t).launch(t.Context(), fake(dir, script)); err != nil {
		t.Error(err)
	}
}

func TestAnotherFailureIsNotTriedAgain(t *testing.T) {
	dir := t.TempDir()
	_, err := newLauncher(t).launch(t.Context(), fake(dir, `echo ran >>runs; echo unknown flag`))
	if !errors.Is(err, errEnded) || !strings.Contains(err.Error(), "unknown flag") {
		t.Errorf("error %v, expected %v with the output", err, errEnded)
	}
	runs, err := os.ReadFile(filepath.Join(dir, "runs"))
	if err != nil || string(runs) != "ran\n" {
		t.Errorf("runs %q, %v; expected one", runs, err)
	}
}

func TestFreePortsDiffer(t *testing.T) {
	ports, err := freePorts(t.Context(), 20)
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

func TestOnlyV3alpha1(t *testing.T) {
	documents, err := split([]byte(`
metadata: {name: mappings.getambassador.io}
spec:
  conversion: {strategy: Webhook}
  versions:
  - {name: v2, served: true, storage: true}
  - {name: v3alpha1, served: true, storage: false, schema: {kept: true}}
---
metadata: {name: old.getambassador.io}
spec: {versions: [{name: v2}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	crd, err := onlyV3alpha1(documents[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = "map[versions:[map[name:v3alpha1 schema:map[kept:true] served:true storage:true]]]"
	if got := fmt.Sprint(crd["spec"]); got != want {
		t.Errorf("spec %s, expected %s", got, want)
	}
	if _, err := onlyV3alpha1(documents[1]); err == nil || !strings.Contains(err.Error(), "old.getambassador.io") {
		t.Errorf("a CRD without v3alpha1: %v, expected an error that names it", err)
	}
}
