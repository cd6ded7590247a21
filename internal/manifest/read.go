package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// The limits of an input. The API server takes objects of at most 1.5 MiB, so
// that only hostile or mistaken input comes near them.
const (
	MaxFileBytes      = 16 << 20  // one file or stream
	MaxTotalBytes     = 64 << 20  // all files of one call
	MaxDepth          = 200       // levels of nesting
	MaxDocumentValues = 1_000_000 // values in one document, aliases expanded
)

// Source is one input text and the name by which messages call it.
type Source struct {
	Name string
	Data []byte
}

// Parse reads the objects of every source, in order. The error names the file
// and the line and, where it can be told, the object.
func Parse(sources ...Source) ([]*Object, error) {
	var objects []*Object
	total := 0
	for _, s := range sources {
		if total += len(s.Data); total > MaxTotalBytes {
			return nil, fmt.Errorf("%s: the input is larger than %d MiB in all; pass the files of one application only", s.Name, MaxTotalBytes>>20)
		}
		read, err := parseSource(s)
		if err != nil {
			return nil, err
		}
		objects = append(objects, read...)
	}
	return objects, nil
}

func parseSource(s Source) ([]*Object, error) {
	if len(s.Data) > MaxFileBytes {
		return nil, fmt.Errorf("%s: larger than %d MiB, the most that is read from one file; split it", s.Name, MaxFileBytes>>20)
	}
	if err := checkBytes(s); err != nil {
		return nil, err
	}
	src := newSource(s)
	if isJSON(src.text) {
		roots, err := parseJSON(src)
		if !mayBeYAML(src.text, err) {
			return src.objectsOf(roots, err)
		}
	}
	if line := tooManyValues(src.text); line > 0 {
		return nil, fmt.Errorf("%s:%d: the document that starts here has more than %d values, the most that one document may have; split it", s.Name, line, MaxDocumentValues)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src.text), yaml.WithPlugin(limits{}))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	var objects []*Object
	for {
		var doc Node
		switch err := loader.Load(&doc); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, src.syntaxError(err)
		}
		read, err := src.objects(&doc)
		if err != nil {
			return nil, err
		}
		objects = append(objects, read...)
	}
}

// mayBeYAML says whether a text that begins like JSON but is not should be read
// as YAML: a mapping in flow style, or JSON with YAML documents behind it.
func mayBeYAML(text []byte, err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax) && (syntax.Offset < 3 || !looksQuoted(text) || bytes.Contains(text, []byte("\n---")))
}

func looksQuoted(text []byte) bool {
	rest := bytes.TrimLeft(bytes.TrimLeft(text, " \t\r\n")[1:], " \t\r\n")
	return len(rest) > 0 && rest[0] == '"'
}

// limits are the limits of the YAML loader. Aliases are counted in expand.go,
// where they are followed.
type limits struct{}

func (limits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > MaxDepth {
		return fmt.Errorf("nested deeper than %d levels, the most that is read", MaxDepth)
	}
	return nil
}

func (limits) CheckAlias(int, int) error { return nil }

// checkBytes finds what is not UTF-8 text before a parser sees it.
func checkBytes(s Source) error {
	if bytes.HasPrefix(s.Data, []byte{0xff, 0xfe}) || bytes.HasPrefix(s.Data, []byte{0xfe, 0xff}) {
		return fmt.Errorf("%s:1: the file is UTF-16; save it as UTF-8", s.Name)
	}
	if i := bytes.IndexByte(s.Data, 0); i >= 0 {
		return fmt.Errorf("%s:%d: a NUL byte; this is not a YAML or JSON text", s.Name, lineOf(s.Data, i))
	}
	if utf8.Valid(s.Data) {
		return nil
	}
	for i := 0; i < len(s.Data); {
		r, size := utf8.DecodeRune(s.Data[i:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Errorf("%s:%d: byte 0x%02x is not valid UTF-8; save the file as UTF-8", s.Name, lineOf(s.Data, i), s.Data[i])
		}
		i += size
	}
	return nil
}

func lineOf(data []byte, offset int) int { return 1 + bytes.Count(data[:offset], []byte{'\n'}) }

// tooManyValues bounds the number of values of each document from its
// punctuation, before memory is spent on it, and returns the first line of a
// document over the limit, or 0.
func tooManyValues(text []byte) int {
	first, line, values := 1, 0, 0
	for len(text) > 0 {
		var l []byte
		l, text, _ = bytes.Cut(text, []byte{'\n'})
		line++
		if bytes.HasPrefix(l, []byte("---")) {
			first, values = line, 0
		}
		values++
		for _, c := range l {
			if c == ',' || c == '[' || c == '{' || c == ':' || c == '-' {
				values++
			}
		}
		if values > MaxDocumentValues {
			return first
		}
	}
	return 0
}

// source is a text with its lines, kept for messages and for verbatim printing.
type source struct {
	name  string
	text  []byte
	lines []string // made on first use by line
}

func newSource(s Source) *source {
	text := bytes.TrimPrefix(s.Data, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(text, '\r') >= 0 {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	return &source{name: s.Name, text: text}
}

func (s *source) line(n int) (string, bool) {
	if s.lines == nil {
		s.lines = strings.Split(string(s.text), "\n")
	}
	if n < 1 || n > len(s.lines) {
		return "", false
	}
	return s.lines[n-1], true
}

// syntaxError turns the loader's error into FILE:LINE: what, with the object
// the line belongs to where its kind and name can be read before the error.
func (s *source) syntaxError(err error) error {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	line := max(load.Mark.Line, 1)
	what := load.Message
	if what == "" {
		what = err.Error()
	}
	if load.ContextMsg != "" {
		what = load.ContextMsg + ": " + what
	}
	hint := ""
	if l, ok := s.line(line); ok && strings.Contains(l, "{{") {
		hint = "; this looks like a template: render it first (helm template, …) and pass the result"
	} else if strings.Contains(l, "\t") {
		hint = "; YAML is indented by spaces, not tabs"
	}
	return fmt.Errorf("%s:%d: %sYAML: %s%s", s.name, line, s.objectAround(line), what, hint)
}

// objectAround guesses the object that a line of broken YAML belongs to from
// the kind and name lines above it.
func (s *source) objectAround(line int) string {
	kind, name := "", ""
	for n := line; n > 0; n-- {
		l, ok := s.line(n)
		if !ok {
			continue
		}
		if strings.HasPrefix(l, "---") && n < line {
			break
		}
		if v, found := strings.CutPrefix(l, "kind:"); found {
			kind = strings.Trim(strings.TrimSpace(v), `"'`)
		}
		if v, found := strings.CutPrefix(l, "  name:"); found {
			name = strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	if kind == "" {
		return ""
	}
	return strings.TrimSpace(kind+" "+name) + ": "
}
