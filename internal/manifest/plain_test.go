package manifest

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// checkPlain prints a tree both ways, if plain prints it.
func checkPlain(t failer, root *Node) (printed bool) {
	t.Helper()
	var p plain
	if !p.object(root) {
		return false
	}
	want, err := printTree(root)
	if err != nil || string(want) != string(p.out) {
		t.Fatalf("%v: the library prints\n%s\nbut plain prints\n%s", err, want, p.out)
	}
	return true
}

// TestPlainScalars prints every text with every tag and style, in every place.
func TestPlainScalars(t *testing.T) {
	printed := 0
	for _, text := range texts {
		for _, tag := range []string{"", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!binary", "!!merge", "!t"} {
			for _, style := range []yaml.Style{0, yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle, yaml.LiteralStyle, yaml.FoldedStyle, yaml.TaggedStyle, yaml.LiteralStyle | yaml.TaggedStyle} {
				for _, comment := range []string{"", "# a"} {
					for _, outer := range []yaml.Style{0, yaml.FlowStyle} {
						n := &Node{Kind: yaml.ScalarNode, Tag: tag, Style: style, Value: text}
						n.setExtra(extra{LineComment: comment})
						list, entry, key := NewList(n), NewMap("k", n), NewMap("k", "v")
						key.Content[0] = n
						for _, in := range []*Node{list, entry, key} {
							in.Style = outer
							if checkPlain(t, NewMap("a", in)) {
								printed++
							}
						}
					}
				}
			}
		}
	}
	t.Logf("plain prints %d trees", printed)
}

// TestLawPlainIsTheLibrary prints trees, most of which no reader makes: with any
// tag, style and comment anywhere.
func TestLawPlainIsTheLibrary(t *testing.T) {
	trees, printed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		trees++
		if checkPlain(t, fromLibrary((&grower{t, rapid.SampledFrom([]int{0, 5, 20, 100}).Draw(t, "odd")}).mapping(1, 3))) {
			printed++
		}
	})
	t.Logf("plain prints %d of %d trees", printed, trees)
	if printed == 0 {
		t.Errorf("plain prints none of %d trees", trees)
	}
}

// grower makes trees. If odd is not 0, every odd-th choice is unusual.
type grower struct {
	*rapid.T
	odd int
}

func (g *grower) upTo(n int) int { return rapid.IntRange(0, n).Draw(g.T, "up to") }

// choose returns usual or, rarely, one of the others.
func choose[E any](g *grower, usual E, others ...E) E {
	if g.odd == 0 || rapid.IntRange(1, g.odd).Draw(g.T, "odds") > 1 {
		return usual
	}
	return rapid.SampledFrom(others).Draw(g.T, "unusual")
}

func (g *grower) mapping(column, depth int) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Column: column}
	for range g.upTo(4) {
		n.Content = append(n.Content, g.key(column), g.value(column, depth))
	}
	return g.collection(n)
}

func (g *grower) list(column, depth int) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Column: column}
	for range g.upTo(3) {
		n.Content = append(n.Content, g.value(column, depth))
	}
	return g.collection(n)
}

func (g *grower) collection(n *yaml.Node) *yaml.Node {
	n.Style = choose(g, n.Style, yaml.FlowStyle, yaml.FlowStyle, yaml.TaggedStyle)
	n.LineComment = choose(g, "", comments...)
	return g.unusual(n)
}

func (g *grower) value(column, depth int) *yaml.Node {
	switch kind := g.upTo(5); {
	case depth > 0 && kind == 0:
		return g.list(column+2*g.upTo(1), depth-1)
	case depth > 0 && kind < 3:
		return g.mapping(column+2, depth-1)
	}
	n := g.scalar()
	switch g.upTo(9) {
	case 0:
		n.LineComment = "# line"
	case 1:
		n.Style, n.Tag = yaml.LiteralStyle, "!!str"
		n.Value = choose(g, "a\n\n  b: c\n", append(texts, n.Value+"\n")...)
	}
	return g.unusual(n)
}

