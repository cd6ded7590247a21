package manifest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// TestLawPrintedMeansTheSame prints objects written the way people write them,
// unedited and edited. kubectl's parser must read the tree's value from the
// printed text, and every comment must be in it once.
func TestLawPrintedMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := writer{T: t}
		w.line(0, "apiVersion: v1")
		w.line(0, "kind: K")
		w.line(0, "metadata:")
		w.line(2, "name: a")
		w.mapping(0, 3)
		ends := rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "ends")
		text := strings.ReplaceAll(strings.Join(w.lines, "\n")+"\n", "\n", ends)
		objects, err := Parse(Source{Name: "x.yml", Data: []byte(text)})
		if err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		o := objects[0]
		if rapid.Bool().Draw(t, "edited") {
			o = edited(o)
		}
		printed := checkPrinted(t, o)
		for n := range w.comments {
			if c := comment(n); strings.Count(printed, c) != 1 {
				t.Fatalf("comment %s of\n%s\nis not once in\n%s", c, text, printed)
			}
		}
	})
}

// edited returns a copy with the edits that every canary gets.
func edited(o *Object) *Object {
	o = o.Clone()
	PutString(o.Metadata(), "name", "a-canary")
	Put(Child(o.Metadata(), "labels"), "canarize.dev/track", NewString("canary"))
	return o
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkPrinted prints an object and parses the text as kubectl does.
func checkPrinted(t failer, o *Object) string {
	t.Helper()
	checkPlain(t, o.Root)
	text, err := o.YAML()
	if err != nil {
		t.Fatalf("%v", err)
	}
	want, err := json.Marshal(o.Value())
	if err != nil {
		t.Fatalf("%s: %v", o.Pos, err)
	}
	have, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		t.Fatalf("%s: %v:\n%s", o.Pos, err, text)
	}
	if diff := cmp.Diff(string(want), string(have)); diff != "" {
		t.Fatalf("%s: (-tree +printed):\n%s\n%s", o.Pos, diff, text)
	}
	return string(text)
}

// writer generates YAML as people write it by hand.
type writer struct {
	*rapid.T
	lines          []string
	keys, comments int
}

func (w *writer) one(of ...string) string { return rapid.SampledFrom(of).Draw(w.T, "one") }
func (w *writer) odds(n int) bool         { return rapid.IntRange(1, n).Draw(w.T, "odds") == n }
func (w *writer) upTo(n int) int          { return rapid.IntRange(1, n).Draw(w.T, "up to") }
func indented(n int, text string) string  { return strings.Repeat(" ", n) + text }
func comment(n int) string                { return fmt.Sprintf("#%d. c: [\"", n) }

// line writes a line, sometimes with blank lines and comments above it.
func (w *writer) line(indent int, text string) {
	if w.odds(6) {
		w.lines = append(w.lines, w.one("", "", "  "))
	}
	if w.odds(6) {
		w.comments++
		w.lines = append(w.lines, indented(indent, comment(w.comments-1)))
		if w.odds(2) {
			w.lines = append(w.lines, "")
		}
	}
	w.lines = append(w.lines, indented(indent, text))
}

// end returns the text after a value.
func (w *writer) end() string {
	if !w.odds(5) {
		return ""
	}
	w.comments++
	return " " + comment(w.comments-1)
}

func (w *writer) key() string {
	w.keys++
	return fmt.Sprintf(w.one("k%d", "k%d", `"k %d"`, "k.%d/x", "'%d'", `"1e%d"`, `"0x%d"`), w.keys)
}

func (w *writer) mapping(indent, depth int) {
	for range w.upTo(4) {
		w.value(indent, w.key()+":", indent+rapid.SampledFrom([]int{2, 2, 4}).Draw(w.T, "indent"), depth)
	}
}

// list writes the items of a list. If an item is a mapping, its first key
// follows the dash.
func (w *writer) list(indent, depth int) {
	for range w.upTo(3) {
		switch {
		case depth > 0 && w.odds(2):
			w.line(indent, "- "+w.key()+": "+w.scalar(indent+2)+w.end())
			w.mapping(indent+2, depth-1)
		default:
			w.value(indent, "-", indent+2, 0)
		}
	}
}

