package harm_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/harm"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/manifest/golden"
	"github.com/canarize/canarize/internal/note"
)

// TestGolden examines every input in testdata/golden and compares the notes with the file.
func TestGolden(t *testing.T) {
	golden.Compare(t, []string{"notes"}, func(t *testing.T, files map[string]string) map[string]string {
		return map[string]string{"notes": strings.Join(examine(t, files), "")}
	})
}

// TestOrderOfInput examines every input in reverse order. It must give the same notes,
// except that a note names the first of several.
func TestOrderOfInput(t *testing.T) {
	for name, files := range golden.Files(t) {
		want := withoutLines(examine(t, files))
		documents := strings.Split(files["input.yml"], "---\n")
		slices.Reverse(documents)
		files["input.yml"] = strings.Join(documents, "---\n")
		if diff := cmp.Diff(want, withoutLines(examine(t, files))); diff != "" {
			t.Errorf("%s backwards: %s", name, diff)
		}
	}
}

// TestOneWarning checks that an object has at most one warning of a name.
func TestOneWarning(t *testing.T) {
	for name, files := range golden.Files(t) {
		seen := map[string]bool{}
		for _, n := range notes(t, files) {
			key := n.Object.ID().String() + " " + string(n.Name)
			if n.Level == note.Warning && seen[key] {
				t.Errorf("%s: two warnings: %s", name, key)
			}
			seen[key] = true
		}
	}
}

// withoutLines sorts notes, and removes the lines of their objects.
func withoutLines(lines []string) []string {
	for i, l := range lines {
		_, lines[i], _ = strings.Cut(l, "input.yml:")
		_, lines[i], _ = strings.Cut(lines[i], ": ")
	}
	slices.Sort(lines)
	return lines
}

func examine(t *testing.T, files map[string]string) []string {
	var lines []string
	for _, n := range notes(t, files) {
		lines = append(lines, n.String()+"\n")
	}
	return lines
}

func notes(t *testing.T, files map[string]string) []note.Note {
	t.Helper()
	options := canary.Options{Weight: 10, Suffix: "-canary"}
	if text := files["options.json"]; text != "" {
		if err := json.Unmarshal([]byte(text), &options); err != nil {
			t.Fatal(err)
		}
	}
	set := setOf(t, files["input.yml"])
	derived, err := canary.Derive(set, options)
	if err != nil {
		t.Fatal(err)
	}
	return note.Sort(harm.Examine(set, derived), set.Objects)
}

func setOf(t *testing.T, text string) *manifest.Set {
	t.Helper()
	objects, err := manifest.Parse(manifest.Source{Name: "input.yml", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	set, err := manifest.NewSet(objects, "default")
	if err != nil {
		t.Fatal(err)
	}
	return set
}
