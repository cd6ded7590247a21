package manifest

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// verbatim writes an edited object as the text it was read from with only the
// edited places changed: comments, blank lines, indentation and quotes of the
// rest stay as they are. It says false where the text cannot be told apart by
// lines; the caller then encodes the object anew. The caller also has to check
// the result against the tree, because YAML has more corners than are known
// here.
func verbatim(o *Object) (text string, ok bool) {
	if o.src == nil || o.orig == nil || !isBlock(o.orig) || !isBlock(o.Root) || o.orig.Column != 1 {
		return "", false
	}
	first, end := o.src.document(o.orig.Line)
	w := verbatimWriter{src: o.src, compact: o.compactLists(), ok: true}
	w.mapping(o.Root, o.orig, first, end)
	for len(w.out) > 0 && strings.TrimSpace(w.out[len(w.out)-1]) == "" {
		w.out = w.out[:len(w.out)-1]
	}
	return strings.Join(w.out, "\n") + "\n", w.ok && len(w.out) > 0
}

// document returns the lines [first, end) of the document that line stands in,
// without its separators.
func (s *source) document(line int) (first, end int) {
	for first = line; first > 1; first-- {
		if l, _ := s.line(first - 1); strings.HasPrefix(l, "---") || strings.HasPrefix(l, "...") || strings.HasPrefix(l, "%") {
			break
		}
	}
	for end = line; ; end++ {
		if l, found := s.line(end); !found || strings.HasPrefix(l, "---") || strings.HasPrefix(l, "...") {
			return first, end
		}
	}
}

// isBlock says whether n is a collection in block style with something in it.
func isBlock(n *Node) bool {
	return (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode) &&
		n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 && n.Column > 0
}

type verbatimWriter struct {
	src     *source
	compact bool
	out     []string
	ok      bool
}

// copy writes lines [from, to) as they are.
func (w *verbatimWriter) copy(from, to int) {
	for n := from; n < to; n++ {
		l, _ := w.src.line(n)
		w.out = append(w.out, l)
	}
}

// mapping writes the entries of a block mapping whose text is lines [first, end).
func (w *verbatimWriter) mapping(n, orig *Node, first, end int) {
	starts := w.starts(orig, 2, first, end)
	kept := make(map[string]int, len(orig.Content)/2) // key → index of its entry
	for i := 0; i+1 < len(orig.Content); i += 2 {
		kept[orig.Content[i].Value] = i
	}
	if first == orig.Content[0].Line && orig.Content[0].Column > 1 && n.Content[0].Value != orig.Content[0].Value {
		w.ok = false // the first key shares its line with a dash, and is gone
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		j, found := kept[key.Value]
		if !found {
			w.added(orig.Column, NewMap(key.Value, bare(value)))
			continue
		}
		w.entry(key, value, orig.Content[j], orig.Content[j+1], starts[j/2], starts[j/2+1])
	}
}

// entry writes one entry of a mapping; its text is lines [first, end).
func (w *verbatimWriter) entry(key, value, origKey, origValue *Node, first, end int) {
	switch {
	case same(value, origValue):
		w.copy(first, end)
	case isBlock(value) && isBlock(origValue) && value.Kind == origValue.Kind && origValue.Line > origKey.Line:
		w.copy(first, origKey.Line+1)
		w.collection(value, origValue, origKey.Line+1, end)
	case w.scalar(value, origValue, first, end):
	default:
		w.copy(first, origKey.Line)
		if l, _ := w.src.line(origKey.Line); strings.Contains(l[:min(origKey.Column-1, len(l))], "-") {
			w.ok = false // the key shares its line with a dash
			return
		}
		k := *key
		k.HeadComment, k.FootComment = "", ""
		w.encoded(origKey.Column, &Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*Node{&k, value}})
	}
}

func (w *verbatimWriter) collection(n, orig *Node, first, end int) {
	if n.Kind == yaml.MappingNode {
		w.mapping(n, orig, first, end)
		return
	}
	w.sequence(n, orig, first, end)
}

// sequence writes the items of a block sequence: those that were there, in their
// order, and new ones behind them.
func (w *verbatimWriter) sequence(n, orig *Node, first, end int) {
	if len(n.Content) < len(orig.Content) {
		w.ok = false
		return
	}
	starts := w.starts(orig, 1, first, end)
	for i, item := range n.Content {
		if i >= len(orig.Content) {
			w.added(orig.Column, NewList(bare(item)))
			continue
		}
		was, from, to := orig.Content[i], starts[i], starts[i+1]
		switch {
		case same(item, was):
			w.copy(from, to)
		case isBlock(item) && isBlock(was) && item.Kind == was.Kind:
			w.copy(from, was.Line)
			w.collection(item, was, was.Line, to)
		case w.scalar(item, was, from, to):
		default:
			w.ok = false
		}
	}
}

// scalar writes lines [first, end) with one scalar that stands on one line
// replaced by another; it says false, and writes nothing, where it is not so.
func (w *verbatimWriter) scalar(n, orig *Node, first, end int) bool {
	if n.Kind != yaml.ScalarNode || orig.Kind != yaml.ScalarNode || orig.Column == 0 || strings.Contains(n.Value, "\n") {
		return false
	}
	line, _ := w.src.line(orig.Line)
	before, rest, found := cutColumn(line, orig.Column)
	if !found {
		return false
	}
	length := tokenLength(rest, orig)
	if length < 0 {
		return false
	}
	text, ok := scalarText(n)
	if !ok {
		return false
	}
	w.copy(first, orig.Line)
	w.out = append(w.out, before+text+rest[length:])
	w.copy(orig.Line+1, end)
	return true
}

