package canary_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/manifest/golden"
	"github.com/canarize/canarize/internal/note"
)

// TestGolden derives the canary of every input in testdata/golden and compares
// the canary or the error, and the notes, with the file.
func TestGolden(t *testing.T) {
	golden.Compare(t, []string{"error", "canary.yml", "notes"}, func(t *testing.T, files map[string]string) map[string]string {
		canaries, notes, err := derive(t, files)
		if err != nil {
			return map[string]string{"error": err.Error() + "\n"}
		}
		return map[string]string{"canary.yml": canaries, "notes": notes}
	})
}

// TestOrderOfInput derives every input in reverse order. The objects must be
// the same.
func TestOrderOfInput(t *testing.T) {
	for name, files := range golden.Files(t) {
		documents := strings.Split(files["input.yml"], "---\n")
		slices.Reverse(documents)
		files["input.yml"] = strings.Join(documents, "---\n")
		have, _, err := derive(t, files)
		if (err != nil) != (files["error"] != "") {
			t.Errorf("%s backwards: %v", name, err)
		}
		if diff := cmp.Diff(sorted(files["canary.yml"]), sorted(have)); diff != "" {
			t.Errorf("%s backwards: %s", name, diff)
		}
	}
}

// sorted returns the documents in sorted order, without the blank lines between
// them.
func sorted(documents string) []string {
	return slices.Sorted(strings.SplitSeq(strings.ReplaceAll(documents, "\n\n", "\n"), "---\n"))
}

// derive runs Derive on the files of an archive and drops the debug notes.
func derive(t *testing.T, files map[string]string) (canaries, notes string, err error) {
	options := canary.Options{Weight: 10, Suffix: "-canary"}
	if text := files["options.json"]; text != "" {
		if err := json.Unmarshal([]byte(text), &options); err != nil {
			t.Fatal(err)
		}
	}
	namespace := "default"
	if options.Namespace != "" {
		namespace = options.Namespace
	}
	if files["stable.yml"] != "" {
		options.Baseline = read(t, "stable.yml", files["stable.yml"], namespace)
	}
	set := read(t, "input.yml", files["input.yml"], namespace)
	result, err := canary.Derive(set, options)
	if err != nil {
		return "", "", err
	}
	for _, n := range note.Sort(result.Notes, set.Objects) {
		if n.Level > note.Debug {
			notes += n.String() + "\n"
		}
	}
	return printed(t, result), notes, nil
}

func read(t *testing.T, name, text, namespace string) *manifest.Set {
	t.Helper()
	objects, err := manifest.Parse(manifest.Source{Name: name, Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	set, err := manifest.NewSet(objects, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func printed(t *testing.T, result canary.Result) string {
	t.Helper()
	var objects []*manifest.Object
	for _, d := range result.Derived {
		objects = append(objects, d.Canary)
	}
	text, err := manifest.Print(objects)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