func (g *grower) key(column int) *yaml.Node {
	n := g.scalar()
	n.Column = column
	if g.upTo(5) == 0 {
		n.HeadComment = choose(g, "# a\n\n# b", comments...)
	}
	n.LineComment = choose(g, "", comments...)
	return g.unusual(n)
}

// unusual adds a tag, an anchor or a comment that is rare in this place.
func (g *grower) unusual(n *yaml.Node) *yaml.Node {
	n.Tag = choose(g, n.Tag, "", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!binary", "!!merge", "!t")
	n.HeadComment = choose(g, n.HeadComment, comments...)
	n.FootComment = choose(g, "", comments...)
	n.Anchor = choose(g, "", "x")
	return n
}

var comments = []string{"# a", "# a\n# b", "# a\n\n# b", "#", "a", "# a\n", "\n# a", "# é", "# a\nb"}

func (g *grower) scalar() *yaml.Node {
	usual := rapid.SampledFrom([]string{"a", "a b", "1", "100m", "10.0.0.1", "true", "http://x/y", "-c", "a#b"}).Draw(g.T, "text")
	random := rapid.StringOfN(rapid.RuneFrom([]rune("aenTy019.-+:#, \n'\"[}?xé_/")), 0, 6, -1).Draw(g.T, "random text")
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: choose(g, usual, append(texts, random, random, random)...)}
	n.Style = rapid.SampledFrom([]yaml.Style{0, 0, 0, yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle}).Draw(g.T, "style")
	n.Style = choose(g, n.Style, yaml.LiteralStyle, yaml.FoldedStyle, yaml.TaggedStyle, yaml.FlowStyle, yaml.LiteralStyle|yaml.TaggedStyle)
	var read yaml.Node
	if n.Style == 0 && yaml.Unmarshal([]byte(n.Value), &read) == nil && len(read.Content) == 1 && read.Content[0].Value == n.Value {
		n.Tag = read.Content[0].Tag
	}
	return n
}

// texts are scalars that are hard to print.
var texts = []string{
	"a", "a b", "1", "100m", "-1", "0", "64Mi", "1Gi", "10.0.0.1", "1.2.3", "1.5", "1e3", "0x1F", "0o17", "1_000", "true", "True", "yes", "null", "~", "<<", "",
	"-", "--a=b", "-c", "- a", "---", "...", "--- a", "a: b", "a:b", "a:", "a #b", "a#b", "#a", "http://x/y?z=1", "{{ a }}", "2024-01-01", "2024-01-01T00:00:00Z",
	"1:30", "8080:80", ".5", ".inf", "-.inf", "+.5", "a\nb\n", "a\n\n b", "a\n\n", " a", "a ", "é", `a"b`, "it's", `a\b`, "a, b", "*", "!a", "%a", "@a", "=", "|", "0777", "1h", "+1h", "0xFF", "0b11", "-0x1f", "1.5e+3", "1e", "-e", "true ", "no", "? a", "?a", "[a", "a]", "a{b}", "a?b", "\"a", "a\n", "\n", "a\nb", "\ta", "a\tb", "\x7f", "a\u2028b",
	strings.Repeat("long ", 30) + "key", strings.Repeat("k", 128), strings.Repeat("k", 129),
}

// TestPlainPrintsManifests counts how much of the repository's own manifests
// plain prints, so that a change of it cannot make generate slow unseen.
func TestPlainPrintsManifests(t *testing.T) {
	printed, objects := 0, 0
	for _, file := range manifestFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		read, err := Parse(Source{Name: file, Data: text})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range read {
			objects++
			if checkPlain(t, o.Root) {
				printed++
			}
		}
	}
	t.Logf("plain prints %d of %d objects", printed, objects)
	if printed < objects*9/10 {
		t.Errorf("plain prints %d of %d objects, less than 90 %%", printed, objects)
	}
}
