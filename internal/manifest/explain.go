package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// fault is one way in which a text is not YAML: how the loader words it, and
// what a person should look at.
type fault struct {
	message string // part of the loader's message
	says    string // %d is the line where the construct began
	context bool   // the fault is at that line, not where the loader noticed
}

var faults = []fault{
	{"did not find expected ',' or ']'", "the [ on line %d has no ] in its place; close it, or put the value in quotes", true},
	{"did not find expected ',' or '}'", "the { on line %d has no } in its place; close it, or put the value in quotes", true},
	{"found unexpected end of stream", "the quote opened on line %d is never closed; close it", true},
	{"found unexpected document indicator", "the quote opened on line %d is never closed; close it", true},
	{"could not find expected ':'", "no colon and space behind this key; write KEY: VALUE, or indent text that belongs to the line above", true},
	{"mapping values are not allowed", "a colon where no KEY: VALUE can stand; compare the indentation with the line above, close what is open there, and put a value with a colon in it in quotes", false},
	{"did not find expected key", "this does not continue the mapping that begins on line %d; compare the indentation, and look for unbalanced quotes and brackets", false},
	{"did not find expected '-' indicator", "this does not continue the list that begins on line %d; begin every entry with a dash in the same column", false},
	{"found unknown escape character", `a backslash in double quotes begins an escape, and this is none; write \\, or use single quotes`, false},
	{"did not find expected alphabetic or numeric character", "& and * begin an anchor and an alias; put the value in quotes", false},
	{"unknown anchor", "the alias names no anchor above it; add the anchor, or put a value that begins with * in quotes", false},
	{"block sequence entries are not allowed", "a dash where no list can begin; begin the list on a line of its own, or put the value in quotes", false},
	{"mapping keys are not allowed", "a ? where no key can begin; put the value in quotes", false},
	{"found undefined tag handle", "! begins a tag, and this one is unknown; put the value in quotes", false},
	{"did not find expected <document start>", "text that belongs to no key; compare the indentation with the first line, or begin a new document with ---", false},
	{"did not find expected node content", "a value is missing here; look for a comma or bracket too many", false},
	{"found character that cannot start any token", "a value cannot begin with this character; put it in quotes", false},
}

// syntaxError turns the loader's error into FILE:LINE: what, with the object
// the line belongs to where its kind and name can be read before the error.
func (s *source) syntaxError(err error) error {
	if line := s.conflict(); line > 0 {
		return fmt.Errorf("%s:%d: YAML: a merge conflict that is not resolved; edit the file", s.name, line)
	}
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	line, began := s.lineInText(max(load.Mark.Line, 1)), s.lineInText(load.ContextMark.Line)
	what := load.Message
	if load.ContextMsg != "" && !isDepth(err) {
		what = load.ContextMsg + ": " + what
	}
	for _, f := range faults {
		if !strings.Contains(load.Message, f.message) {
			continue
		}
		what = f.says
		if strings.Contains(what, "%d") {
			what = fmt.Sprintf(what, began)
		}
		if f.context && began > 0 {
			line = began
		}
		break
	}
	if above, _ := s.line(line - 1); strings.Contains(load.Message, "mapping values") && lacksColon(above) {
		line--
		what = "no colon and space behind this key; write KEY: VALUE"
	}
	if hint := s.hint(line); hint != "" {
		what = hint
	}
	return fmt.Errorf("%s:%d: %sYAML: %s", s.name, line, s.objectAround(line), what)
}

// hint recognises the two usual reasons why a line is not YAML.
func (s *source) hint(line int) string {
	l, _ := s.line(line)
	switch indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]; {
	case isTemplate(l):
		return templateHint
	case strings.Contains(indent, "\t"):
		return "a tab in the indentation; YAML is indented by spaces"
	}
	return ""
}

const templateHint = "this is a template; render it first (helm template, envsubst, …) and pass the result"

// isTemplate says whether a text holds what Helm or Jinja should have replaced.
func isTemplate(text string) bool {
	return strings.Contains(text, "{{") || strings.Contains(text, "{%")
}

// conflict is the first line that a version control system marked, or 0.
func (s *source) conflict() int {
	for n := 1; ; n++ {
		l, ok := s.line(n)
		if !ok {
			return 0
		}
		if strings.HasPrefix(l, "<<<<<<< ") {
			return n
		}
	}
}

// lacksColon says whether a line is a plain text that was meant to be a key.
func lacksColon(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "-") &&
		!strings.Contains(line, ": ") && !strings.HasSuffix(line, ":")
}

var kindOrName = regexp.MustCompile(`^(kind|  name): *["']?([-.A-Za-z0-9]+)["']? *(#.*)?$`)

// objectAround guesses the object that a line of broken YAML belongs to from
// the kind and name lines above it.
func (s *source) objectAround(line int) string {
	found := map[string]string{}
	for n := line; n > 0; n-- {
		l, _ := s.line(n)
		if strings.HasPrefix(l, "---") && n < line {
			break
		}
		if m := kindOrName.FindStringSubmatch(l); m != nil {
			found[m[1]] = m[2]
		}
	}
	if found["kind"] == "" {
		return ""
	}
	return strings.TrimSpace(found["kind"]+" "+found["  name"]) + ": "
}

// errorf makes an error about a value of a document whose objects are not made
// yet: FILE:LINE: KIND NAMESPACE/NAME: …, as far as the document tells.
func (s *source) errorf(root, at *Node, format string, args ...any) error {
	o := &Object{Root: objectIn(root, at.Line), Pos: Position{File: s.name, Line: max(at.Line, 1)}}
	return o.Errorf(at, format, args...)
}

// objectIn finds the item of a list that a line stands in, or returns root.
func objectIn(root *Node, line int) *Node {
	if !strings.HasSuffix(GetString(root, "kind"), "List") {
		return root
	}
	object := root
	for _, item := range Items(root, "items") {
		if IsMap(item) && item.Line > 0 && item.Line <= line {
			object = item
		}
	}
	return object
}
