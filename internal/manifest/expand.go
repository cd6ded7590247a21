package manifest

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// expand replaces aliases by copies of what they stand for and merge keys by
// the entries they merge, so that an edit of one place never changes another.
// The number of values is bounded: an alias bomb ends here.
func (s *source) expand(root *Node) error {
	e := expander{source: s, active: map[*Node]bool{}}
	return e.expand(root)
}

type expander struct {
	*source
	values int
	active map[*Node]bool // anchors that are being expanded: an alias to one is a cycle
}

func (e *expander) expand(n *Node) error {
	if e.values++; e.values > MaxDocumentValues {
		return fmt.Errorf("%s:%d: aliases expand to more than %d values, the most that one document may have", e.name, n.Line, MaxDocumentValues)
	}
	if n.Kind == yaml.AliasNode {
		if err := e.follow(n); err != nil {
			return err
		}
	}
	anchored := n.Anchor != ""
	if anchored {
		e.active[n] = true
	}
	for _, child := range n.Content {
		if err := e.expand(child); err != nil {
			return err
		}
	}
	if anchored {
		delete(e.active, n)
		n.Anchor = ""
	}
	if n.Kind == yaml.MappingNode {
		return e.merge(n)
	}
	return nil
}

// follow makes an alias a copy of its anchor. The copy has the alias's comments
// and no position of its own in the text.
func (e *expander) follow(alias *Node) error {
	target := alias.Alias
	if target == nil || e.active[target] {
		return fmt.Errorf("%s:%d: alias *%s stands inside what it names", e.name, alias.Line, alias.Value)
	}
	size := 0
	Walk(target, func(string, *Node) { size++ })
	if e.values+size > MaxDocumentValues {
		return fmt.Errorf("%s:%d: alias *%s expands the document to more than %d values, the most that one document may have", e.name, alias.Line, alias.Value, MaxDocumentValues)
	}
	c := Clone(target)
	c.HeadComment, c.LineComment, c.FootComment = alias.HeadComment, alias.LineComment, alias.FootComment
	c.Anchor, c.Line, c.Column = "", alias.Line, 0
	*alias = *c
	return nil
}

// merge puts the entries of << into the mapping, the mapping's own winning, then
// earlier merged mappings before later ones (YAML 1.1 merge key).
func (e *expander) merge(n *Node) error {
	i := keyIndex(n, "<<")
	if i < 0 || n.Content[i].ShortTag() != "!!merge" {
		return nil
	}
	merged := n.Content[i+1]
	sources := []*Node{merged}
	if merged.Kind == yaml.SequenceNode {
		sources = merged.Content
	}
	n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
	for _, from := range sources {
		if from.Kind != yaml.MappingNode {
			return fmt.Errorf("%s:%d: << merges mappings, and this is none", e.name, from.Line)
		}
		for j := 0; j+1 < len(from.Content); j += 2 {
			if keyIndex(n, from.Content[j].Value) < 0 {
				n.Content = append(n.Content, from.Content[j], from.Content[j+1])
			}
		}
	}
	return nil
}
