package manifest

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// plain prints objects that are made of what nearly all manifests are made of:
// block mappings and lists, flow collections without comments, ASCII scalars
// that need no escape, literal texts, comments above keys and behind values. It
// leaves all other objects to the library, whose emitter keeps every event that
// it has printed and so needs twenty times the time and the memory. The text is
// the library's, byte by byte (plain_test.go).
type plain struct {
	out     []byte
	compact bool // a list begins in the column of its key
}

// object prints an object. It returns false if the library has to do it.
func (p *plain) object(root *Node) bool {
	p.out, p.compact = p.out[:0], compactLists(root)
	return isBlock(root, yaml.MappingNode) && root.extra().LineComment == "" && root.extra().FootComment == "" &&
		p.comment(root.extra().HeadComment, 0) && p.mapping(root, 0)
}

// isBlock reports whether n is printed as a block on its own lines.
func isBlock(n *Node, kind yaml.Kind) bool {
	return n.Kind == kind && n.Style == 0 && len(n.Content) > 0 && hasDefaultTag(n) && n.extra().Anchor == ""
}

func hasDefaultTag(n *Node) bool {
	return n.Kind == yaml.MappingNode && n.Tag == "!!map" || n.Kind == yaml.SequenceNode && n.Tag == "!!seq"
}

func (p *plain) mapping(n *Node, indent int) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if i > 0 || !p.behindDash() {
			if !p.comment(n.Content[i].extra().HeadComment, indent) {
				return false
			}
			p.indent(indent)
		} else if n.Content[i].extra().HeadComment != "" {
			return false
		}
		if !p.key(n.Content[i], false) || !p.value(n.Content[i+1], indent) {
			return false
		}
	}
	return true
}

// behindDash reports whether the next text stands behind the dash of a list
// item.
func (p *plain) behindDash() bool {
	return len(p.out) > 0 && p.out[len(p.out)-1] == ' '
}

// key prints a key and its colon. The library has another form for keys of more
// than 128 bytes.
func (p *plain) key(n *Node, flow bool) bool {
	if len(n.Value) > 128 || n.extra().LineComment != "" || n.extra().FootComment != "" || !p.scalar(n, flow) {
		return false
	}
	p.out = append(p.out, ':')
	return true
}

// value prints the value of a key in the column indent.
func (p *plain) value(n *Node, indent int) bool {
	if n.extra().HeadComment != "" || n.extra().FootComment != "" {
		return false
	}
	isMap, isList := isBlock(n, yaml.MappingNode), isBlock(n, yaml.SequenceNode)
	switch {
	case !isMap && !isList:
		if n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 { // nothing behind the colon
			p.out = append(p.out, '\n')
			return n.Tag == "!!null" && n.extra().LineComment == "" && n.extra().Anchor == ""
		}
		p.out = append(p.out, ' ')
		return p.line(n, indent)
	case n.extra().LineComment != "":
		return false
	}
	p.out = append(p.out, '\n')
	if isMap {
		return p.mapping(n, indent+2)
	}
	if !p.compact {
		indent += 2
	}
	return p.list(n, indent)
}

func (p *plain) list(n *Node, indent int) bool {
	for _, item := range n.Content {
		if item.extra().FootComment != "" || !p.comment(item.extra().HeadComment, indent) {
			return false
		}
		p.indent(indent)
		p.out = append(p.out, '-', ' ')
		printed := false
		if isBlock(item, yaml.MappingNode) {
			printed = item.extra().LineComment == "" && p.mapping(item, indent+2)
		} else {
			printed = p.line(item, indent)
		}
		if !printed {
			return false
		}
	}
	return true
}

// line prints a value up to the end of its line, with the comment there.
func (p *plain) line(n *Node, indent int) bool {
	switch {
	case n.Style == yaml.LiteralStyle:
		return n.extra().LineComment == "" && p.literal(n, indent+2)
	case !p.inline(n, false):
		return false
	case n.extra().LineComment == "":
		p.out = append(p.out, '\n')
		return true
	}
	p.out = append(p.out, ' ')
	return !strings.Contains(n.extra().LineComment, "\n") && p.comment(n.extra().LineComment, 0)
}

