// Package site runs a cluster with a node for tests, by the command test/cluster: a
// real Kubernetes with a gateway that routes as Emissary does, Prometheus, and
// images of the sample application in versions 1 and 2.
//
// It needs Linux, root and a few programs; one line names what is missing.
package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Site is a cluster that ends with the test that started it.
type Site struct {
	Root string // of the repository
	Dir  string // of the cluster, with the logs of its components

	Kubeconfig  string
	Kubectl     string // path, of the same version as the cluster
	Gateway     string // URL of the gateway
	Diagnostics string // URL of its port 8877
	Prometheus  string // URL

	t       testing.TB
	bin     string
	cluster string // the program
	stop    func()
}

// limit is the timeout of one program on a busy machine.
const limit = 5 * time.Minute

// Start builds and starts everything, and stops it at the end of t. If this process dies,
// the cluster ends too.
func Start(t testing.TB, root string) *Site {
	t.Helper()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{Root: root, t: t, bin: t.TempDir(), Dir: filepath.Join(t.TempDir(), "cluster")}
	s.cluster = s.Build("test/cluster")
	up := exec.Command(s.cluster, "up", "--node", "--attached", "--json", "--dir", s.Dir)
	up.Dir = filepath.Join(root, "test", "cluster")
	up.Stderr = os.Stderr // at once: a build takes minutes
	in, err := up.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := up.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal("start the cluster:", err)
	}
	s.stop = sync.OnceFunc(func() {
		_ = in.Close()
		defer time.AfterFunc(limit, func() { _ = up.Process.Kill() }).Stop()
		if err := up.Wait(); err != nil {
			t.Error("end the cluster:", err)
		}
	})
	t.Cleanup(s.stop)
	if err := json.NewDecoder(out).Decode(s); err != nil {
		t.Fatal("start the cluster (its own message is above):", err)
	}
	return s
}

// For returns the same site for another test.
func (s Site) For(t testing.TB) *Site {
	s.t = t
	return &s
}

// Stop ends the cluster before the end of the test.
func (s *Site) Stop() {
	s.t.Helper()
	s.stop()
	if _, err := os.Stat(s.Dir); !errors.Is(err, fs.ErrNotExist) {
		s.t.Errorf("the folder of the cluster is left: %v", err)
	}
}

// Build builds a program of the repository from its folder and returns its path. The program
// is static, so that an image can be made of it.
func (s *Site) Build(folder string) string {
	s.t.Helper()
	path := filepath.Join(s.bin, filepath.Base(folder))
	s.Run(nil, filepath.Join(s.Root, folder), "env", "CGO_ENABLED=0", "go", "build", "-o", path, ".")
	return path
}

// Run runs a program in a folder and returns its output.
func (s *Site) Run(input []byte, dir, name string, args ...string) []byte {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("%s %q: %v\n%s", filepath.Base(name), args, err, errs.Bytes())
	}
	return out.Bytes()
}

// Kube runs kubectl, with input as its standard input.
func (s *Site) Kube(input []byte, args ...string) []byte {
	s.t.Helper()
	return s.Run(input, s.Root, s.Kubectl, append([]string{"--kubeconfig", s.Kubeconfig}, args...)...)
}

// Apply applies objects.
func (s *Site) Apply(objects []byte) {
	s.t.Helper()
	s.Kube(objects, "apply", "-f", "-")
}

// AwaitRollout waits until a workload (`deployment/web`) has all its pods.
func (s *Site) AwaitRollout(workload string) {
	s.t.Helper()
	s.Kube(nil, "rollout", "status", "--timeout=2m", workload)
}

// LoadImage builds an image of a static program, with an environment of KEY=VALUE, and
// loads it into the node.
func (s *Site) LoadImage(name, program string, env ...string) {
	s.t.Helper()
	s.Run(nil, s.Root, s.cluster, append([]string{"load-image", "--dir", s.Dir, name, program}, env...)...)
}

// Await waits until holds returns true, for at most a minute.
func (s *Site) Await(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); !holds(); {
		select {
		case <-deadline:
			s.t.Fatalf("not within a minute: %s", what)
		case <-tick.C:
		}
	}
}
