package assets

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const emissaryModule = "github.com/emissary-ingress/emissary/v3"

// build builds p into the cache. The cache never holds an incomplete p.
func (s Store) build(ctx context.Context, p program) error {
	fmt.Fprintf(s.Log, "cluster: building %s %s, %s\n", p.name, p.version, about(p.took))
	began := time.Now()
	path := filepath.Join(s.Dir, p.name)
	aside := path + ".new"
	args := append([]string{"build", "-trimpath", "-o", aside}, p.flags...)
	cmd := s.goCommand(ctx, p.folder, append(args, p.pkg)...)
	cmd.Stdout = s.Log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s from %s: %w (the output of go is above)", p.name, p.pkg, err)
	}
	if !p.builtAt(aside) {
		return fmt.Errorf("build %s: %s is not version v%s of %s: make the version in test/cluster/assets and in the go.mod that requires it agree",
			p.name, aside, p.version, p.module)
	}
	if err := os.Rename(aside, path); err != nil {
		return fmt.Errorf("build %s: %w", p.name, err)
	}
	fmt.Fprintf(s.Log, "cluster: built %s in %s\n", p.name, time.Since(began).Round(time.Second))
	return nil
}

// Own builds a program of this repository, in a folder relative to test/cluster, and returns
// its path. Every copy of the repository has its own binaries. The go command does not build
// an up-to-date one again.
func (s Store) Own(ctx context.Context, folder string) (string, error) {
	if s.Source == "" {
		return "", fmt.Errorf("build %s: found no folder test/cluster: run this inside the canarize repository", folder)
	}
	dir := filepath.Join(filepath.Dir(s.Dir), fmt.Sprintf("own-%.4x", sha256.Sum256([]byte(s.Source))))
	path := filepath.Join(dir, filepath.Base(filepath.Join(s.Source, folder)))
	cmd := s.goCommand(ctx, folder, "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Stdout = s.Log
	if err := s.aloud(filepath.Base(path), cmd.Run); err != nil {
		return "", fmt.Errorf("build %s: %w (the output of go is above)", folder, err)
	}
	return path, nil
}

// copyCRDs copies the CRDs from the Go module of Emissary.
func (s Store) copyCRDs(ctx context.Context, path string) error {
	out, err := s.goCommand(ctx, "emissary", "mod", "download", "-json", emissaryModule).Output()
	if err != nil {
		return fmt.Errorf("download %s for its CRDs: %w", emissaryModule, err)
	}
	var module struct{ Dir, Version string }
	if err := json.Unmarshal(out, &module); err != nil {
		return fmt.Errorf("download %s for its CRDs: %w", emissaryModule, err)
	}
	if module.Version != "v"+EmissaryVersion {
		return fmt.Errorf("download %s for its CRDs: got %s, expected v%s: make test/cluster/assets and test/cluster/emissary/go.mod agree",
			emissaryModule, module.Version, EmissaryVersion)
	}
	crds, err := os.ReadFile(filepath.Join(module.Dir, "pkg", "api", "getambassador.io", "crds.yaml"))
	if err != nil {
		return fmt.Errorf("read the CRDs of Emissary: %w", err)
	}
	aside := path + ".new"
	if err := os.WriteFile(aside, crds, 0o644); err != nil {
		return fmt.Errorf("keep the CRDs of Emissary: %w", err)
	}
	return os.Rename(aside, path)
}

// goCommand prepares the go command in a folder of the source. The binaries are static and
// for this machine, whatever the environment sets.
func (s Store) goCommand(ctx context.Context, folder string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(s.Source, folder)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	cmd.Stderr = s.Log
	// After an interrupt go ends its compilers; after a kill it could not.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// lock keeps two builds from using the same cache at the same time. The kernel releases it
// when its holder dies.
func (s Store) lock(ctx context.Context) (unlock func(), err error) {
	path := filepath.Join(s.Dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the cache: %w", err)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for waits := 0; ; waits++ {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if waits%300 == 0 { // log at once, and every minute
			fmt.Fprintf(s.Log, "cluster: waiting for another build to release %s\n", path)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, ctx.Err())
		case <-tick.C:
		}
	}
}
