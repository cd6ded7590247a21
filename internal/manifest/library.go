package manifest

import "go.yaml.in/yaml/v4"

// fromLibrary converts a tree of the library. All nodes of a document are in one
// piece of memory.
func fromLibrary(root *yaml.Node) *Node {
	nodes, children := 0, 0
	measure(root, &nodes, &children)
	c := converter{nodes: make([]Node, nodes), children: make([]*Node, children)}
	return c.convert(root)
}

func measure(n *yaml.Node, nodes, children *int) {
	*nodes++
	*children += len(n.Content)
	for _, child := range n.Content {
		measure(child, nodes, children)
	}
}

type converter struct {
	nodes    []Node
	children []*Node
	anchored map[*yaml.Node]*Node
}

func (c *converter) convert(n *yaml.Node) *Node {
	made := &c.nodes[0]
	c.nodes = c.nodes[1:]
	*made = Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value, Line: n.Line, Column: n.Column}
	if n.Anchor != "" { // an alias of it stands below or behind
		if c.anchored == nil {
			c.anchored = map[*yaml.Node]*Node{}
		}
		c.anchored[n] = made
	}
	made.setExtra(extra{n.HeadComment, n.LineComment, n.FootComment, n.Anchor, c.anchored[n.Alias]})
	k := len(n.Content)
	made.Content, c.children = c.children[:k:k], c.children[k:]
	for i, child := range n.Content {
		made.Content[i] = c.convert(child)
	}
	return made
}

// toLibrary converts a tree without aliases for the library's printer, which may
// change what it gets. flow reports whether n is part of a flow collection: where
// there is nothing, as in {a, b: }, the library would print an empty string, so
// it gets null.
func toLibrary(n *Node, flow bool) *yaml.Node {
	x := n.extra()
	made := &yaml.Node{
		Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value, Anchor: x.Anchor, Line: n.Line, Column: n.Column,
		HeadComment: x.HeadComment, LineComment: x.LineComment, FootComment: x.FootComment,
	}
	flow = flow || n.Style&yaml.FlowStyle != 0
	if flow && n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == "" {
		made.Value = "null"
	}
	for _, child := range n.Content {
		made.Content = append(made.Content, toLibrary(child, flow))
	}
	return made
}

// decode decodes a scalar as the library does.
func (n *Node) decode(v any) error { return toLibrary(n, false).Decode(v) }
