package section

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.md")
	const text = "a\n<!-- bench:x:begin -->\nold\n<!-- bench:x:end -->\nb\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Replace(file, "x", "new\n"); err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(file)
	if want := "a\n<!-- bench:x:begin -->\nnew\n<!-- bench:x:end -->\nb\n"; err != nil || string(have) != want {
		t.Errorf("%q, %v instead of %q", have, err, want)
	}
	if err := Replace(file, "y", "new\n"); err == nil || !strings.Contains(err.Error(), "bench:y:begin") {
		t.Errorf("a section that does not exist: %v", err)
	}
}
