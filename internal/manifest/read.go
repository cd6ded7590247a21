package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"runtime"

	"go.yaml.in/yaml/v4"
)

// Source is one input text and its name in messages.
type Source struct {
	Name string
	Data []byte
}

// Parse reads the objects of every source in order. The error names the file,
// the line and, if known, the object.
func Parse(sources ...Source) ([]*Object, error) {
	var objects []*Object
	var total int
	spent := budget{most: MaxValues}
	for i, s := range sources {
		if total += len(s.Data); total > MaxTotalBytes {
			return nil, TooLarge(s.Name)
		}
		read, err := parseSource(s, &spent)
		if err != nil {
			return nil, withOthers(err, sources[i+1:])
		}
		objects = append(objects, read...)
	}
	return objects, nil
}

func parseSource(s Source, spent *budget) ([]*Object, error) {
	if len(s.Data) > MaxFileBytes {
		return nil, tooLargeFile(s.Name)
	}
	if err := checkBytes(s); err != nil {
		return nil, err
	}
	src := newSource(s)
	src.spent = spent
	if isJSON(src.text) {
		roots, err := parseJSON(src)
		if !mayBeYAML(src.text, err) {
			if other := src.otherName(1); other != nil && errors.As(err, new(*json.SyntaxError)) {
				return nil, other
			}
			return src.objectsOf(roots, err)
		}
	}
	if line := tooManyValues(src.text); line > 0 {
		return nil, tooManyInDocument(s.Name, line)
	}
	return src.documents()
}

// documents reads the objects of a stream of YAML documents.
func (s *source) documents() ([]*Object, error) {
	if objects, ok := loadParts(s, parts(s.text, runtime.GOMAXPROCS(0), minPart), (*source).objects); ok {
		return objects, nil
	}
	// Read it in order, to report the first error.
	var objects []*Object
	err := s.load(s.text, func(doc *Node) error {
		s.correctLines(doc)
		read, err := s.objects(doc)
		objects = append(objects, read...)
		return err
	})
	return objects, err
}

// load reads a stream of YAML documents and calls handle for each.
func (s *source) load(text []byte, handle func(doc *Node) error) error {
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(limits{}))
	if err != nil {
		return err
	}
	for {
		var doc yaml.Node
		switch err := loader.Load(&doc); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return s.syntaxError(err)
		}
		if err := handle(fromLibrary(&doc)); err != nil {
			return err
		}
	}
}

// mayBeYAML reports whether a text that begins like JSON but is not JSON should
// be read as YAML: a mapping in flow style, or JSON followed by YAML documents.
func mayBeYAML(text []byte, err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax) && (syntax.Offset < 3 || !looksQuoted(text) || bytes.Contains(text, []byte("\n---")))
}

func looksQuoted(text []byte) bool {
	rest := bytes.TrimLeft(bytes.TrimLeft(text, " \t\r\n")[1:], " \t\r\n")
	return len(rest) > 0 && rest[0] == '"'
}
