package manifest

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Node is one YAML value with its comments and its position in the input. It
// takes half the memory of the library's node, in which nearly all fields for
// comments and aliases are empty.
type Node struct {
	Kind         yaml.Kind
	Style        yaml.Style
	Tag          string  // the short form, such as !!str
	Value        string  // of a scalar
	Content      []*Node // the items of a list; the keys and values of a mapping in turn
	Line, Column int     // from 1; 0 if unknown
	rare         *extra  // nil if there is none; copies of a node share it, so it never changes
}

// extra holds what few nodes have.
type extra struct {
	HeadComment, LineComment, FootComment string
	Anchor                                string
	Alias                                 *Node // what an alias stands for
}

func (n *Node) extra() extra {
	if n.rare == nil {
		return extra{}
	}
	return *n.rare
}

func (n *Node) setExtra(x extra) {
	if n.rare = nil; x != (extra{}) {
		rare := x // only this one needs memory of its own
		n.rare = &rare
	}
}

// KeepComments gives n the comments of another node.
func (n *Node) KeepComments(old *Node) {
	x, o := n.extra(), old.extra()
	x.HeadComment, x.LineComment, x.FootComment = o.HeadComment, o.LineComment, o.FootComment
	n.setExtra(x)
}

// ShortTag returns the tag that says the type of the value.
func (n *Node) ShortTag() string {
	if n.Tag != "" && n.Tag != "!" {
		return n.Tag
	}
	switch n.Kind {
	case yaml.MappingNode:
		return "!!map"
	case yaml.SequenceNode:
		return "!!seq"
	case yaml.ScalarNode:
		return "!!str"
	}
	return ""
}

