package manifest

import (
	"reflect"
	"slices"
	"testing"

	"go.yaml.in/yaml/v4"
)

// FuzzParts reads a text in parts. The parts joined must be the text, and their
// documents must equal those of the whole text, lines included. A comment
// between two documents may go to either. The loader reads a "---" inside a
// literal text that is a whole document as part of the text; such a document is
// rejected either way.
func FuzzParts(f *testing.F) {
	for _, text := range []string{
		"a: 1\n---\nb: 2\n---\nc: 3\n", "a: |\n  x\n---\n  y\n---\nb: &x [*x]\n", "a: \"x\n---\ny\"\n", "---\n---\n# only\n---\na: b\n...\n---\nc: d",
		"a: 'x\n\n---\ny: 1'\n---\nb: 2\n", "{a: 1\n---\nb: 2}\n", "%YAML 1.1\n---\na: 1\n---\nb: !!str 2\n", "- &a x\n---\n- *a\n", "? a\n---\n: b\n",
	} {
		f.Add([]byte(text), 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		if n < 1 || n > 100 {
			return
		}
		s := newSource(Source{Name: "x.yml", Data: data})
		if len(s.breaks) > 0 {
			return
		}
		all := parts(s.text, n, 1)
		var joined []byte
		for _, p := range all {
			joined = append(joined, p.text...)
		}
		if string(joined) != string(s.text) {
			t.Fatalf("the parts %q are not the text %q", joined, s.text)
		}
		var whole []*Node
		err := s.load(s.text, func(doc *Node) error { whole = append(whole, doc); return nil })
		if slices.ContainsFunc(whole, isText) {
			return
		}
		apart, ok := s.loadParts(all)
		if len(all) > 1 && ok != (err == nil) {
			t.Fatalf("whole: %v; in parts: %v", err, ok)
		}
		for _, doc := range slices.Concat(whole, apart) {
			withoutComments(doc)
		}
		if ok && !reflect.DeepEqual(whole, apart) {
			t.Errorf("%q read in %d parts is another one", s.text, len(all))
		}
	})
}

func withoutComments(n *Node) {
	n.HeadComment, n.FootComment = "", ""
	for _, child := range n.Content {
		withoutComments(child)
	}
}

func isText(doc *Node) bool { return doc.Content[0].Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 }
