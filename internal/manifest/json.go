package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// isJSON says whether kubectl would take the text for JSON: it starts with an
// opening brace.
func isJSON(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte{'{'})
}

// jsonSeparator is a YAML separator between JSON values, which kubectl allows.
// No JSON value has such a line: its strings have no line feeds.
var jsonSeparator = regexp.MustCompile(`(?m)^---$`)

// parseJSON reads one or more JSON values that follow each other. YAML readers
// do not get all of JSON right (escaped surrogate pairs, tabs), so it has a
// reader of its own. The error is a *json.SyntaxError where the text is not
// JSON: it may still be YAML in flow style.
func parseJSON(src *source) ([]*Node, error) {
	text := jsonSeparator.ReplaceAll(src.text, []byte("   "))
	r := jsonReader{src: src, dec: json.NewDecoder(bytes.NewReader(text)), values: src.spent.values}
	r.dec.UseNumber()
	var roots []*Node
	for {
		r.document = r.values
		root, err := r.value(0)
		if errors.Is(err, io.EOF) {
			return roots, nil
		}
		if err != nil {
			return nil, r.explain(err)
		}
		roots = append(roots, root)
	}
}

type jsonReader struct {
	src    *source
	dec    *json.Decoder
	line   int // of offset
	offset int
	// values are those read so far, with the ones of earlier sources; document is
	// what they were when the document began.
	values, document int
}

// lineAt returns the line of the decoder's position; positions only grow.
func (r *jsonReader) lineAt() int {
	to := min(int(r.dec.InputOffset()), len(r.src.text))
	r.line += bytes.Count(r.src.text[r.offset:to], []byte{'\n'})
	r.offset = to
	return r.line + 1
}

func (r *jsonReader) explain(err error) error {
	line := r.lineAt()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line = lineOf(r.src.text, min(int(syntax.Offset), len(r.src.text)))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w; the text ends before everything in it is closed", err)
	}
	return fmt.Errorf("%s:%d: JSON: %w", r.src.name, line, err)
}

func (r *jsonReader) value(depth int) (*Node, error) {
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	r.values++
	switch {
	case r.values-r.document > MaxDocumentValues:
		return nil, fmt.Errorf("more than %d values, the most that one document may have; split it", MaxDocumentValues)
	case r.values > r.src.spent.most:
		return nil, fmt.Errorf("the input has more than %d values in all, the most that is read; pass the files of one application only", r.src.spent.most)
	case depth > MaxDepth:
		return nil, errDepth
	}
	line := r.lineAt()
	switch t := tok.(type) {
	case json.Delim:
		return r.collection(t, line, depth)
	case string:
		return at(line, NewString(t)), nil
	case json.Number:
		return at(line, newNumber(t.String())), nil
	case bool:
		return at(line, newScalar("!!bool", fmt.Sprint(t))), nil
	}
	return at(line, newScalar("!!null", "null")), nil
}

func at(line int, n *Node) *Node {
	n.Line = line
	return n
}

func (r *jsonReader) collection(open json.Delim, line, depth int) (*Node, error) {
	n := &Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: line}
	if open == '{' {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for r.dec.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, noEOF(err)
		}
		n.Content = append(n.Content, v)
	}
	_, err := r.dec.Token()
	return n, noEOF(err)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
