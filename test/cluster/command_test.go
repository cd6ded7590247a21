package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/canarize/canarize/test/cluster/controlplane"
)

// TestMain makes the test binary act as the command when a test starts it as such.
func TestMain(m *testing.M) {
	if os.Getenv("BE_CLUSTER") != "" {
		main()
	}
	os.Exit(m.Run())
}

func cluster(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(cmd.Environ(), "BE_CLUSTER=1")
	cmd.Stderr = t.Output()
	return cmd
}

// checkNothingLeft fails if a process still has the folder in its command line, or if the
// folder exists. A component that started too late to write its record may take a moment to
// exit.
func checkNothingLeft(t *testing.T, dir string) {
	t.Helper()
	waitUntil(t, "end of all processes that know "+dir, func() bool { return !anyKnows(t, dir) })
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder %s: %v, expected it to be gone", dir, err)
	}
}

// anyKnows reports whether a process has dir in its command line.
func anyKnows(t *testing.T, dir string) bool {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(lines, func(path string) bool {
		line, _ := os.ReadFile(path) // an error means that the process has ended
		return bytes.Contains(line, []byte(dir))
	})
}

func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 3000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: not within 30 s", what)
}

func recorded(dir, name string) func() bool {
	return func() bool {
		all, _ := controlplane.Processes(dir) // the folder may not exist yet
		for _, p := range all {
			if p.Name == name {
				return true
			}
		}
		return false
	}
}

// stages are instants during `up`.
func stages(dir string) map[string]func() bool {
	exists := func(name string) func() bool {
		return func() bool {
			_, err := os.Stat(filepath.Join(dir, name))
			return err == nil
		}
	}
	return map[string]func() bool{
		"folder made":             exists("."),
		"folder claimed":          exists("cluster.json"),
		"keys written":            exists("pki/admin.crt"),
		"etcd being started":      exists("etcd.log"),
		"etcd recorded":           recorded(dir, "01-etcd"),
		"apiserver being started": exists("kube-apiserver.log"),
		"apiserver recorded":      recorded(dir, "02-kube-apiserver"),
	}
}

func TestUpKilledInTheMiddleThenDown(t *testing.T) {
	root := t.TempDir()
	for name := range stages("") {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(root, strings.ReplaceAll(name, " ", "-"))
			up := cluster(t, "up", "--dir", dir)
			if err := up.Start(); err != nil {
				t.Fatal(err)
			}
			waitUntil(t, name, stages(dir)[name])
			if err := up.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := cluster(t, "down", "--dir", dir).Run(); err != nil {
				t.Error("down:", err)
			}
			_ = up.Wait()
			checkNothingLeft(t, dir)
		})
	}
}

func TestCtrlCInTheMiddleOfUpLeavesNothing(t *testing.T) {
	root := t.TempDir()
	for name := range stages("") {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(root, strings.ReplaceAll(name, " ", "-"))
			up := cluster(t, "up", "--dir", dir)
			if err := up.Start(); err != nil {
				t.Fatal(err)
			}
			waitUntil(t, name, stages(dir)[name])
			if err := up.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if err := up.Wait(); err == nil {
				t.Error("up says it has succeeded after Ctrl-C")
			}
			checkNothingLeft(t, dir)
		})
	}
}

func TestDownWhileUpIsBusy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	up := cluster(t, "up", "--dir", dir)
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "etcd recorded", recorded(dir, "01-etcd"))
	if err := cluster(t, "down", "--dir", dir).Run(); err != nil {
		t.Error("down:", err)
	}
	if err := up.Wait(); err == nil {
		t.Error("up says it has succeeded although down has ended it")
	}
	checkNothingLeft(t, dir)
}

func TestUpStatusDown(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	t.Cleanup(func() { _ = cluster(t, "down", "--dir", dir).Run() })
	out, err := cluster(t, "up", "--dir", dir).Output()
	if err != nil {
		t.Fatal("up:", err)
	}
	if got, want := string(out), filepath.Join(dir, "kubeconfig")+"\n"; got != want {
		t.Errorf("up printed %q, expected %q", got, want)
	}
	out, err = cluster(t, "status", "--dir", dir).Output()
	if err != nil || strings.Count(string(out), " runs\n") != 2 {
		t.Errorf("status printed %q, %v; expected two processes that run", out, err)
	}
	if err := cluster(t, "down", "--dir", dir).Run(); err != nil {
		t.Error("down:", err)
	}
	if err := cluster(t, "status", "--dir", dir).Run(); err == nil {
		t.Error("status after down exits 0")
	}
	checkNothingLeft(t, dir)
}

func TestAttachedEndsWithItsStandardInput(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	up := cluster(t, "up", "--attached", "--json", "--dir", dir)
	in, err := up.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := up.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	var state controlplane.State
	if err := json.NewDecoder(out).Decode(&state); err != nil {
		t.Fatal(err)
	}
	if !state.Ready || state.Dir != dir || state.Kubeconfig == "" || state.Kubectl == "" {
		t.Errorf("up printed %+v", state)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := up.Wait(); err != nil {
		t.Error(err)
	}
	checkNothingLeft(t, dir)
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		out  string
		err  string
	}{
		{nil, 0, "Usage: cluster", ""},
		{[]string{"help"}, 0, "Usage: cluster", ""},
		{[]string{"up", "-h"}, 0, "Usage: cluster", ""},
		{[]string{"stop"}, 2, "", `no command "stop"`},
		{[]string{"up", "--dri", "x"}, 2, "", "-dri"},
		{[]string{"down", "x"}, 2, "", `unexpected argument "x"`},
		{[]string{"load-image", "web:1"}, 2, "", "name the image and the program"},
		{[]string{"down", "--dir", ""}, 2, "", "--dir is empty"},
	} {
		var out, err bytes.Buffer
		code := run(t.Context(), c.args, streams{in: strings.NewReader(""), out: &out, err: &err})
		if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(err.String(), c.err) {
			t.Errorf("cluster %q: exit %d, %q, %q; expected %d, %q, %q", c.args, code, out.String(), err.String(), c.code, c.out, c.err)
		}
	}
}
