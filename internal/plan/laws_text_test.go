package plan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
)

// TestLawCommentsAndOrder is law 8: a comment of the input is at the same key of the
// canary if that key still exists, and keys keep their order.
func TestLawCommentsAndOrder(t *testing.T) {
	t.Parallel()
	worlds, refused := 0, 0
	defer func() {
		if tooMany(refused, worlds) {
			t.Errorf("%d of %d sane worlds were refused", refused, worlds)
		}
	}()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		worlds++
		var text strings.Builder
		written := map[string]string{}
		hand := &writer{t: t}
		comments := map[string][]comment{}
		for _, o := range plain(t, w.objects) {
			document := hand.document(o)
			text.WriteString("---\n" + document)
			written[identity(o)], comments[identity(o)] = document, hand.comments
		}
		g, out, err := generate(manifest.Source{Name: "world.yml", Data: []byte(text.String())}, w.options)
		if err != nil {
			if strings.Contains(err.Error(), "YAML") {
				t.Fatalf("%v\n%s", err, text.String())
			}
			if left := (*canary.LeftAloneError)(nil); errors.As(err, &left) {
				worlds--
				return
			}
			refused++
			return
		}
		documents := strings.Split(string(out), "---\n")
		for i, d := range g.Derived {
			if d.Stable.Kind() != d.Canary.Kind() {
				continue // a Mapping from an annotation: its text is not kept
			}
			id := identity(d.Stable.Value())
			document := documents[len(documents)-len(g.Derived)+i]
			before, after := parsed(t, written[id]), parsed(t, document)
			for _, c := range comments[id] {
				checkComment(t, c, before, after, document)
			}
			checkOrder(t, document, before, after)
			if t.Failed() {
				t.Logf("--- input\n%s--- output\n%s", written[id], document)
				return
			}
		}
	})
}

func parsed(t *rapid.T, document string) *yaml.Node {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(document), &n); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return n.Content[0]
}

// at follows a path of keys and indices. It returns nil if a step is missing, or if a
// list has another length than in the other document.
func at(n, other *yaml.Node, path []any) *yaml.Node {
	for _, step := range path {
		var next, otherNext *yaml.Node
		switch step := step.(type) {
		case string:
			next, otherNext = valueOf(n, step), valueOf(other, step)
		case int:
			if n.Kind == yaml.SequenceNode && other.Kind == yaml.SequenceNode && len(n.Content) == len(other.Content) && step < len(n.Content) {
				next, otherNext = n.Content[step], other.Content[step]
			}
		}
		if next == nil || otherNext == nil {
			return nil
		}
		n, other = next, otherNext
	}
	return n
}

func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

func checkComment(t *rapid.T, c comment, before, after *yaml.Node, document string) {
	if at(after, before, c.path) == nil {
		return
	}
	lines := strings.Split(document, "\n")
	found := slices.IndexFunc(lines, func(l string) bool { return strings.HasSuffix(l, c.text) })
	if found < 0 || strings.Count(document, c.text+"\n") != 1 {
		t.Errorf("%s, which stands at %v, is there %d times", c.text, c.path, strings.Count(document, c.text+"\n"))
		return
	}
	line := found
	for c.above && line < len(lines)-1 && strings.HasPrefix(strings.TrimLeft(lines[line], " -"), "#") {
		line++
	}
	if key := c.path[len(c.path)-1].(string); !strings.Contains(lines[line], key) {
		t.Errorf("%s stood at %v and stands at %q", c.text, c.path, lines[line])
	}
}

// checkOrder checks that the common keys of two mappings have the same order.
func checkOrder(t *rapid.T, document string, before, after *yaml.Node) {
	if before.Kind == yaml.SequenceNode && after.Kind == yaml.SequenceNode {
		for i := range min(len(before.Content), len(after.Content)) {
			checkOrder(t, document, before.Content[i], after.Content[i])
		}
	}
	if before.Kind != yaml.MappingNode || after.Kind != yaml.MappingNode {
		return
	}
	var was, is []string
	for i := 0; i < len(before.Content); i += 2 {
		if now := valueOf(after, before.Content[i].Value); now != nil {
			was = append(was, before.Content[i].Value)
			checkOrder(t, document, before.Content[i+1], now)
		}
	}
	for i := 0; i < len(after.Content); i += 2 {
		if slices.Contains(was, after.Content[i].Value) {
			is = append(is, after.Content[i].Value)
		}
	}
	if !slices.Equal(was, is) {
		t.Errorf("the order %v became %v", was, is)
	}
}