// NewString makes a string scalar that every YAML reader, including the YAML
// 1.1 readers of Kubernetes, reads as a string.
func NewString(s string) *Node {
	n := &Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if !plainSafe(s) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// NewInt makes a whole number.
func NewInt(n int) *Node { return newScalar("!!int", strconv.Itoa(n)) }

func newScalar(tag, text string) *Node {
	return &Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}

// newNumber makes a number from its JSON text.
func newNumber(text string) *Node {
	if strings.ContainsAny(text, ".eE") {
		return newScalar("!!float", text)
	}
	return newScalar("!!int", text)
}

// NewMap makes a mapping from alternating keys and values.
func NewMap(keysAndValues ...any) *Node {
	n := &Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := 0; i+1 < len(keysAndValues); i += 2 {
		Put(n, keysAndValues[i].(string), toNode(keysAndValues[i+1]))
	}
	return n
}

// NewList makes a sequence of strings and nodes.
func NewList(items ...any) *Node {
	n := &Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, item := range items {
		n.Content = append(n.Content, toNode(item))
	}
	return n
}

func toNode(v any) *Node {
	if n, ok := v.(*Node); ok {
		return n
	}
	return NewString(v.(string))
}

// plainSafe reports whether s means the string s when written without quotes.
// When in doubt it returns false: it accepts only words that begin with a
// letter and that no YAML version reads as a boolean or null.
func plainSafe(s string) bool {
	if s == "" || !isLetter(s[0]) || isYAML11Word(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !isLetter(c) && (c < '0' || c > '9') && !strings.ContainsRune("-_./@", rune(c)) &&
			(c != ':' || i+1 == len(s)) {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isYAML11Word reports whether YAML 1.1, which kubectl and the API server read,
// reads the bare word as a boolean or null.
func isYAML11Word(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return true
	}
	return false
}

// IsMap reports whether n is a mapping.
func IsMap(n *Node) bool { return n != nil && n.Kind == yaml.MappingNode }

// IsList reports whether n is a sequence.
func IsList(n *Node) bool { return n != nil && n.Kind == yaml.SequenceNode }

// IsScalar reports whether n is a scalar other than null.
func IsScalar(n *Node) bool { return n != nil && n.Kind == yaml.ScalarNode && !IsNull(n) }

// IsNull reports whether n is an explicit null.
func IsNull(n *Node) bool {
	return n != nil && n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// Get returns the value at a path of mapping keys, or nil where any step is
// absent, null or not a mapping.
func Get(n *Node, path ...string) *Node {
	for _, key := range path {
		i := keyIndex(n, key)
		if i < 0 {
			return nil
		}
		n = n.Content[i+1]
	}
	if IsNull(n) {
		return nil
	}
	return n
}

// GetString returns the text of the scalar at a path, or "" if there is none.
func GetString(n *Node, path ...string) string {
	if v := Get(n, path...); IsScalar(v) {
		return v.Value
	}
	return ""
}

// Nearest returns the value at a path of keys and indices, or at as many of its steps as
// there are.
func Nearest(n *Node, path ...string) *Node {
	for _, step := range path {
		next := Get(n, step)
		if i, err := strconv.Atoi(step); err == nil && IsList(n) && i >= 0 && i < len(n.Content) {
			next = n.Content[i]
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

// Items returns the elements of the sequence at a path.
func Items(n *Node, path ...string) []*Node {
	if v := Get(n, path...); IsList(v) {
		return v.Content
	}
	return nil
}

// StringMap returns the mapping at a path as a map of strings; values that are
// not scalars are left out.
func StringMap(n *Node, path ...string) map[string]string {
	v := Get(n, path...)
	if !IsMap(v) {
		return nil
	}
	m := make(map[string]string, len(v.Content)/2)
	for i := 0; i+1 < len(v.Content); i += 2 {
		if IsScalar(v.Content[i+1]) {
			m[v.Content[i].Value] = v.Content[i+1].Value
		}
	}
	return m
}

// Keys returns the keys of a mapping in their order.
func Keys(n *Node) []string {
	if !IsMap(n) {
		return nil
	}
	keys := make([]string, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i].Value)
	}
	return keys
}

func keyIndex(n *Node, key string) int {
	if !IsMap(n) {
		return -1
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// Put sets key to value: in place if the key exists, else at the end. A scalar
// that replaces a scalar keeps the old one's comments.
func Put(n *Node, key string, value *Node) {
	i := keyIndex(n, key)
	if i < 0 {
		n.Content = append(n.Content, NewString(key), value)
		return
	}
	old := n.Content[i+1]
	if old.Kind == yaml.ScalarNode && value.Kind == yaml.ScalarNode {
		value.KeepComments(old)
		value.Line, value.Column = old.Line, old.Column
		if value.Style == 0 && old.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 && value.Tag == "!!str" {
			value.Style = old.Style
		}
	}
	n.Content[i+1] = value
}

// SetString changes a scalar to a string. It keeps the comments.
func SetString(n *Node, s string) {
	value := NewString(s)
	n.Tag, n.Value, n.Style = value.Tag, value.Value, value.Style
}

// PutString is Put with a string.
func PutString(n *Node, key, value string) { Put(n, key, NewString(value)) }

// Child returns the mapping under key, making an empty one when it is absent
// or null.
func Child(n *Node, key string) *Node {
	if c := Get(n, key); c != nil {
		return c
	}
	Put(n, key, NewMap())
	return n.Content[keyIndex(n, key)+1]
}

// Delete removes key and reports whether it was there.
func Delete(n *Node, key string) bool {
	i := keyIndex(n, key)
	if i < 0 {
		return false
	}
	n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
	return true
}

// DeleteFunc removes the keys for which drop returns true.
func DeleteFunc(n *Node, drop func(key string) bool) {
	if !IsMap(n) {
		return
	}
	kept := make([]*Node, 0, len(n.Content))
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !drop(n.Content[i].Value) {
			kept = append(kept, n.Content[i], n.Content[i+1])
		}
	}
	n.Content = kept
}

// Clone copies a tree with its positions and comments. The copy has the same
// keys of mappings, because nobody changes a key.
func Clone(n *Node) *Node { return clone(n, false) }

// clone copies a tree, and its keys too if withKeys is set.
func clone(n *Node, withKeys bool) *Node {
	if n == nil {
		return nil
	}
	c := cloner{withKeys: withKeys}
	nodes, children := c.count(n)
	c.nodes, c.children = make([]Node, nodes), make([]*Node, children)
	return c.clone(n)
}

// cloner holds the memory for a whole copy in two allocations.
type cloner struct {
	withKeys bool
	nodes    []Node
	children []*Node
}

// keeps reports whether the copy of a collection has the same i-th child.
func (c *cloner) keeps(n *Node, i int) bool {
	return !c.withKeys && n.Kind == yaml.MappingNode && i%2 == 0
}

func (c *cloner) count(n *Node) (nodes, children int) {
	nodes, children = 1, len(n.Content)
	for i, child := range n.Content {
		if !c.keeps(n, i) {
			below, more := c.count(child)
			nodes, children = nodes+below, children+more
		}
	}
	return nodes, children
}

func (c *cloner) clone(n *Node) *Node {
	made := &c.nodes[0]
	c.nodes = c.nodes[1:]
	*made = *n
	if n.Content == nil {
		return made
	}
	k := len(n.Content)
	made.Content, c.children = c.children[:k:k], c.children[k:]
	for i, child := range n.Content {
		if c.keeps(n, i) {
			made.Content[i] = child
		} else {
			made.Content[i] = c.clone(child)
		}
	}
	return made
}

// Walk calls visit for n and everything below it, parents first. key is the
// last mapping key on the way; the elements of a sequence get the key of the
// sequence.
func Walk(n *Node, visit func(key string, n *Node)) { walk("", n, visit) }

func walk(key string, n *Node, visit func(string, *Node)) {
	if n == nil {
		return
	}
	visit(key, n)
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			walk(n.Content[i].Value, n.Content[i+1], visit)
		}
	case yaml.SequenceNode:
		for _, child := range n.Content {
			walk(key, child, visit)
		}
	}
}
