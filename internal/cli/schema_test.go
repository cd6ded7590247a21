package cli

import (
	"bytes"
	"os"
	"testing"

	"github.com/canarize/canarize/bench/section"
	"github.com/canarize/canarize/internal/releasefile"
)

// TestFields compares the table of docs/release-file.md with the code.
func TestFields(t *testing.T) {
	const file = "../../docs/release-file.md"
	table := fieldTable(releasefile.Fields())
	if *update {
		if err := section.Replace(file, "fields", table); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte(table)) {
		t.Errorf("the fields in %s are not what the code says; run make docs", file)
	}
}

// TestSchema compares the schema that is checked in with the code.
func TestSchema(t *testing.T) {
	const file = "../../docs/release.schema.json"
	var out bytes.Buffer
	if code := Main(t.Context(), []string{"canarize", "schema"}, Streams{Out: &out, Err: os.Stderr}); code != 0 {
		t.Fatal("exit code", code)
	}
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run make docs", err)
	}
	if !bytes.Equal(have, out.Bytes()) {
		t.Errorf("%s is not what the code says; run make docs", file)
	}
}
