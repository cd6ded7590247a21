package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// fault is one kind of YAML syntax error: the loader's message and what we tell
// the user instead.
type fault struct {
	message string // part of the loader's message
	advice  string // %d is the line where the construct began
	context bool   // report that line, not the line where the loader noticed
}

var faults = []fault{
	{"did not find expected ',' or ']'", "the [ on line %d is not closed by a ]; close it, or put the value in quotes", true},
	{"did not find expected ',' or '}'", "the { on line %d is not closed by a }; close it, or put the value in quotes", true},
	{"found unexpected end of stream", "the quote opened on line %d is never closed; close it", true},
	{"found unexpected document indicator", "the quote opened on line %d is never closed; close it", true},
	{"could not find expected ':'", "no colon and space after this key; write KEY: VALUE, or indent text that belongs to the line above", true},
	{"mapping values are not allowed", "KEY: VALUE is not allowed here; compare the indentation with the line above, close open quotes and brackets there, and put a value that contains a colon in quotes", false},
	{"did not find expected key", "this does not continue the mapping that begins on line %d; compare the indentation, and look for unbalanced quotes and brackets", false},
	{"did not find expected '-' indicator", "this does not continue the list that begins on line %d; begin every entry with a dash in the same column", false},
	{"found unknown escape character", `unknown escape: in double quotes a backslash begins an escape; write \\, or use single quotes`, false},
	{"did not find expected alphabetic or numeric character", "& and * begin an anchor and an alias; put the value in quotes", false},
	{"unknown anchor", "the alias names an anchor that is not defined above it; add the anchor, or put a value that begins with * in quotes", false},
	{"block sequence entries are not allowed", "a list cannot begin here; begin the list on a line of its own, or put the value in quotes", false},
	{"mapping keys are not allowed", "a key cannot begin with ? here; put the value in quotes", false},
	{"found undefined tag handle", "unknown tag: ! begins a tag; put the value in quotes", false},
	{"did not find expected <document start>", "this text belongs to no key; compare the indentation with the first line, or begin a new document with ---", false},
	{"did not find expected node content", "a value is missing here; look for an extra comma or bracket", false},
	{"found character that cannot start any token", "a value cannot begin with this character; put it in quotes", false},
}

// syntaxError turns the loader's error into "FILE:LINE: message". It adds the
// object if its kind and name can be read above the error.
func (s *source) syntaxError(err error) error {
	if line := s.conflict(); line > 0 {
		return fmt.Errorf("%s:%d: YAML: unresolved merge conflict; resolve it in the file", s.name, line)
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
		what = f.advice
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
		what = "no colon and space after this key; write KEY: VALUE"
	}
	if hint := s.hint(line); hint != "" {
		what = hint
	}
	if other := s.otherName(line); other != nil && !isDepth(err) {
		return other
	}
	return fmt.Errorf("%s:%d: %sYAML: %s", s.name, line, s.objectAround(line), what)
}

// hint recognises the two most common mistakes in a line that is not YAML.
func (s *source) hint(line int) string {
	l, _ := s.line(line)
	switch indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]; {
	case isTemplate(l):
		return templateHint
	case strings.Contains(indent, "\t"):
		return "a tab in the indentation; indent YAML with spaces"
	}
	return ""
}

const templateHint = "this is a template; render it first (helm template, envsubst, …) and pass the result"

// isTemplate reports whether a text has placeholders that Helm or Jinja should
// have replaced.
func isTemplate(text string) bool {
	return strings.Contains(text, "{{") || strings.Contains(text, "{%")
}

// conflict returns the first line with a conflict marker of a version control
// system, or 0.
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

// lacksColon reports whether a line looks like a key without its colon.
func lacksColon(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "-") &&
		!strings.Contains(line, ": ") && !strings.HasSuffix(line, ":")
}

var kindOrName = regexp.MustCompile(`^(kind|  name): *["']?([-.A-Za-z0-9]+)["']? *(#.*)?$`)

// objectAround guesses from the kind and name lines above which object a line
// of broken YAML belongs to.
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

// errorf makes an error about a value of a document before its objects are
// made: "FILE:LINE: KIND NAMESPACE/NAME: message", with the parts of the
// identity that the document has.
func (s *source) errorf(root, at *Node, format string, args ...any) error {
	o := &Object{Root: objectIn(root, at.Line), Pos: Position{File: s.name, Line: max(at.Line, 1)}}
	return o.Errorf(at, format, args...)
}

// objectIn returns the item of a list that contains the line, or root.
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
