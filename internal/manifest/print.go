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

// YAML returns the object as one YAML document without a separator.
func (o *Object) YAML() ([]byte, error) {
	text, err := encode(o.Root, o.compactLists())
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", o.Pos, o.ID(), err)
	}
	return text, nil
}

func encode(n *Node, compactLists bool) ([]byte, error) {
	return yaml.Dump(n, yaml.WithV3Defaults(), yaml.WithIndent(2), yaml.WithCompactSeqIndent(compactLists), yaml.WithLineWidth(-1))
}

// compactLists says whether the object's first list in block style stands at
// the column of its key, as kubectl writes lists.
func (o *Object) compactLists() bool {
	compact, found := false, false
	var look func(n *Node)
	look = func(n *Node) {
		for i := 0; i+1 < len(n.Content) && !found && n.Kind == yaml.MappingNode; i += 2 {
			v := n.Content[i+1]
			if v.Kind == yaml.SequenceNode && v.Style&yaml.FlowStyle == 0 && v.Column > 0 {
				compact, found = v.Column == n.Content[i].Column, true
				return
			}
			look(v)
		}
	}
	if o.orig != nil {
		look(o.orig)
	}
	return compact
}
