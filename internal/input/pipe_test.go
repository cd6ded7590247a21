//go:build unix

package input

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPipesInFolders: a named pipe in a folder is an error, and does not block. A pipe
// that the user names is read. (Before, the command hung.)
func TestPipesInFolders(t *testing.T) {
	pipe := func(parts ...string) string {
		path := filepath.Join(append([]string{t.TempDir()}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := pipe("app.yml")
	linked := filepath.Join(t.TempDir(), "link.yml")
	if err := os.Symlink(plain, linked); err != nil {
		t.Fatal(err)
	}
	resource := pipe("app.yml")
	if err := os.WriteFile(filepath.Join(filepath.Dir(resource), "kustomization.yaml"), []byte("resources: [app.yml]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ folder, file string }{
		{filepath.Dir(plain), plain}, {filepath.Dir(linked), linked}, {filepath.Dir(resource), resource},
		{filepath.Dir(pipe("kustomization.yaml")), "kustomization.yaml"},
	} {
		_, err := Objects(t.Context(), []string{c.folder}, Options{})
		if err == nil || !strings.Contains(err.Error(), c.file+": this is a named pipe, and canarize reads only regular files in a folder") {
			t.Errorf("%s: %v", c.file, err)
		}
	}
	named := pipe("app.yml")
	go func() { _ = os.WriteFile(named, []byte("{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}"), 0) }()
	if objects, err := Objects(t.Context(), []string{named}, Options{}); err != nil || len(objects) != 1 {
		t.Errorf("%d objects, error %v", len(objects), err)
	}
}
