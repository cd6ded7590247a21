package manifest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// objectsOf makes objects from trees that did not come from YAML.
func (s *source) objectsOf(roots []*Node, err error) ([]*Object, error) {
	if err != nil {
		return nil, err
	}
	var objects []*Object
	for _, root := range roots {
		made := &source{name: s.name, spent: s.spent}
		read, err := made.objects(&Node{Kind: yaml.DocumentNode, Content: []*Node{root}})
		if err != nil {
			return nil, err
		}
		objects = append(objects, read...)
	}
	return objects, nil
}

// objects returns the objects of one document: none if it is empty, the items
// if it is a list, else one.
func (s *source) objects(doc *Node) ([]*Object, error) {
	if err := s.spend(doc); err != nil || len(doc.Content) == 0 || IsNull(doc.Content[0]) {
		return nil, err
	}
	root := doc.Content[0]
	s.restoreComments(root)
	if err := s.expand(root); err != nil {
		return nil, err
	}
	if err := s.otherFormat(root); err != nil {
		return nil, err
	}
	if err := s.checkTree(root, root); err != nil {
		return nil, err
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: expected a Kubernetes object, found a %s; every object has apiVersion, kind and metadata.name; if the file is not for Kubernetes, %s", s.name, max(root.Line, 1), KindName(root), leaveOut)
	}
	if outer := doc.extra(); outer != (extra{}) {
		x := root.extra()
		x.HeadComment, x.FootComment = cmp.Or(x.HeadComment, outer.HeadComment), cmp.Or(x.FootComment, outer.FootComment)
		root.setExtra(x)
	}
	return s.object(root)
}

func (s *source) object(root *Node) ([]*Object, error) {
	o := &Object{Root: root, Pos: Position{File: s.name, Line: max(root.Line, 1)}}
	if err := checkHeader(o); err != nil {
		return nil, err
	}
	o.apiVersion, o.kind = o.APIVersion(), o.Kind()
	if o.Kind() == "Release" && strings.HasPrefix(GetString(root, "apiVersion"), "canarize.dev/") {
		return nil, nil // the release file may be in the same folder; it is not for the cluster
	}
	if !strings.HasSuffix(o.Kind(), "List") || Get(root, "items") == nil && Get(root, "metadata", "name") != nil {
		return []*Object{o}, checkMetadata(o)
	}
	items := Get(root, "items")
	if items != nil && !IsList(items) {
		return nil, o.Errorf(items, "items is a %s, not a list; begin every item with a dash", KindName(items))
	}
	var objects []*Object
	for i, item := range Items(root, "items") {
		if !IsMap(item) {
			return nil, o.Errorf(item, "items[%d] is a %s, not a Kubernetes object; every object has apiVersion, kind and metadata.name", i, KindName(item))
		}
		inheritHeader(root, item)
		read, err := s.object(item)
		if err != nil {
			return nil, err
		}
		objects = append(objects, read...)
	}
	return objects, nil
}

// inheritHeader gives an item of a typed list, such as a DeploymentList, an
// apiVersion and kind. The API server omits them from items.
func inheritHeader(list, item *Node) {
	kind := strings.TrimSuffix(GetString(list, "kind"), "List")
	if kind != "" && Get(item, "kind") == nil && Get(item, "apiVersion") == nil {
		header := NewMap("apiVersion", GetString(list, "apiVersion"), "kind", kind)
		DeleteFunc(item, func(key string) bool { return key == "kind" || key == "apiVersion" })
		item.Content = append(header.Content, item.Content...)
	}
}

