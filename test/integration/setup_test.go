//go:build integration

// Package integration runs the real canarize against a real kube-apiserver
// with the applications of the folders examples, testdata/cases and test/bundle, and the
// sample of the folder manifests.
//
// The control plane comes from test/cluster. Build it beforehand with
// `go -C test/cluster run . build`: the first time takes minutes.
package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// suite holds what the tests share: one control plane, one canarize.
type suite struct {
	root        string // of the repository
	kubeconfig  string
	kubectl     string
	canarize    string
	canarizeErr error // of its build; the stable objects are tested anyway
}

// Test runs all tests of this package on one control plane.
func Test(t *testing.T) {
	s := setUp(t)
	t.Run("examples", s.testExamples)
	t.Run("bundle", s.testBundle)
	t.Run("readmes", s.testReadmes)
	t.Run("kube", s.testKube)
	t.Run("releases", s.testReleases)
	t.Run("runs", s.testRuns)
	t.Run("endings", s.testEndings)
	t.Run("doctor", s.testDoctor)
	t.Run("step by step", s.testStepByStep)
	t.Run("neighbours", func(t *testing.T) {
		for name, run := range neighbours {
			t.Run(name, func(t *testing.T) { run(t, newShop(t, s.site(t))) })
		}
	})
	t.Run("no server", s.testNoServer)
}

func setUp(t *testing.T) suite {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	s := suite{root: root, canarize: filepath.Join(t.TempDir(), "canarize")}
	s.canarizeErr = goBuild(t.Context(), root, s.canarize, "./cmd/canarize")
	cluster := os.Getenv("CANARIZE_CLUSTER")
	if cluster == "" {
		cluster = filepath.Join(t.TempDir(), "cluster")
		if err := goBuild(t.Context(), filepath.Join(root, "test", "cluster"), cluster, "."); err != nil {
			t.Fatal(err)
		}
	}
	s.startCluster(t, cluster, filepath.Join(t.TempDir(), "control-plane"))
	return s
}

func goBuild(ctx context.Context, folder, output, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", output, pkg)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s in %s: %w\n%s", pkg, folder, err, out)
	}
	return nil
}

// startCluster starts a control plane that ends when its standard input ends, and so with
// this process, even if that is killed.
func (s *suite) startCluster(t *testing.T, cluster, dir string) {
	t.Helper()
	up := exec.Command(cluster, "up", "--attached", "--json", "--dir", dir)
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
		t.Fatal("start the control plane:", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := up.Wait(); err != nil {
			t.Error("end the control plane:", err)
		}
	})
	var state struct{ Kubeconfig, Kubectl string }
	if err := json.NewDecoder(out).Decode(&state); err != nil {
		t.Fatal("start the control plane (its own message is above):", err)
	}
	s.kubeconfig, s.kubectl = state.Kubeconfig, state.Kubectl
}

// program is a command to run in a folder.
type program struct {
	path string
	dir  string
	args []string // come before the arguments of each run
}

// run runs p and returns its standard output. An exit code other than 0 fails the test.
func (p program) run(t *testing.T, input []byte, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("not finished within a minute"))
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, append(p.args[:len(p.args):len(p.args)], args...)...)
	cmd.Dir = p.dir
	if input != nil {
		cmd.Stdin = bytes.NewReader(input)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", filepath.Base(p.path), args, err, errs.Bytes(), head(out.Bytes()))
	}
	_, _ = io.Copy(t.Output(), &errs)
	return out.Bytes()
}

func head(b []byte) []byte { return b[:min(len(b), 2000)] }