// scalarText writes the scalars that canarize makes: names, numbers and other
// short texts. It says false for what needs the encoder.
func scalarText(n *Node) (string, bool) {
	simple := n.Kind == yaml.ScalarNode && n.LineComment == "" && n.HeadComment == "" && n.FootComment == "" &&
		strings.IndexFunc(n.Value, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' || r == '"' || r == '\'' }) < 0
	switch {
	case !simple:
	case n.Style == 0 && (n.Tag == "!!str" && plainSafe(n.Value) || n.Tag == "!!int"):
		return n.Value, true
	case n.Style == yaml.DoubleQuotedStyle:
		return `"` + n.Value + `"`, true
	case n.Style == yaml.SingleQuotedStyle:
		return `'` + n.Value + `'`, true
	}
	return "", false
}

// tokenLength is the number of bytes of the scalar that text begins with, or -1
// when it does not end on this line.
func tokenLength(text string, n *Node) int {
	switch {
	case strings.HasPrefix(text, `'`), strings.HasPrefix(text, `"`):
		quote := text[0]
		for i := 1; i < len(text); i++ {
			switch {
			case text[i] == '\\' && quote == '"':
				i++
			case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == quote:
				i++
			case text[i] == quote:
				return i + 1
			}
		}
		return -1
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0 && strings.HasPrefix(text, n.Value) && n.Value != "":
		return len(n.Value)
	}
	return -1
}

// cutColumn splits a line in front of a 1-based column, which counts characters.
func cutColumn(line string, column int) (before, rest string, found bool) {
	at := 0
	for range column - 1 {
		if at >= len(line) {
			return "", "", false
		}
		_, size := utf8.DecodeRuneInString(line[at:])
		at += size
	}
	return line[:at], line[at:], at < len(line)
}

// added writes a collection of one entry or item that is not in the text,
// indented to a column, in front of the blank lines that end what was there.
func (w *verbatimWriter) added(column int, n *Node) {
	end := len(w.out)
	for end > 0 && strings.TrimSpace(w.out[end-1]) == "" {
		end--
	}
	blank := slices.Clone(w.out[end:])
	w.out = w.out[:end]
	if text, ok := entryText(n); ok {
		w.out = append(w.out, strings.Repeat(" ", column-1)+text)
	} else {
		w.encoded(column, n)
	}
	w.out = append(w.out, blank...)
}

// entryText writes a mapping of one simple scalar. It says false for what needs
// the encoder.
func entryText(n *Node) (string, bool) {
	if n.Kind != yaml.MappingNode {
		return "", false
	}
	text, ok := scalarText(n.Content[1])
	return n.Content[0].Value + ": " + text, ok && plainSafe(n.Content[0].Value)
}

// encoded writes a collection that is not in the text, indented to a column.
func (w *verbatimWriter) encoded(column int, n *Node) {
	text, err := encode(n, w.compact)
	if err != nil {
		w.ok = false
		return
	}
	indent := strings.Repeat(" ", column-1)
	for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
		if line != "" {
			line = indent + line
		}
		w.out = append(w.out, line)
	}
}

// starts returns the first line of every entry (step 2) or item (step 1) of a
// block collection whose text is lines [first, end), and end. Comments of the
// same indentation and blank lines above an entry belong to it.
func (w *verbatimWriter) starts(orig *Node, step, first, end int) []int {
	var starts []int
	floor := first
	for i := 0; i < len(orig.Content); i += step {
		start := max(orig.Content[i].Line, floor)
		if step == 1 {
			start = w.dashLine(orig.Content[i].Line, orig.Column, floor)
		}
		head := start
		for head > floor && w.isHead(head-1, orig.Column) {
			head--
		}
		if i == 0 {
			head = first
		}
		starts = append(starts, head)
		floor = start + 1
	}
	return append(starts, end)
}

// dashLine finds the line of the dash of an item, which may stand above it.
func (w *verbatimWriter) dashLine(line, column, floor int) int {
	for n := line; n >= floor; n-- {
		l, _ := w.src.line(n)
		if before, rest, found := cutColumn(l, column); found && strings.HasPrefix(rest, "-") && strings.Trim(before, " -") == "" {
			return n
		}
	}
	w.ok = false
	return line
}

// isHead says whether a line is blank or a comment that starts at the column.
func (w *verbatimWriter) isHead(line, column int) bool {
	l, _ := w.src.line(line)
	content := strings.TrimLeft(l, " ")
	return strings.TrimSpace(content) == "" || content[0] == '#' && len(l)-len(content) == column-1
}

// bare is a copy of a new value without the comments that stood around a value
// whose place it took.
func bare(n *Node) *Node {
	c := *n
	c.HeadComment, c.FootComment = "", ""
	return &c
}

// same says whether two trees mean and look the same, comments aside.
func same(a, b *Node) bool {
	if a == b {
		return true
	}
	if a.Kind != b.Kind || a.Value != b.Value || a.Tag != b.Tag || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !same(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}
