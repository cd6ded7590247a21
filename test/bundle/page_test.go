package bundle

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"
)

const page = "../../docs/bundle.md"

// TestPage checks that docs/bundle.md shows the outcome of every application, with the
// reviews of expected.txt. -update writes the tables; the rest is written by hand.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	have := string(text)
	want := have
	for _, folder := range applications(t) {
		want = replaceTable(t, want, folder, table(generate(t, folder), parseExpected(t, folder)))
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := diff.Diff(have, want); d != "" {
		t.Errorf("%s (-have +want; -update writes it):\n%s", page, d)
	}
}

// replaceTable puts the table of an application between its markers.
func replaceTable(t *testing.T, text, folder, table string) string {
	t.Helper()
	begin, end := "<!-- bundle:"+folder+":begin -->\n", "<!-- bundle:"+folder+":end -->"
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s: expected the lines %s and %s", page, strings.TrimSpace(begin), end)
	}
	return before + begin + table + end + after
}

// row is a row of a table. Objects with the same outcome and review share one.
type row struct {
	rank    int
	objects []string
	outcome string
	review  string
}

// table returns the outcome as a table in Markdown.
func table(o outcome, expected expectations) string {
	var rows []row
	add := func(rank int, object, outcome, review string) {
		for i, r := range rows {
			if r.rank == rank && r.outcome == outcome && r.review == review {
				rows[i].objects = append(r.objects, object)
				return
			}
		}
		rows = append(rows, row{rank, []string{object}, outcome, review})
	}
	reviews := map[string]expectation{}
	for _, e := range expected {
		reviews[e.key()] = e
		if e.status == later {
			add(6, e.object, "**missing:** "+title(e.what), e.review)
		}
	}
	for _, l := range o.lines {
		rank, outcome := describe(l)
		e := reviews[l.object+" "+l.what]
		if e.status == wrong {
			outcome = "**wrong:** " + outcome
		}
		add(rank, l.object, outcome, e.review)
	}
	if o.err != "" {
		e := reviews[failure]
		outcome := "error: " + o.err
		if e.status == wrong {
			outcome = "**wrong:** " + outcome
		}
		add(5, "", outcome, e.review)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.rank, b.rank) })
	var b strings.Builder
	b.WriteString("| object | outcome | review |\n|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", list(r.objects), escape(r.outcome), escape(r.review))
	}
	return b.String()
}

// list names objects, those of a kind together.
func list(objects []string) string {
	var kinds []string
	names := map[string][]string{}
	for _, o := range objects {
		kind, name, _ := strings.Cut(o, "/")
		if names[kind] == nil {
			kinds = append(kinds, kind)
		}
		names[kind] = append(names[kind], name)
	}
	for i, kind := range kinds {
		kinds[i] = kind + " " + strings.Join(names[kind], ", ")
	}
	return strings.TrimSpace(strings.Join(kinds, "; "))
}

// describe returns the outcome of a line in words, and its place in the table: workloads
// come before what belongs to them.
func describe(l line) (rank int, text string) {
	switch l.what {
	case canaried:
		if kind, _, _ := strings.Cut(l.object, "/"); workloads[kind] {
			return 0, title(l.what)
		}
		return 1, title(l.what)
	case leftAlone:
		reason, _, _ := strings.Cut(l.text, "; --include ")
		return 2, title(l.what) + ": " + reason
	case noted:
		return 4, "note: " + l.text
	}
	return 3, title(l.what) + ": " + l.text
}

// title names an outcome in words.
func title(what string) string {
	switch what {
	case canaried, failure:
		return what
	case leftAlone:
		return "left alone"
	}
	return "warning [`" + what + "`](warnings.md#" + what + ")"
}

func escape(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
