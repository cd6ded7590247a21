package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var update = flag.Bool("update", false, "write the files that the tests compare with")

// documented returns a command and the commands below it that have a page.
func documented(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			all = append(all, documented(c)...)
		}
	}
	return all
}

// pageName returns the name of a command's page.
func pageName(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "_") + ".md"
}

var pageLink = regexp.MustCompile(`\]\(([a-z_]+\.md)\)`)

// TestReference: the command reference matches the code, and its links lead to pages.
func TestReference(t *testing.T) {
	root := newRoot("canarize", Streams{})
	root.InitDefaultCompletionCmd()
	commands := documented(root)
	dir := filepath.Join("..", "..", "docs", "reference")
	for _, cmd := range commands {
		var page bytes.Buffer
		if err := doc.GenMarkdown(cmd, &page); err != nil {
			t.Fatal(err)
		}
		for _, link := range pageLink.FindAllStringSubmatch(page.String(), -1) {
			if !slices.ContainsFunc(commands, func(c *cobra.Command) bool { return pageName(c) == link[1] }) {
				t.Errorf("%s: there is no page %s", cmd.CommandPath(), link[1])
			}
		}
		file := filepath.Join(dir, pageName(cmd))
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
