package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// objectsOf makes objects of trees that were read in another way than as YAML.
func (s *source) objectsOf(roots []*Node, err error) ([]*Object, error) {
	if err != nil {
		return nil, err
	}
	var objects []*Object
	for _, root := range roots {
		read, err := (&source{name: s.name}).objects(&Node{Kind: yaml.DocumentNode, Content: []*Node{root}})
		if err != nil {
			return nil, err
		}
		objects = append(objects, read...)
	}
	return objects, nil
}

// objects takes the objects out of one document: none for an empty one, one for
// an object, its items for a list.
func (s *source) objects(doc *Node) ([]*Object, error) {
	if len(doc.Content) == 0 || IsNull(doc.Content[0]) {
		return nil, nil
	}
	root := doc.Content[0]
	if err := s.expand(root); err != nil {
		return nil, err
	}
	if err := s.checkTree(root); err != nil {
		return nil, err
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: a %s where a Kubernetes object (apiVersion, kind, metadata) is expected", s.name, root.Line, KindName(root))
	}
	if root.HeadComment == "" {
		root.HeadComment = doc.HeadComment
	}
	if root.FootComment == "" {
		root.FootComment = doc.FootComment
	}
	return s.object(root)
}

func (s *source) object(root *Node) ([]*Object, error) {
	o := &Object{Root: root, Pos: Position{File: s.name, Line: max(root.Line, 1)}, orig: root}
	if s.text != nil {
		o.src = s
	}
	if err := checkHeader(o); err != nil {
		return nil, err
	}
	if !strings.HasSuffix(o.Kind(), "List") || Get(root, "items") == nil && Get(root, "metadata", "name") != nil {
		return []*Object{o}, checkMetadata(o)
	}
	items := Get(root, "items")
	if items != nil && !IsList(items) {
		return nil, o.Errorf(items, "items is a %s, not a list", KindName(items))
	}
	var objects []*Object
	for _, item := range Items(root, "items") {
		if !IsMap(item) {
			return nil, o.Errorf(item, "an item is a %s, not an object", KindName(item))
		}
		read, err := s.object(item)
		if err != nil {
			return nil, err
		}
		objects = append(objects, read...)
	}
	return objects, nil
}

// checkTree refuses what YAML allows and JSON, which Kubernetes speaks, does
// not: duplicate keys, keys that are no scalars, tags of one's own.
func (s *source) checkTree(n *Node) error {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") && n.Tag != "!" {
		return fmt.Errorf("%s:%d: the tag %s means nothing to Kubernetes", s.name, n.Line, n.Tag)
	}
	if n.Kind == yaml.MappingNode {
		if err := s.checkKeys(n); err != nil {
			return err
		}
	}
	for _, child := range n.Content {
		if err := s.checkTree(child); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) checkKeys(n *Node) error {
	const fewKeys = 16 // below it comparing each with each is cheaper than a map
	var seen map[string]int
	if len(n.Content) > 2*fewKeys {
		seen = make(map[string]int, len(n.Content)/2)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return fmt.Errorf("%s:%d: a %s as a key; keys are strings (a template value such as {{ … }} needs quotes, or rendering first)", s.name, key.Line, KindName(key))
		}
		first := -1
		if seen != nil {
			if at, found := seen[key.Value]; found {
				first = at
			}
			seen[key.Value] = i
		} else {
			for j := 0; j < i; j += 2 {
				if n.Content[j].Value == key.Value {
					first = j
				}
			}
		}
		if first >= 0 {
			return fmt.Errorf("%s:%d: duplicate key %q, first on line %d; remove one", s.name, key.Line, key.Value, n.Content[first].Line)
		}
	}
	return nil
}

// checkHeader checks what makes a mapping a Kubernetes object.
func checkHeader(o *Object) error {
	for _, key := range []string{"apiVersion", "kind"} {
		v := Get(o.Root, key)
		if v == nil {
			return fmt.Errorf("%s: no %s; every Kubernetes object has apiVersion, kind and metadata.name", o.Pos, key)
		}
		if err := checkString(o, v, key); err != nil {
			return err
		}
	}
	return nil
}

// checkMetadata checks name, namespace, labels and annotations.
func checkMetadata(o *Object) error {
	meta := Get(o.Root, "metadata")
	if meta != nil && !IsMap(meta) {
		return o.Errorf(meta, "metadata is a %s, not a mapping", KindName(meta))
	}
	for _, key := range []string{"name", "generateName", "namespace"} {
		if v := Get(meta, key); v != nil {
			if err := checkString(o, v, "metadata."+key); err != nil {
				return err
			}
		}
	}
	if GetString(meta, "name") == "" && GetString(meta, "generateName") == "" && o.Kind() != "Kustomization" {
		return fmt.Errorf("%s: %s without metadata.name", o.Pos, o.Kind())
	}
	for _, key := range []string{"labels", "annotations"} {
		if err := CheckStringMap(o, "metadata."+key, Get(meta, key)); err != nil {
			return err
		}
	}
	return nil
}

// CheckStringMap checks that n, where present, maps strings to strings, as
// labels, annotations and selectors do. A bare number, true or yes is refused as
// the API server refuses it.
func CheckStringMap(o *Object, what string, n *Node) error {
	if n == nil {
		return nil
	}
	if !IsMap(n) {
		return o.Errorf(n, "%s is a %s, not a mapping", what, KindName(n))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if v := n.Content[i+1]; !IsNull(v) {
			if err := checkString(o, v, what+"."+n.Content[i].Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkString(o *Object, v *Node, what string) error {
	if !IsScalar(v) {
		return o.Errorf(v, "%s is a %s, not a string", what, KindName(v))
	}
	quoted := v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0
	if tag := v.ShortTag(); tag != "!!str" && tag != "!!timestamp" || !quoted && isYAML11Word(v.Value) {
		return o.Errorf(v, "%s is %s, which is not a string; put it in quotes", what, v.Value)
	}
	return nil
}

// KindName says in one word what n is: mapping, list, string, number, boolean or
// null.
func KindName(n *Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	case yaml.ScalarNode:
		if IsNull(n) {
			return "null"
		}
		switch n.ShortTag() {
		case "!!int", "!!float":
			return "number"
		case "!!bool":
			return "boolean"
		}
		return "string"
	}
	return "value of another kind"
}
