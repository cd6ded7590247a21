// Package section replaces the measured part of a document.
package section

import (
	"fmt"
	"os"
	"strings"
)

// Replace puts a text between the lines <!-- bench:NAME:begin --> and <!--
// bench:NAME:end --> of a file.
func Replace(file, name, text string) error {
	begin, end := "<!-- bench:"+name+":begin -->\n", "<!-- bench:"+name+":end -->"
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(old), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s: expected the lines %s and %s", file, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(file, []byte(before+begin+text+end+after), 0o644)
}
