package manifest

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// expand replaces each alias by a copy of its anchor's value, and each merge
// key by the entries it merges. So an edit in one place never changes another.
// The number of copied values is limited, which stops alias bombs.
func (s *source) expand(root *Node) error {
	e := expander{source: s, root: root, active: map[*Node]bool{}}
	return e.expand(root)
}

// spend counts the values of a document against the budget of the call.
func (s *source) spend(doc *Node) error {
	s.spent.values += count(doc)
	if s.spent.values > s.spent.most {
		return fmt.Errorf("%s:%d: the input has more than %d values in all, the limit; pass the files of one application only", s.name, max(doc.Line, 1), s.spent.most)
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
	active map[*Node]bool // anchors being expanded; an alias to one of them is a cycle
}

func (e *expander) expand(n *Node) error {
	if n.Kind == yaml.AliasNode {
		if err := e.follow(n); err != nil {
			return err
		}
	}
	anchored := n.extra().Anchor != ""
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
		x := n.extra()
		x.Anchor = ""
		n.setExtra(x)
	}
	if n.Kind == yaml.MappingNode {
		return e.merge(n)
	}
	return nil
}

// follow replaces an alias by a copy of its anchor's value. The copy keeps the
// alias's comments and has no column.
func (e *expander) follow(alias *Node) error {
	target := alias.extra().Alias
	if target == nil || e.active[target] {
		return e.errorf(e.root, alias, "alias *%s is inside the value of its own anchor; a value cannot contain itself", alias.Value)
	}
	e.spent.copied += count(target)
	if most := min(maxCopiedValues+10*e.spent.values, e.spent.most); e.spent.copied > most {
		return e.errorf(e.root, alias, "aliases such as *%s copy more than %d values, the limit for an input of this size; use fewer aliases", alias.Value, most)
	}
	c := clone(target, true)
	x := alias.extra()
	c.setExtra(extra{HeadComment: x.HeadComment, LineComment: x.LineComment, FootComment: x.FootComment})
	c.Line, c.Column = alias.Line, 0
	*alias = *c
	return nil
}

// merge adds the entries of << to the mapping. The mapping's own entries win,
// then those of earlier merged mappings (YAML 1.1 merge key).
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
		return e.errorf(e.root, n.Content[again], "<< occurs twice in one mapping; write <<: [*a, *b]")
	}
	present := make(map[string]bool, len(n.Content)/2)
	for _, key := range Keys(n) {
		present[key] = true
	}
	for _, from := range sources {
		if from.Kind != yaml.MappingNode {
			return e.errorf(e.root, from, "<< merges mappings, but this is a %s; name the anchor of a mapping, such as <<: *defaults", KindName(from))
		}
		for j := 0; j+1 < len(from.Content); j += 2 {
			if key := from.Content[j].Value; !present[key] {
				present[key] = true
				n.Content = append(n.Content, from.Content[j], from.Content[j+1])
			}
		}
	}
	return nil
}
