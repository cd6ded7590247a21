package controlplane

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarize/canarize/test/cluster/assets"
	"github.com/canarize/canarize/test/cluster/process"
)

// built returns the programs that `cluster build` has built; tests build none themselves.
func built(t *testing.T) assets.Assets {
	t.Helper()
	store, err := assets.DefaultStore(os.Getenv, t.TempDir(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	a, err := store.Ensure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func startIn(t *testing.T, dir string) (State, []process.Process) {
	t.Helper()
	s, err := Start(t.Context(), Options{Dir: dir, Assets: built(t), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	processes, err := Processes(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(processes) != 2 {
		t.Fatalf("processes %v, expected etcd and kube-apiserver", processes)
	}
	return s, processes
}

func stopAndCheck(t *testing.T, dir string, processes []process.Process) {
	t.Helper()
	if err := Stop(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		if p.Running() {
			t.Errorf("%+v runs after Stop", p)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder %s after Stop: %v, expected it to be gone", dir, err)
	}
}

func kubectl(t *testing.T, s State, input string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.Kubectl, append([]string{"--kubeconfig", s.Kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

const mapping = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: web}
spec: {hostname: "*", prefix: /, service: "web:80", weight: 10}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web}
spec: {endpoints: [{port: metrics}]}
`

func TestStartAndStopTwice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	for range 2 {
		s, processes := startIn(t, dir)
		if out := kubectl(t, s, mapping, "apply", "--server-side", "-f", "-"); strings.Count(out, "serverside-applied") != 2 {
			t.Errorf("kubectl apply printed %q, expected both to be applied", out)
		}
		if out := kubectl(t, s, "", "version"); !strings.Contains(out, "Server Version: v"+assets.KubernetesVersion) {
			t.Errorf("kubectl version printed %q, expected v%s", out, assets.KubernetesVersion)
		}
		if _, err := Start(t.Context(), Options{Dir: dir, Assets: built(t), Log: t.Output()}); !errors.Is(err, ErrRunning) {
			t.Errorf("second Start in the same folder: %v, expected ErrRunning", err)
		}
		stopAndCheck(t, dir, processes)
	}
}

func TestStopAfterACrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	_, processes := startIn(t, dir)
	if err := processes[1].Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	stopAndCheck(t, dir, processes)
}

func TestStartAfterACrashOfEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	_, processes := startIn(t, dir)
	for _, p := range processes {
		if err := p.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, processes = startIn(t, dir)
	stopAndCheck(t, dir, processes)
}

func TestAForeignFolderIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{Dir: dir, Log: t.Output()}); err == nil || !strings.Contains(err.Error(), "precious") {
		t.Errorf("Start in a folder that holds something: %v, expected an error that names it", err)
	}
	if err := Stop(t.Context(), dir); err == nil {
		t.Error("Stop of a folder that holds no control plane: expected an error")
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestStopOfNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	if err := Stop(t.Context(), dir); err != nil {
		t.Errorf("Stop without a folder: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	stopAndCheck(t, dir, nil)
}

func TestAFailedStartTellsWhyAndLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	a := built(t)
	a.APIServer = filepath.Join(t.TempDir(), "kube-apiserver")
	if err := os.WriteFile(a.APIServer, []byte("#!/bin/sh\necho the dog ate my certificate\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: dir, Assets: a, Log: t.Output()})
	if err == nil || !strings.Contains(err.Error(), "the dog ate my certificate") {
		t.Errorf("Start with a broken kube-apiserver: %v, expected its output", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder after a failed Start: %v, expected it to be gone", err)
	}
}
