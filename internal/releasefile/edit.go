package releasefile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Setting is a value of spec.analysis that an edit sets, with a comment above it.
type Setting struct {
	Path    []string // below spec.analysis
	Value   string   // as in the file
	Comment []string // lines
}

// mark begins every line of a comment that an edit has written. The next edit replaces
// these lines and keeps all others.
const mark = "# calibrate: "

// WithAnalysis returns a release file with other values in spec.analysis, and a comment at
// its head. Everything outside spec.analysis stays as it is, byte by byte. The content must
// be a valid release file with a spec.
func WithAnalysis(file string, content []byte, comment []string, settings []Setting) ([]byte, error) {
	var edited []byte
	err := readYAML(file, content, func(root value) error {
		spec := member(root.node, "spec")
		if spec == nil || spec.value.Kind != yaml.MappingNode || len(spec.value.Content) == 0 {
			return root.errorf("it has no spec")
		}
		analysis := &yaml.Node{Kind: yaml.MappingNode}
		old := member(spec.value, "analysis")
		switch {
		case old != nil && old.value.Kind == yaml.AliasNode:
			return root.errorf("spec.analysis is an alias; write its values there, so that it can be edited")
		case old != nil && old.value.Kind == yaml.MappingNode:
			analysis = old.value
		}
		for _, s := range settings {
			set(analysis, s)
		}
		if len(analysis.Content) == 0 {
			return root.errorf("there is nothing to set")
		}
		analysis.Style &^= yaml.FlowStyle
		remark(analysis.Content[0], comment)
		block, err := section("analysis", analysis)
		if err != nil {
			return err
		}
		if spec.value.Style&yaml.FlowStyle != 0 {
			return root.errorf("write spec as a block, one field a line, so that it can be edited")
		}
		edited = splice(content, spec, old, block)
		return nil
	})
	return edited, err
}

// entry is a key of a mapping and its value.
type entry struct{ key, value *yaml.Node }

// member returns an entry of a mapping, or nil.
func member(n *yaml.Node, name string) *entry {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return &entry{n.Content[i], n.Content[i+1]}
		}
	}
	return nil
}

// set sets a value below a mapping.
func set(n *yaml.Node, s Setting) {
	for _, name := range s.Path[:len(s.Path)-1] {
		e := member(n, name)
		if e == nil || e.value.Kind != yaml.MappingNode {
			e = put(n, name, &yaml.Node{Kind: yaml.MappingNode})
		}
		e.value.Style &^= yaml.FlowStyle
		n = e.value
	}
	e := put(n, s.Path[len(s.Path)-1], &yaml.Node{Kind: yaml.ScalarNode, Value: s.Value})
	remark(e.key, s.Comment)
}

// put sets an entry of a mapping.
func put(n *yaml.Node, name string, v *yaml.Node) *entry {
	if e := member(n, name); e != nil {
		if e.value.Value != v.Value || e.value.Kind != v.Kind {
			*e.value = *v
		}
		return e
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Value: name}
	n.Content = append(n.Content, key, v)
	return &entry{key, v}
}

// remark replaces what an earlier edit wrote above a key.
func remark(key *yaml.Node, comment []string) {
	var lines []string
	for line := range strings.Lines(key.HeadComment) {
		if line = strings.TrimRight(line, "\n"); !strings.HasPrefix(line, mark) {
			lines = append(lines, line)
		}
	}
	for _, line := range comment {
		lines = append(lines, mark+strings.Join(strings.Fields(line), " "))
	}
	key.HeadComment = strings.Join(lines, "\n")
}

// section prints an entry of a block mapping.
func section(name string, v *yaml.Node) (string, error) {
	key := &yaml.Node{Kind: yaml.ScalarNode, Value: name}
	text, err := yaml.Dump(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, v}}, yaml.WithV3Defaults(), yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(text), nil
}

// splice puts a block in the place of an entry of spec, or behind the last one.
func splice(content []byte, spec, old *entry, block string) []byte {
	lines := bytes.SplitAfter(content, []byte("\n"))
	if n := len(lines) - 1; len(lines[n]) == 0 {
		lines = lines[:n]
	} else {
		lines[n] = append(lines[n], '\n')
	}
	at := spec.value.Content[len(spec.value.Content)-2]
	if old != nil {
		at = old.key
	}
	begin, end := at.Line-1, at.Line
	for end < len(lines) && inside(lines[end], at.Column) {
		end++
	}
	for end > begin+1 && isRemark(lines[end-1], at.Column) {
		end--
	}
	if old == nil {
		begin = end
	}
	var indented bytes.Buffer
	for line := range strings.Lines(block) {
		if strings.TrimSpace(line) != "" {
			indented.WriteString(strings.Repeat(" ", at.Column-1))
		}
		indented.WriteString(line)
	}
	return bytes.Join(slices.Concat(lines[:begin], [][]byte{indented.Bytes()}, lines[end:]), nil)
}

// inside reports whether a line belongs to the entry whose key begins in a column: it is
// empty, a comment, deeper, or a list or a closing brace in the key's own column.
func inside(line []byte, column int) bool {
	text := bytes.TrimLeft(line, " ")
	deep := len(line)-len(text) >= column
	beside := len(line)-len(text) == column-1 && (bytes.HasPrefix(text, []byte("- ")) || bytes.ContainsAny(text[:min(1, len(text))], "}]"))
	return deep || beside || len(bytes.TrimSpace(text)) == 0 || text[0] == '#'
}

// isRemark reports whether a line is empty, or a comment that is not deeper than a key.
func isRemark(line []byte, column int) bool {
	text := bytes.TrimLeft(line, " ")
	return len(bytes.TrimSpace(text)) == 0 || text[0] == '#' && len(line)-len(text) < column
}
