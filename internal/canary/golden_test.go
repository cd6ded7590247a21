package canary_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
)

var update = flag.Bool("update", false, "write the files that the tests compare with")

// TestGolden derives the canary of every input in testdata/golden and compares
// the canary or the error, and the notes, with the file.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { compare(t, file) })
	}
}

func compare(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	var kept []txtar.File
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
		if f.Name == "options.json" || f.Name == "input.yml" || f.Name == "stable.yml" {
			kept = append(kept, f)
		}
	}
	have := map[string]string{}
	canaries, notes, err := derive(t, files)
	if err != nil {
		have["error"] = err.Error() + "\n"
	} else {
		have["canary.yml"], have["notes"] = canaries, notes
	}
	archive.Files = kept
	for _, name := range []string{"error", "canary.yml", "notes"} {
		if *update && have[name] != "" {
			archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(have[name])})
		}
		if diff := cmp.Diff(files[name], have[name]); diff != "" && !*update {
			t.Errorf("%s (-want +have; -update writes it):\n%s", name, diff)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOrderOfInput derives every input in reverse order. The objects must be
// the same.
func TestOrderOfInput(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, f := range archive.Files {
			files[f.Name] = string(f.Data)
		}
		documents := strings.Split(files["input.yml"], "---\n")
		slices.Reverse(documents)
		files["input.yml"] = strings.Join(documents, "---\n")
		have, _, err := derive(t, files)
		if (err != nil) != (files["error"] != "") {
			t.Errorf("%s backwards: %v", file, err)
		}
		if diff := cmp.Diff(sorted(files["canary.yml"]), sorted(have)); diff != "" {
			t.Errorf("%s backwards: %s", file, diff)
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
	result, err := canary.Derive(read(t, "input.yml", files["input.yml"], namespace), options)
	if err != nil {
		return "", "", err
	}
	for _, n := range result.Notes {
		if n.Level > manifest.Debug {
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
