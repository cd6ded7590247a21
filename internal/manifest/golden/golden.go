// Package golden compares what is derived from manifests with the txtar archives in
// testdata/golden. With -update it writes the archives.
package golden

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the files that the tests compare with")

// Compare calls derive with the files of every archive in testdata/golden, by name, and
// compares the result with the outputs in the archive. An output that is "" has no file.
// The other files of an archive are inputs.
func Compare(t *testing.T, outputs []string, derive func(t *testing.T, files map[string]string) map[string]string) {
	archives := read(t)
	for _, name := range slices.Sorted(maps.Keys(archives)) {
		archive := archives[name]
		t.Run(name, func(t *testing.T) {
			files := contents(archive)
			have := derive(t, files)
			archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return slices.Contains(outputs, f.Name) })
			for _, output := range outputs {
				if *update && have[output] != "" {
					archive.Files = append(archive.Files, txtar.File{Name: output, Data: []byte(have[output])})
				}
				if diff := cmp.Diff(files[output], have[output]); diff != "" && !*update {
					t.Errorf("%s (-want +have; -update writes it):\n%s", output, diff)
				}
			}
			if *update {
				if err := os.WriteFile(path(name), txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Files returns the files of every archive in testdata/golden, by the archive's name and
// their own.
func Files(t testing.TB) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for name, archive := range read(t) {
		all[name] = contents(archive)
	}
	return all
}

func path(name string) string { return filepath.Join("testdata", "golden", name+".txtar") }

func read(t testing.TB) map[string]*txtar.Archive {
	t.Helper()
	paths, err := filepath.Glob(path("*"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no files", err)
	}
	archives := map[string]*txtar.Archive{}
	for _, p := range paths {
		archive, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		archives[strings.TrimSuffix(filepath.Base(p), ".txtar")] = archive
	}
	return archives
}

func contents(archive *txtar.Archive) map[string]string {
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}
