package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// From makes a tree from a decoded JSON value. The keys of mappings are sorted.
func From(v any) *Node {
	switch v := v.(type) {
	case map[string]any:
		n := NewMap()
		for _, key := range slices.Sorted(maps.Keys(v)) {
			Put(n, key, From(v[key]))
		}
		return n
	case []any:
		n := NewList()
		for _, item := range v {
			n.Content = append(n.Content, From(item))
		}
		return n
	case string:
		return NewString(v)
	case nil:
		return newScalar("!!null", "null")
	case bool:
		return newScalar("!!bool", strconv.FormatBool(v))
	case float64:
		return newNumber(strconv.FormatFloat(v, 'f', -1, 64))
	}
	return newNumber(fmt.Sprint(v))
}

// NewObject makes an object from a tree. It gets the position of from.
func NewObject(root *Node, from *Object) *Object { return &Object{Root: root, Pos: from.Pos} }
