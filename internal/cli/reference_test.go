package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var update = flag.Bool("update", false, "write the files that the tests compare with")

// TestReference: the command reference matches the code.
func TestReference(t *testing.T) {
	root := newRoot("canarize", Streams{})
	commands := append([]*cobra.Command{root}, root.Commands()...)
	dir := filepath.Join("..", "..", "docs", "reference")
	for _, cmd := range commands {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		var page bytes.Buffer
		if err := doc.GenMarkdown(cmd, &page); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "_")+".md")
		if *update {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v; run make docs", err)
		}
		if !bytes.Equal(have, page.Bytes()) {
			t.Errorf("%s differs from the code; run make docs", file)
		}
	}
}
