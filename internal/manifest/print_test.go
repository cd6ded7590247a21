package manifest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPrintedExamples prints the repository's own manifests. kubectl must read
// the same values as before, and no comment may be lost.
func TestPrintedExamples(t *testing.T) {
	objects := 0
	for _, file := range manifestFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		read, err := Parse(Source{Name: file, Data: text})
		if err != nil {
			t.Fatal(err)
		}
		var printed strings.Builder
		for _, o := range read {
			printed.WriteString(checkPrinted(t, o))
			checkPrinted(t, edited(o))
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			for line := range strings.Lines(document) {
				line = strings.TrimSpace(line)
				if strings.Contains(document, "kind:") && strings.HasPrefix(line, "#") && !strings.Contains(printed.String(), line) {
					t.Errorf("%s: the comment %q is lost", file, line)
				}
			}
		}
		objects += len(read)
	}
	if objects < 100 {
		t.Fatalf("only %d objects in the examples", objects)
	}
}

// manifestFiles returns the repository's manifests.
func manifestFiles(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../../manifests/*.yml", "../../examples/*/*.y*ml", "../../test/integration/testdata/cases/*/*.y*ml", "../../test/integration/testdata/cases/*/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal("no files are ", pattern, err)
		}
		all = append(all, slices.DeleteFunc(files, func(file string) bool {
			return slices.Contains([]string{"azure-pipelines", "calibrate", "events", "judge", "lint", "metrics", "releasing", "simulate"}, filepath.Base(filepath.Dir(file))) // no objects for a cluster
		})...)
	}
	return all
}

// TestCommentBetweenItems prints comments that a blank line separates from the
// next list item. They must stay in place.
func TestCommentBetweenItems(t *testing.T) {
	const head = "apiVersion: v1\nkind: K\nmetadata:\n  name: a\nitems:\n"
	for name, c := range map[string]struct{ text, want string }{
		"between mappings":        {"- a: b\n# c\n\n- a: c\n  d: e\n", "- a: b\n# c\n- a: c\n  d: e\n"},
		"before flow":             {"- a: b\n# c\n# d\n\n- {}\n", "- a: b\n# c\n# d\n- {}\n"},
		"before a scalar":         {"- a: b\n# c\n\n- d\n# e\n\n- f\n", "- a: b\n# c\n- d\n# e\n\n- f\n"},
		"above another comment":   {"- a: b\n# c\n\n# d\n- a: c\n", "- a: b\n# c\n\n# d\n- a: c\n"},
		"indented list":           {"  - a: b\n  # c\n\n  - a: c\n", "  - a: b\n  # c\n  - a: c\n"},
		"none: it is text":        {"- |\n  a\n  # c\n\n- a: c\n", "- |\n  a\n  # c\n- a: c\n"},
		"behind a value in a map": {"- a: b\n  # c\n\n  d: e\n- a: b\n", "- a: b\n  # c\n\n  d: e\n- a: b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := Parse(Source{Name: "x.yml", Data: []byte(head + c.text)})
			if err != nil {
				t.Fatal(err)
			}
			text, err := objects[0].YAML()
			if err != nil || string(text) != head+c.want {
				t.Errorf("%v: not\n%s but\n%s", err, head+c.want, text)
			}
		})
	}
}
