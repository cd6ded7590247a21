//go:build browser

package browser

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the pictures of the documents")

// TestPictures: while users are hurt, the page is whole on a phone, a laptop and a wall, and
// so is the same release on a dashboard, and its report. With -update these are the pictures
// of the documents.
func TestPictures(t *testing.T) {
	folder := t.TempDir()
	s := play(t, "errors")
	var names []string
	drive(t, &names, nil, "pictures", s.URL, watch(t, s).URL, folder)
	if len(names) != 5 {
		t.Errorf("%q", names)
	}
	if !*update {
		return
	}
	for _, name := range names {
		picture, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("..", "..", "docs", name), picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
