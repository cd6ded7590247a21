package note_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/note"
)

var update = flag.Bool("update", false, "write the table of docs/warnings.md")

const (
	page       = "../../docs/warnings.md"
	tableBegin = "<!-- names:begin -->\n"
	tableEnd   = "<!-- names:end -->\n"
)

// TestPage checks that docs/warnings.md lists every name with its meaning, in the order of
// their harm, and says in a section of its own what to do.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableBegin)
	table, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		t.Fatalf("%s has no %s and %s", page, tableBegin, tableEnd)
	}
	want := "| name | meaning |\n|---|---|\n"
	var names []string
	for _, n := range note.Names() {
		want += fmt.Sprintf("| [`%s`](#%s) | %s |\n", n, n, n.Meaning())
		names = append(names, string(n))
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("%s (-want +have; -update writes it): %s", page, diff)
	}
	var sections []string
	for _, m := range regexp.MustCompile(`(?m)^### (.*)\n\n\S`).FindAllStringSubmatch(after, -1) {
		sections = append(sections, m[1])
	}
	if !slices.Equal(names, sections) {
		t.Errorf("%s: the sections differ from the names: %s", page, cmp.Diff(names, sections))
	}
}