// value writes a value after a key or a dash and indents its content to inner.
func (w *writer) value(indent int, before string, inner, depth int) {
	kind := rapid.IntRange(0, 9).Draw(w.T, "kind")
	switch {
	case depth > 0 && kind < 2:
		w.line(indent, before+w.end())
		w.mapping(inner, depth-1)
	case depth > 0 && kind < 4:
		w.line(indent, before+w.end())
		if w.odds(2) {
			inner = indent // as kubectl writes lists
		}
		w.list(inner, depth-1)
	case kind == 4:
		w.line(indent, before+" "+w.flow(2)+w.end())
	case kind == 5:
		w.line(indent, before+" [")
		for range w.upTo(3) {
			w.lines = append(w.lines, indented(inner, w.flow(1)+","))
		}
		w.line(indent, "]"+w.end())
	case kind == 6:
		w.block(indent, before)
	default:
		w.line(indent, before+" "+w.scalar(inner)+w.end())
	}
}

func (w *writer) flow(depth int) string {
	if depth == 0 {
		return w.one("a", "1", `"yes"`, "'a b'", "http://x", `"0644"`, "1e3", "''", `"a, b"`, "a-b c", "{}", "[]", "null", `"\u00e9 😀"`)
	}
	var parts []string
	list := w.odds(2)
	for range rapid.IntRange(0, 3).Draw(w.T, "parts") {
		part := w.flow(depth - 1)
		if !list {
			part = w.key() + ": " + w.one(part, part, part, "")
		}
		parts = append(parts, part)
	}
	if list {
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// scalars are values on which YAML 1.1, YAML 1.2 and JSON disagree, and values
// that need quotes in print.
var scalars = []string{
	"a", "1", "-1", "1.5", "0644", "0o17", "0x1F", "1e3", "1_000", "true", "yes", "On", "n", "~", "null", "1:30", "2024-01-01",
	`"yes"`, `"0644"`, `'1e3'`, `"true"`, `""`, `"~"`, `'null'`, `"1:30"`, `"2024-01-01"`, `"="`, `"<<"`, `"0o17"`, `".5"`, `".NaN"`,
	"!!str 12", "!!str yes", `"- a"`, `"a: b"`, `"a #b"`, `" a "`, `'it''s'`, `"#a"`, "a#b", "http://a/b?c=d", "a@b", "a:b", `"a:"`,
	`","`, "a,b", "[]", "{}", "-a", "?a", ":a", `"{{ x }}"`, `"${x}"`, `"!x"`, `"&x"`, `"*x"`, `"|"`, `">"`, `"%x"`, `"@x"`, "\"`\"",
	`"a\\b"`, `'a\b'`, `a\b`, `"a\nb"`, `"a\n\n b\n"`, `"\n"`, `"\n a"`, `" a\nb"`, `"a\n "`, `"a\t\nb"`, `"\ta\nb"`, `"a\r\nb"`,
	`"\u00e9\u0085\u2028\u2029\ufeff\x07\t"`, "é ☃ 😀", `"😀"`, `"---"`, `"..."`, `"--- a\n--- b"`,
	"a" + strings.Repeat(" long", 60), `"` + strings.Repeat("long ", 60) + `"`,
}

func (w *writer) scalar(inner int) string {
	if !w.odds(8) {
		return w.one(scalars...)
	}
	in := "\n" + indented(inner+2, "")
	return w.one("a"+in+"b", "a"+in+in+"b", `"a`+in+`b \`+in+`c"`, "'a"+in+"b'")
}

func (w *writer) block(indent int, before string) {
	style := w.one("|", "|-", "|+", ">", ">-", ">+", "|2", "|2-", ">2", ">2+")
	w.line(indent, before+" "+style+w.end())
	for i := range w.upTo(4) {
		text := w.one("a", "a b", "  a", "# a", "a: b", "- a", "", "a ", "\ta", "---", "é 😀", strings.Repeat("long ", 40), "a\tb", "'", `"`, `\n`)
		if i == 0 && !strings.HasSuffix(strings.TrimRight(style, "+-"), "2") { // its leading space would count as indentation
			text = w.one("a", "# a", "a: b", "- a ", "---", "😀")
		}
		w.lines = append(w.lines, indented(indent+2, text))
	}
}
