package manifest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
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
		s.spent = &budget{most: MaxValues}
		apart, ok := loadParts(s, all, func(_ *source, doc *Node) ([]*Node, error) { return []*Node{doc}, nil })
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

// TestFirstErrorOfParts reads a text in parts of which several are wrong. The
// error is the first one of the text.
func TestFirstErrorOfParts(t *testing.T) {
	const documents = 10_000
	for name, wrong := range map[string]string{
		"no object":   "a: b\n",
		"broken":      "a: [\n",
		"many copies": "a: &a [" + strings.Repeat("x,", 1000) + "]\nb: [" + strings.Repeat("*a,", 200) + "]\n",
	} {
		var text strings.Builder
		want := 0
		for i := range documents {
			if i == documents/4 || i == documents*3/4 {
				if want == 0 {
					want = 1 + strings.Count(text.String(), "\n")
				}
				text.WriteString(wrong + "---\n")
			}
			text.WriteString("apiVersion: v1\nkind: K\nmetadata: {name: a}\n---\n")
		}
		_, err := Parse(Source{Name: "x.yml", Data: []byte(text.String())})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		var line int
		if _, scanErr := fmt.Sscanf(err.Error(), "x.yml:%d:", &line); scanErr != nil || line < want || line > want+2 {
			t.Errorf("%s: want line %d: %v", name, want, err)
		}
	}
}

func withoutComments(n *Node) {
	x := n.extra()
	x.HeadComment, x.FootComment = "", ""
	n.setExtra(x)
	for _, child := range n.Content {
		withoutComments(child)
	}
}

func isText(doc *Node) bool { return doc.Content[0].Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 }
