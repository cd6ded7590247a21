// Package bundle derives canaries for applications in the shape of well-known public
// ones. Each folder is an application:
//
//	generate.args  the arguments of canarize generate, run in the folder
//	expected.txt   which outcome is right, and why: see parseExpected
//	outcome.txt    what canarize makes of it; -update writes it
//
// docs/bundle.md shows all of that. test/integration applies the applications and their
// canaries to a real API server.
package bundle

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write outcome.txt of every application, and docs/bundle.md")

// applications returns the folders of the applications.
func applications(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("*/generate.args")
	if err != nil || len(found) < 15 {
		t.Fatal(len(found), "applications", err)
	}
	for i, path := range found {
		found[i] = filepath.Dir(path)
	}
	return found
}

// TestBundle compares what canarize makes of every application with outcome.txt, and with
// what a person finds right.
func TestBundle(t *testing.T) {
	for _, folder := range applications(t) {
		t.Run(folder, func(t *testing.T) {
			o := generate(t, folder)
			file := filepath.Join(folder, "outcome.txt")
			if *update {
				if err := os.WriteFile(file, []byte(o.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(read(t, folder, "outcome.txt"), o.String()); diff != "" {
				t.Errorf("%s (-want +have; -update writes it):\n%s", file, diff)
			}
			expected := parseExpected(t, folder)
			if *update {
				expected = expected.arrived(o)
				expected.write(t, folder)
			}
			for _, problem := range expected.compare(o) {
				t.Error(problem)
			}
		})
	}
}
