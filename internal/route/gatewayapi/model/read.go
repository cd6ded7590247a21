package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// APIGroup is the API group of Gateways and routes.
const APIGroup = "gateway.networking.k8s.io"

// ID identifies an object of a kind that the model reads.
type ID struct{ Kind, Namespace, Name string }

func (id ID) String() string { return id.Kind + " " + id.Namespace + "/" + id.Name }

// Problem is something wrong with an object, or with what becomes of its requests.
type Problem struct {
	Object ID
	Path   []string // of the field inside the object, such as spec rules 0; nil means the object
	Text   string   // begins with the field, if there is one
}

// String describes the problem without its position in a file.
func (p Problem) String() string { return p.Object.String() + ": " + p.Text }

// field formats the path of a field: spec.rules[0].name.
func field(path []string) string {
	var b strings.Builder
	for i, step := range path {
		switch _, err := strconv.Atoi(step); {
		case err == nil:
			b.WriteString("[" + step + "]")
		case i > 0:
			b.WriteString("." + step)
		default:
			b.WriteString(step)
		}
	}
	return b.String()
}

// reader reads an object strictly: what the API server refuses, it refuses too.
type reader struct {
	id       ID
	problems []Problem
	refused  bool // the API server does not accept the object, so it has no effect
}

// node is a value of an object with its path. The zero value of a missing field is nil.
type node struct {
	r    *reader
	path []string
	v    any
}

// say records a problem at a node.
func (n node) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(n.path) > 0 {
		text = field(n.path) + " " + text
	}
	n.r.problems = append(n.r.problems, Problem{n.r.id, n.path, text})
}

// refuse records a problem for which the API server refuses the object.
func (n node) refuse(format string, args ...any) {
	n.r.refused = true
	n.say(format+"; the API server refuses the "+n.r.id.Kind, args...)
}

func (n node) missing() bool { return n.v == nil }

// step returns the value inside a node by its key or index.
func (n node) step(key string, v any) node {
	return node{n.r, append(slices.Clone(n.path), key), v}
}

// get returns a field. It is missing if the node is no object.
func (n node) get(name string) node {
	m, _ := n.v.(map[string]any)
	return n.step(name, m[name])
}

// object checks that a node has an object or nothing, and names the fields that are
// not in a list of known ones, separated by spaces.
func (n node) object(known string) {
	m, ok := n.v.(map[string]any)
	if !ok && !n.missing() {
		n.refuse("is no object")
	}
	for _, name := range sortedKeys(m) {
		if !slices.Contains(strings.Fields(known), name) && m[name] != nil {
			n.step(name, nil).say("is an unknown field: kubectl refuses it, and the API server drops it")
		}
	}
}

// items returns the elements of a list of at most so many.
func (n node) items(most int) []node {
	list, ok := n.v.([]any)
	if !ok && !n.missing() {
		n.refuse("is no list")
	}
	if len(list) > most {
		n.refuse("has %d items, and at most %d are allowed", len(list), most)
	}
	out := make([]node, len(list))
	for i, v := range list {
		out[i] = n.step(strconv.Itoa(i), v)
	}
	return out
}

// text returns a text, or a default if it is missing.
func (n node) text(missing string) string {
	if n.missing() {
		return missing
	}
	s, ok := n.v.(string)
	if !ok {
		n.refuse("is no text")
	}
	return s
}

// name returns a text that must be there and have at most so many characters.
func (n node) name(most int) string {
	s := n.text("")
	switch _, isText := n.v.(string); {
	case s == "" && (n.missing() || isText):
		n.refuse("is missing")
	case len(s) > most:
		n.refuse("has %d characters, and at most %d are allowed", len(s), most)
	}
	return s
}

// oneOf returns a text that is one of a list, separated by spaces.
func (n node) oneOf(missing, allowed string) string {
	s := n.text(missing)
	if _, isText := n.v.(string); isText && !slices.Contains(strings.Fields(allowed), s) {
		n.refuse("is %q, expected one of %s", s, strings.Join(strings.Fields(allowed), ", "))
	}
	return s
}

// pattern returns a text that matches an expression.
func (n node) pattern(form *regexp.Regexp, most int, what string) string {
	s := n.name(most)
	if s != "" && !form.MatchString(s) {
		n.refuse("is %q, which is no %s", s, what)
	}
	return s
}

// number returns a whole number between two bounds, or a default if it is missing.
func (n node) number(missing, least, most int64) int64 {
	if n.missing() {
		return missing
	}
	i, ok := whole(n.v)
	if !ok || i < least || i > most {
		n.refuse("is %s, expected a whole number from %d to %d", shown(n.v), least, most)
		return missing
	}
	return i
}

// whole returns the value of a whole number of any type that a JSON or YAML decoder
// returns.
func whole(v any) (int64, bool) {
	switch t := v.(type) {
	case int64:
		return t, true
	case int:
		return int64(t), true
	case float64:
		return int64(t), t == math.Trunc(t) && math.Abs(t) < 1<<53
	case json.Number:
		f, err := t.Float64()
		if err != nil {
			return 0, false
		}
		return whole(f)
	}
	return 0, false
}

// shown formats a wrong value for a message.
func shown(v any) string {
	switch t := v.(type) {
	case string:
		return strconv.Quote(t)
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	return fmt.Sprint(v)
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
