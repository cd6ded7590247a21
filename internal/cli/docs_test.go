package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// between separates the parts of a message in the documents.
var between = regexp.MustCompile("…|; ")

// TestTroubleshooting: the code can print every message that docs/troubleshooting.md
// explains. The problem and the advice after the semicolon may come from two places.
func TestTroubleshooting(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	err = filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	messages := regexp.MustCompile("(?m)^### `(.+)`$").FindAllStringSubmatch(string(page), -1)
	if len(messages) < 25 {
		t.Errorf("only %d messages; did the format of the page change?", len(messages))
	}
	for _, m := range messages {
		for _, part := range between.Split(m[1], -1) {
			if part = strings.Trim(part, " "); !strings.Contains(code.String(), part) {
				t.Errorf("no message in the code contains %q; from %q", part, m[1])
			}
		}
	}
}
