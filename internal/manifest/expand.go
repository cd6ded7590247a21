package manifest

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// expand replaces aliases by copies of what they stand for and merge keys by
// the entries they merge, so that an edit of one place never changes another.
// The number of values is bounded: an alias bomb ends here.
func (s *source) expand(root *Node) error {
	e := expander{source: s, root: root, active: map[*Node]bool{}}
	return e.expand(root)
}

// spend takes the values of a document off the budget of the call.
func (s *source) spend(doc *Node) error {
	s.spent.values += count(doc)
	if s.spent.values > s.spent.most {
		return fmt.Errorf("%s:%d: the input has more than %d values in all, the most that is read; pass the files of one application only", s.name, max(doc.Line, 1), s.spent.most)
	}
	return nil
}

func count(n *Node) int {
	values := 1
	for _, child := range n.Content {
		values += count(child)
	}
	return values
}

type expander struct {
	*source
	root   *Node
	active map[*Node]bool // anchors that are being expanded: an alias to one is a cycle
}

func (e *expander) expand(n *Node) error {
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
		return e.errorf(e.root, alias, "alias *%s stands inside what it names; a value cannot contain itself", alias.Value)
	}
	e.spent.copied += count(target)
	if most := min(maxCopiedValues+10*e.spent.values, e.spent.most); e.spent.copied > most {
		return e.errorf(e.root, alias, "aliases such as *%s copy more than %d values, the most for an input of this size; write it without so many aliases", alias.Value, most)
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
	if again := keyIndex(n, "<<"); again >= 0 {
		return e.errorf(e.root, n.Content[again], "<< stands twice in one mapping; write <<: [*a, *b]")
	}
	have := make(map[string]bool, len(n.Content)/2)
	for _, key := range Keys(n) {
		have[key] = true
	}
	for _, from := range sources {
		if from.Kind != yaml.MappingNode {
			return e.errorf(e.root, from, "<< merges mappings, and this is a %s; name the anchor of a mapping, such as <<: *defaults", KindName(from))
		}
		for j := 0; j+1 < len(from.Content); j += 2 {
			if key := from.Content[j].Value; !have[key] {
				have[key] = true
				n.Content = append(n.Content, from.Content[j], from.Content[j+1])
			}
		}
	}
	return nil
}
