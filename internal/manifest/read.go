package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

// The limits of an input. The API server takes objects of at most 1.5 MiB, so
// that only hostile or mistaken input comes near them. A value costs about 200
// bytes of memory however short its text is, so values are what is counted.
const (
	MaxFileBytes      = 16 << 20  // one file or stream
	MaxTotalBytes     = 64 << 20  // all files of one call
	MaxDepth          = 200       // levels of nesting
	MaxDocumentValues = 1_000_000 // values in one document
	MaxValues         = 2_000_000 // values in all documents of one call, aliases expanded

	// Aliases may copy this many values, and besides ten times as many as are
	// written out.
	maxCopiedValues = 100_000
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
	var total int
	var spent budget
	for _, s := range sources {
		if total += len(s.Data); total > MaxTotalBytes {
			return nil, TooLarge(s.Name)
		}
		read, err := parseSource(s, &spent)
		if err != nil {
			return nil, err
		}
		objects = append(objects, read...)
	}
	return objects, nil
}

// TooLarge is the error for an input with more than MaxTotalBytes; name is the
// source that went over it.
func TooLarge(name string) error {
	return fmt.Errorf("%s: the input is larger than %d MiB in all; pass the files of one application only", name, MaxTotalBytes>>20)
}

// budget is how many values the documents of one call have had.
type budget struct {
	values int // written out
	copied int // by aliases
}

func parseSource(s Source, spent *budget) ([]*Object, error) {
	if len(s.Data) > MaxFileBytes {
		return nil, fmt.Errorf("%s: larger than %d MiB, the most that is read from one file; split it", s.Name, MaxFileBytes>>20)
	}
	if err := checkBytes(s); err != nil {
		return nil, err
	}
	src := newSource(s)
	src.spent = spent
	if isJSON(src.text) {
		roots, err := parseJSON(src)
		if !mayBeYAML(src.text, err) {
			return src.objectsOf(roots, err)
		}
	}
	if line := tooManyValues(src.text); line > 0 {
		return nil, fmt.Errorf("%s:%d: the document that starts here has more than %d values, the most that one document may have; split it", s.Name, line, MaxDocumentValues)
	}
	return src.documents()
}

// documents reads the objects of a stream of YAML documents.
func (s *source) documents() ([]*Object, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(s.text), yaml.WithPlugin(limits{}))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	var objects []*Object
	for {
		var doc Node
		switch err := loader.Load(&doc); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, s.syntaxError(err)
		}
		s.correctLines(&doc)
		read, err := s.objects(&doc)
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

var errDepth = fmt.Errorf("nested deeper than %d levels, the most that is read; look for brackets that are opened and not closed", MaxDepth)

func (limits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > MaxDepth {
		return errDepth
	}
	return nil
}

func (limits) CheckAlias(int, int) error { return nil }
