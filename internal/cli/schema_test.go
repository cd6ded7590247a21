package cli

import (
	"bytes"
	"os"
	"testing"

	"github.com/canarize/canarize/bench/section"
	"github.com/canarize/canarize/internal/releasefile"
)

// TestFields: the table in docs/release-file.md matches the code.
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
		t.Errorf("the fields in %s differ from the code; run make docs", file)
	}
}

// TestSchema: the committed schema matches the code.
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
		t.Errorf("%s differs from the code; run make docs", file)
	}
}
