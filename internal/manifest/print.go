package manifest

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Print writes objects as a stream of YAML documents.
func Print(objects []*Object) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		text, err := o.YAML()
		if err != nil {
			return nil, err
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// YAML returns the object as one YAML document without a separator: as the text
// it was read from with only the edited places changed where that is possible,
// encoded anew otherwise.
func (o *Object) YAML() ([]byte, error) {
	if text, ok := verbatim(o); ok && means([]byte(text), o.Root) {
		return []byte(text), nil
	}
	text, err := encode(o.Root, o.compactLists())
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", o.Pos, o.ID(), err)
	}
	return text, nil
}

// means says whether a text is one document with the tree as its value.
func means(text []byte, root *Node) bool {
	var doc Node
	err := yaml.Load(text, &doc, yaml.WithPlugin(limits{}))
	return err == nil && len(doc.Content) == 1 && same(doc.Content[0], root)
}

// encode writes a tree anew. It works on a copy, because the library takes the
// tags it does not need off the tree it writes.
func encode(n *Node, compactLists bool) ([]byte, error) {
	return yaml.Dump(Clone(n), yaml.WithV3Defaults(), yaml.WithIndent(2), yaml.WithCompactSeqIndent(compactLists), yaml.WithLineWidth(-1))
}

// compactLists says whether the object's first list in block style stands at
// the column of its key, as kubectl writes lists.
func (o *Object) compactLists() bool {
	if o.orig == nil {
		return false
	}
	compact, _ := compactIn(o.orig)
	return compact
}

func compactIn(n *Node) (compact, found bool) {
	if n.Kind != yaml.MappingNode {
		return false, false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		if v.Kind == yaml.SequenceNode && v.Style&yaml.FlowStyle == 0 && v.Column > 0 {
			return v.Column == n.Content[i].Column, true
		}
		if compact, found = compactIn(v); found {
			return compact, true
		}
	}
	return false, false
}