// inline prints a scalar or a flow collection. flow reports whether it is part
// of another flow collection.
func (p *plain) inline(n *Node, flow bool) bool {
	if n.Kind == yaml.ScalarNode {
		return p.scalar(n, flow)
	}
	if n.Style&^yaml.FlowStyle != 0 || n.Style == 0 && len(n.Content) > 0 && !flow || !hasDefaultTag(n) || n.extra().Anchor != "" {
		return false
	}
	brackets := "[]"
	if n.Kind == yaml.MappingNode {
		brackets = "{}"
	}
	p.out = append(p.out, brackets[0])
	for i, child := range n.Content {
		isValue := n.Kind == yaml.MappingNode && i%2 == 1
		switch {
		case isValue:
			p.out = append(p.out, ' ')
		case i > 0:
			p.out = append(p.out, ", "...)
		}
		if child.extra().HeadComment != "" || child.extra().LineComment != "" || child.extra().FootComment != "" {
			return false
		}
		printed := false
		if n.Kind == yaml.MappingNode && !isValue {
			printed = p.key(child, true)
		} else {
			printed = p.inline(child, true)
		}
		if !printed {
			return false
		}
	}
	p.out = append(p.out, brackets[1])
	return true
}

// scalar prints a scalar on one line.
func (p *plain) scalar(n *Node, flow bool) bool {
	if n.Kind != yaml.ScalarNode || n.extra().Anchor != "" || !isPrintable(n.Value) {
		return false
	}
	quote := ""
	switch n.Style {
	case 0:
		if !isBareText(n.Value, flow) || !keepsTag(n) {
			return false
		}
	case yaml.DoubleQuotedStyle:
		if quote = `"`; n.Tag != "!!str" || strings.ContainsAny(n.Value, `"\`) {
			return false
		}
	case yaml.SingleQuotedStyle:
		if quote = "'"; n.Tag != "!!str" || strings.Contains(n.Value, "'") {
			return false
		}
	default:
		return false
	}
	p.out = append(p.out, quote...)
	p.out = append(p.out, n.Value...)
	p.out = append(p.out, quote...)
	return true
}

// literal prints a text in literal style that does not begin with a space and
// has no blank line at its end.
func (p *plain) literal(n *Node, indent int) bool {
	text, ended := strings.CutSuffix(n.Value, "\n")
	if n.Tag != "!!str" || n.extra().Anchor != "" || text == "" || text[0] == ' ' || text[0] == '\n' || text[len(text)-1] == '\n' {
		return false
	}
	p.out = append(p.out, '|')
	if !ended {
		p.out = append(p.out, '-')
	}
	p.out = append(p.out, '\n')
	return p.lines(text, indent)
}

// comment prints the lines of a comment.
func (p *plain) comment(text string, indent int) bool {
	if text == "" {
		return true
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && line[0] != '#' {
			return false
		}
	}
	return text[0] == '#' && text[len(text)-1] != '\n' && p.lines(text, indent)
}

// lines prints a text, with all lines indented that are not empty.
func (p *plain) lines(text string, indent int) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			p.indent(indent)
			p.out = append(p.out, line...)
		}
		p.out = append(p.out, '\n')
		if !isPrintable(line) {
			return false
		}
	}
	return true
}

func (p *plain) indent(n int) {
	for range n {
		p.out = append(p.out, ' ')
	}
}

// isPrintable reports whether s is of printable ASCII.
func isPrintable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isBareText reports whether the printable text s can be written without quotes.
func isBareText(s string, flow bool) bool {
	if s == "" || strings.IndexByte("#,[]{}&*!|>'\"%@`?: ", s[0]) >= 0 || s[len(s)-1] == ' ' || s[len(s)-1] == ':' ||
		s == "-" || strings.HasPrefix(s, "- ") || strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...") {
		return false
	}
	if flow {
		return !strings.ContainsAny(s, ",?[]{}:#")
	}
	return !strings.Contains(s, ": ") && !strings.Contains(s, " #")
}

// keepsTag reports whether the library prints an unquoted scalar without its
// tag and without quotes.
func keepsTag(n *Node) bool {
	switch n.Tag {
	case "!!int", "!!float":
		return true
	case "!!bool":
		return n.Value == "true" || n.Value == "false"
	case "!!null":
		return n.Value == "null" || n.Value == "~"
	case "!!str":
		return isString(n.Value)
	}
	return false
}

// isString reports whether a reader takes the unquoted text s for a string: it
// is no word of YAML, and nothing like a number or a time.
func isString(s string) bool {
	switch c := s[0]; {
	case c == '.' || c == '~' || c == '<':
		return false
	case c == '-' && len(s) > 1 && (s[1] == '-' || isLetter(s[1])):
		return true
	case c == '-' || c == '+' || c >= '0' && c <= '9':
		// No number or time has one of these letters, or two dots.
		return strings.ContainsAny(s, "ghjklmpqrsuvwyGHJKLMPQRSUVWY") || strings.Count(s, ".") > 1
	}
	return !isYAML11Word(s)
}
