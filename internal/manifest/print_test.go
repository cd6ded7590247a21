package manifest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestVerbatim holds the printer to the text of the repository's own manifests:
// an object that nobody edited is printed to the letter, and one whose name was
// edited differs in that line alone.
func TestVerbatim(t *testing.T) {
	for _, object := range exampleObjects(t) {
		root, end := object.src.document(object.orig.Line)
		var lines []string
		for n := root; n < end; n++ {
			l, _ := object.src.line(n)
			lines = append(lines, l)
		}
		want := strings.TrimRight(strings.Join(lines, "\n"), "\n ") + "\n"
		if got, ok := verbatim(object); !ok || got != want {
			t.Errorf("%s: %s: ok %v, not the same text:\n%s", object.Pos, object.ID(), ok, got)
		}
		edited := object.Clone()
		PutString(edited.Metadata(), "name", "edited")
		got, ok := verbatim(edited)
		if !ok || !mean([]byte(got), []*Object{edited}) {
			t.Errorf("%s: %s: an edited name is not printed verbatim", object.Pos, object.ID())
		}
		if n := changedLines(want, got); n != 1 {
			t.Errorf("%s: %s: %d lines changed with the name:\n%s", object.Pos, object.ID(), n, got)
		}
	}
}

func changedLines(a, b string) int {
	n := 0
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	if len(as) != len(bs) {
		return -1
	}
	for i := range as {
		if as[i] != bs[i] {
			n++
		}
	}
	return n
}

// exampleObjects are the objects of the examples that stand in block style
// documents of their own.
func exampleObjects(t *testing.T) []*Object {
	t.Helper()
	var all []*Object
	for _, pattern := range []string{"../../manifests/*.yml", "../../examples/*/*.y*ml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if slices.Contains([]string{"azure-pipelines", "metrics"}, filepath.Base(filepath.Dir(file))) { // not objects of a cluster
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := Parse(Source{Name: file, Data: data})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range objects {
				if o.src != nil && o.orig.Column == 1 && isBlock(o.orig) && !hasAliases(o.orig) {
					all = append(all, o)
				}
			}
		}
	}
	if len(all) < 100 {
		t.Fatalf("only %d objects in the examples", len(all))
	}
	return all
}

// hasAliases says whether an alias was expanded: what stands in its place has no
// column, and the object is encoded anew.
func hasAliases(n *Node) bool {
	found := false
	Walk(n, func(_ string, n *Node) { found = found || n.Column == 0 })
	return found
}

// TestAdded adds an entry and an item at the end of blocks that blank lines
// follow: they stay where they separate.
func TestAdded(t *testing.T) {
	objects, err := Parse(Source{Name: "x.yml", Data: []byte("apiVersion: v1\nkind: K\nmetadata:\n  name: a\n\nitems:\n  - a\n\n---\n" + "apiVersion: v1\nkind: K\nmetadata:\n  name: b\n")})
	if err != nil {
		t.Fatal(err)
	}
	o := objects[0].Clone()
	PutString(o.Metadata(), "namespace", "shop")
	list := Get(o.Root, "items")
	list.Content = append(list.Content, NewString("b"))
	text, err := o.YAML()
	if want := "apiVersion: v1\nkind: K\nmetadata:\n  name: a\n  namespace: shop\n\nitems:\n  - a\n  - b\n"; err != nil || string(text) != want {
		t.Errorf("%v: not\n%s but\n%s", err, want, text)
	}
}
