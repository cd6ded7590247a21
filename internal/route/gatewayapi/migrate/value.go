package migrate

import (
	"encoding/json"
	"maps"
	"slices"
)

// reason is why a Mapping cannot move, with the path of its field that says so.
type reason struct {
	path []string
	text string
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// set reports whether a field has a value other than false, 0 or nothing.
func set(v any) bool {
	n, isNumber := number(v)
	return !setsNothing(v) && (!isNumber || n != 0)
}

func number(v any) (float64, bool) {
	switch t := v.(type) {
	case int64:
		return float64(t), true
	case int:
		return float64(t), true
	case float64:
		return t, true
	case json.Number:
		f, err := t.Float64()
		return f, err == nil
	}
	return 0, false
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