// comment is a comment and the path of its key.
type comment struct {
	text  string
	path  []any
	above bool // on its own line
}

// writer writes manifests as people do: keys in any order, comments, both indentations of
// lists, some lists in brackets, strings with any quotes.
type writer struct {
	t        *rapid.T
	out      strings.Builder
	comments []comment
	total    int
	compact  bool
}

func (w *writer) draw(percent int, what string) bool {
	return rapid.IntRange(1, 100).Draw(w.t, what) > 100-percent
}

func (w *writer) document(o obj) string {
	w.out.Reset()
	w.comments, w.compact = nil, w.draw(50, "compact lists?")
	w.mapping(o, 0, nil, false)
	return w.out.String()
}

// mapping writes the entries of a mapping. inline means that the first entry continues a
// line, after the dash of a list.
func (w *writer) mapping(m obj, indent int, path []any, inline bool) {
	keys := slices.Sorted(maps.Keys(m))
	if w.draw(50, "any order?") {
		keys = rapid.Permutation(keys).Draw(w.t, "keys")
	}
	for i, key := range keys {
		here := append(slices.Clone(path), any(key))
		margin := strings.Repeat(" ", indent)
		if inline && i == 0 {
			margin = ""
		} else if w.draw(10, "comment above?") {
			w.out.WriteString(margin + w.comment(here, true) + "\n")
		}
		w.out.WriteString(margin + quoted(key) + ":")
		w.value(m[key], indent, here)
	}
}

func (w *writer) comment(path []any, above bool) string {
	w.total++
	c := comment{fmt.Sprintf("# comment %d.", w.total), path, above}
	w.comments = append(w.comments, c)
	return c.text
}

// value writes what follows the colon of a key, up to the end of the line.
func (w *writer) value(v any, indent int, path []any) {
	switch v := v.(type) {
	case obj:
		if len(v) > 0 {
			w.out.WriteString("\n")
			w.mapping(v, indent+2, path, false)
			return
		}
	case []any:
		if len(v) > 0 && !w.draw(20, "brackets?") {
			w.out.WriteString("\n")
			w.list(v, indent, path)
			return
		}
	case string:
		if strings.HasSuffix(v, "\n") && !strings.HasPrefix(v, " ") {
			w.out.WriteString(" |\n")
			for line := range strings.Lines(v) {
				w.out.WriteString(strings.Repeat(" ", indent+2) + line)
			}
			return
		}
	}
	w.out.WriteString(" " + w.scalar(v))
	if w.draw(10, "comment behind?") {
		w.out.WriteString(" " + w.comment(path, false))
	}
	w.out.WriteString("\n")
}

func (w *writer) list(items []any, indent int, path []any) {
	if !w.compact {
		indent += 2
	}
	for i, item := range items {
		w.out.WriteString(strings.Repeat(" ", indent) + "-")
		here := append(slices.Clone(path), any(i))
		if m, ok := item.(obj); ok && len(m) > 0 {
			w.out.WriteString(" ")
			w.mapping(m, indent+2, here, true)
			continue
		}
		w.out.WriteString(" " + w.scalar(item) + "\n")
	}
}

var plainWord = regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9_./]+$`)

// scalar writes a value on one line; lists and mappings in brackets.
func (w *writer) scalar(v any) string {
	if s, ok := v.(string); ok {
		if w.draw(30, "single quotes?") && !strings.ContainsAny(s, "'\n") {
			return "'" + s + "'"
		}
		return quoted(s)
	}
	text, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func quoted(s string) string {
	if plainWord.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off"}, strings.ToLower(s)) {
		return s
	}
	text, _ := json.Marshal(s)
	return string(text)
}
