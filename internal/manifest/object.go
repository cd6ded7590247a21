package manifest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Position is the place of an object or value in the input.
type Position struct {
	File string // as the user named it; "-" is standard input
	Line int    // 1-based
}

func (p Position) String() string { return p.File + ":" + strconv.Itoa(p.Line) }

// ID identifies an object in a cluster. Group is the API group without the
// version, because two versions of one object are the same object.
type ID struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String returns KIND NAMESPACE/NAME, the form used in messages.
func (id ID) String() string {
	if id.Namespace == "" || id.Name == "" {
		return strings.TrimSpace(id.Kind + " " + id.Name)
	}
	return id.Kind + " " + id.Namespace + "/" + id.Name
}

// Object is one Kubernetes object: a tree whose root is a mapping, and its
// position.
type Object struct {
	Root *Node
	Pos  Position
	// The header of an object that was read, and of its copies. Nobody changes it.
	apiVersion, kind string
}

// APIVersion returns the object's apiVersion.
func (o *Object) APIVersion() string {
	if o.apiVersion != "" {
		return o.apiVersion
	}
	return GetString(o.Root, "apiVersion")
}

// Group returns the API group, "" for the core group.
func (o *Object) Group() string {
	group, _, found := strings.Cut(o.APIVersion(), "/")
	if !found {
		return ""
	}
	return group
}

// Kind returns the object's kind.
func (o *Object) Kind() string {
	if o.kind != "" {
		return o.kind
	}
	return GetString(o.Root, "kind")
}

// Name returns metadata.name.
func (o *Object) Name() string { return GetString(o.Root, "metadata", "name") }

// Namespace returns metadata.namespace as written, "" when absent.
func (o *Object) Namespace() string { return GetString(o.Root, "metadata", "namespace") }

// ID returns the object's identity, with the namespace as written.
func (o *Object) ID() ID {
	return ID{Group: o.Group(), Kind: o.Kind(), Namespace: o.Namespace(), Name: o.Name()}
}

// Metadata returns the metadata mapping and adds an empty one if there is none.
func (o *Object) Metadata() *Node { return Child(o.Root, "metadata") }

// Clone returns a deep copy.
func (o *Object) Clone() *Object {
	c := *o
	c.Root = Clone(o.Root)
	return &c
}

// At returns the position of a value inside the object.
func (o *Object) At(n *Node) Position {
	if n == nil || n.Line == 0 {
		return o.Pos
	}
	return Position{File: o.Pos.File, Line: n.Line}
}

// Errorf makes an error that names the file, the line of the value and the
// object: "FILE:LINE: KIND NAMESPACE/NAME: …".
func (o *Object) Errorf(at *Node, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if id := o.ID().String(); id != "" {
		err = fmt.Errorf("%s: %w", id, err)
	}
	return fmt.Errorf("%s: %w", o.At(at), err)
}

// Value returns the object as encoding/json would decode it: map[string]any,
// []any, string, bool, nil, int64 and float64.
func (o *Object) Value() map[string]any {
	m, _ := Value(o.Root).(map[string]any)
	return m
}

// Value returns the tree as encoding/json would decode it.
func Value(n *Node) any {
	switch {
	case n == nil || IsNull(n):
		return nil
	case IsMap(n):
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[keyText(n.Content[i])] = Value(n.Content[i+1])
		}
		return m
	case IsList(n):
		l := make([]any, len(n.Content))
		for i, c := range n.Content {
			l[i] = Value(c)
		}
		return l
	}
	return scalarValue(n)
}

// keyText returns the key that Kubernetes reads: it reads a bare number or boolean as such
// and then writes it in its own way, so that 0x4 becomes "4" and yes becomes "true"
// (sigs.k8s.io/yaml, convertToJSONableObject).
func keyText(key *Node) string {
	if plainSafe(key.Value) {
		return key.Value
	}
	switch v := scalarValue(key).(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 32)
	case bool:
		return strconv.FormatBool(v)
	}
	return key.Value
}

func scalarValue(n *Node) any {
	switch n.ShortTag() {
	case "!!int":
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if err == nil && strconv.FormatInt(i, 10) == n.Value { // not octal, no sign
			return i
		}
		if n.decode(&i) == nil {
			return i
		}
		return json.Number(n.Value)
	case "!!float":
		var f float64
		if n.decode(&f) == nil {
			return f
		}
	case "!!bool":
		return IsTrue(n)
	case "!!str":
		if _, boolean := booleans[n.Value]; boolean && isBare(n) {
			return IsTrue(n)
		}
	}
	return n.Value
}

// booleans holds the bare words that YAML 1.1, which kubectl and the API server
// read, reads as true and false (yaml.org/type/bool.html).
var booleans = map[string]bool{
	"y": true, "Y": true, "yes": true, "Yes": true, "YES": true, "on": true, "On": true, "ON": true,
	"true": true, "True": true, "TRUE": true,
	"n": false, "N": false, "no": false, "No": false, "NO": false, "off": false, "Off": false, "OFF": false,
	"false": false, "False": false, "FALSE": false,
}

// IsBoolean reports whether Kubernetes reads n as a boolean.
func IsBoolean(n *Node) bool {
	if !IsScalar(n) || !isBare(n) && n.ShortTag() != "!!bool" {
		return false
	}
	_, found := booleans[n.Value]
	return found
}

// IsTrue reports whether Kubernetes reads n as true.
func IsTrue(n *Node) bool { return IsBoolean(n) && booleans[n.Value] }

// Derived is a new object and the input object that it was made from.
type Derived struct{ Stable, Canary *Object }