// tags are the YAML tags whose values JSON, the format of Kubernetes, can hold.
var tags = []string{"!", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!binary", "!!timestamp", "!!merge"}

// checkTree rejects what YAML allows and JSON does not: duplicate keys, keys
// that are not scalars, custom tags.
func (s *source) checkTree(root, n *Node) error {
	if n.Style&yaml.TaggedStyle != 0 {
		if err := s.checkTag(root, n); err != nil {
			return err
		}
	}
	if n.Kind == yaml.MappingNode {
		if err := s.checkKeys(root, n); err != nil {
			return err
		}
	}
	for _, child := range n.Content {
		if err := s.checkTree(root, child); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) checkTag(root, n *Node) error {
	tag := n.ShortTag()
	if !slices.Contains(tags, tag) {
		return s.errorf(root, n, "Kubernetes does not know the tag %s; put the value in quotes, or let the tool that knows the tag replace it first", tag)
	}
	var err error
	switch tag {
	case "!!int":
		err = n.decode(new(int64))
	case "!!float":
		err = n.decode(new(float64))
	case "!!bool":
		err = n.decode(new(bool))
	}
	if err != nil {
		return s.errorf(root, n, "%s does not match its tag %s; remove the tag", n.Value, tag)
	}
	return nil
}

func (s *source) checkKeys(root, n *Node) error {
	const fewKeys = 16 // below this, comparing all pairs is cheaper than a map
	var seen map[string]int
	if len(n.Content) > 2*fewKeys {
		seen = make(map[string]int, len(n.Content)/2)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || IsNull(key) {
			return s.keyError(root, key)
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
			remedy := "remove one"
			if key.Value == "apiVersion" || key.Value == "kind" {
				remedy += ", or put --- between two objects"
			}
			return s.errorf(root, key, "duplicate key %q, first on line %d; %s", key.Value, n.Content[first].Line, remedy)
		}
	}
	return nil
}

// keyError reports a key that is not a string. The most common one is {{ value
// }}, which YAML reads as a mapping whose key is a mapping.
func (s *source) keyError(root, key *Node) error {
	if l, _ := s.line(key.Line); isTemplate(l) {
		return s.errorf(root, key, "%s", templateHint)
	}
	return s.errorf(root, key, "the key is a %s; keys are strings: put it in quotes", KindName(key))
}

// checkHeader checks apiVersion and kind, which every Kubernetes object has.
func checkHeader(o *Object) error {
	for _, key := range []string{"apiVersion", "kind"} {
		v := Get(o.Root, key)
		if v == nil || IsScalar(v) && v.Value == "" {
			advice := ""
			if Get(o.Root, "kind") == nil {
				advice = "; if the file is not for Kubernetes, " + leaveOut
			}
			return o.Errorf(nil, "no %s; every Kubernetes object has apiVersion, kind and metadata.name%s", key, advice)
		}
		if err := CheckString(o, key, v); err != nil {
			return err
		}
		if !headerText.MatchString(v.Value) {
			return o.Errorf(v, "%s %q is not valid in Kubernetes; %s", key, v.Value, remedy(v.Value, "write it as in the documentation of the object"))
		}
	}
	return nil
}

var headerText = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9./]*$`)

// checkMetadata checks name, namespace, labels and annotations.
func checkMetadata(o *Object) error {
	meta := Get(o.Root, "metadata")
	if meta != nil && !IsMap(meta) {
		return o.Errorf(meta, "metadata is a %s, not a mapping; write name: and the like under it, indented", KindName(meta))
	}
	for _, key := range []string{"name", "generateName", "namespace"} {
		if err := CheckString(o, "metadata."+key, Get(meta, key)); err != nil {
			return err
		}
	}
	if GetString(meta, "name") == "" && GetString(meta, "generateName") == "" {
		return o.Errorf(meta, "no metadata.name; give the object one")
	}
	if v := Get(meta, "name"); v != nil && !validPathSegment(v.Value) {
		return o.Errorf(v, "metadata.name %q is not a valid name; %s", v.Value, remedy(v.Value, "use at most 253 characters, without slashes, percent signs and spaces"))
	}
	if v := Get(meta, "namespace"); v != nil && !dnsLabel.MatchString(v.Value) {
		return o.Errorf(v, "metadata.namespace %q is not a valid namespace; %s", v.Value, remedy(v.Value, "use at most 63 lower-case letters, digits and dashes"))
	}
	if err := CheckLabels(o, "metadata.labels", Get(meta, "labels")); err != nil {
		return err
	}
	return CheckStringMap(o, "metadata.annotations", Get(meta, "annotations"))
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// validPathSegment reports whether any kind of object can have the name, which
// becomes part of a URL (k8s.io/apimachinery/pkg/api/validation/path).
func validPathSegment(name string) bool {
	return name != "." && name != ".." && len(name) <= 253 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '/' || r == '%' || r == 0x7f }) &&
		!strings.Contains(name, "{{") && !strings.Contains(name, "${")
}

// remedy returns what to do about a value: render it if it is a template, else
// otherwise.
func remedy(value, otherwise string) string {
	if isTemplate(value) || strings.Contains(value, "${") {
		return templateHint
	}
	return otherwise
}

// CheckStringMap checks that n, if present, maps strings to strings, as labels,
// annotations and selectors do. It rejects bare numbers, true and yes, as the
// API server does.
func CheckStringMap(o *Object, what string, n *Node) error {
	if n == nil {
		return nil
	}
	if !IsMap(n) {
		return o.Errorf(n, "%s is a %s, not a mapping; write KEY: VALUE lines under it, indented", what, KindName(n))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		if isBare(key) && isYAML11Word(key.Value) {
			return o.Errorf(key, "%s has the bare key %s, which kubectl reads as true or false; put it in quotes", what, key.Value)
		}
		if IsNull(v) {
			continue
		}
		if CheckString(o, "", v) != nil { // naming the value costs more than checking it
			return CheckString(o, what+"."+key.Value, v)
		}
	}
	return nil
}

// CheckLabels checks that n, if present, holds labels that the API server
// accepts.
func CheckLabels(o *Object, what string, n *Node) error {
	if err := CheckStringMap(o, what, n); err != nil || n == nil {
		return err
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if v := n.Content[i+1]; !ValidLabelValue(v.Value) && !IsNull(v) {
			return o.Errorf(v, "%s.%s %q is not a valid label value; %s", what, n.Content[i].Value, v.Value,
				remedy(v.Value, "use at most 63 letters, digits, dashes, dots and underscores, a letter or digit first and last"))
		}
	}
	return nil
}

// ValidLabelValue reports whether a label can have the value
// (k8s.io/apimachinery/pkg/util/validation).
func ValidLabelValue(s string) bool {
	if s == "" {
		return true
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		alphanumeric := isLetter(c) || c >= '0' && c <= '9'
		if !alphanumeric && (i == 0 || i == len(s)-1 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return len(s) <= 63
}

// isBare reports whether a scalar is written without quotes, block or tag.
func isBare(v *Node) bool {
	return v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0
}

// CheckString checks that v, if present, is a string for every YAML reader,
// including those of Kubernetes.
func CheckString(o *Object, what string, v *Node) error {
	if v == nil {
		return nil
	}
	if !IsScalar(v) {
		return o.Errorf(v, "%s is a %s, not a string; write one value on the same line", what, KindName(v))
	}
	if tag := v.ShortTag(); tag != "!!str" && tag != "!!timestamp" && tag != "!!binary" || isBare(v) && isYAML11Word(v.Value) {
		return o.Errorf(v, "%s is %s, which is not a string; put it in quotes", what, v.Value)
	}
	return nil
}

// KindName returns one word for the kind of n: mapping, list, string, number,
// boolean or null.
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
