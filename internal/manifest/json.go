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

// isJSON reports whether kubectl would read the text as JSON: it starts with an
// opening brace.
func isJSON(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte{'{'})
}

// jsonSeparator matches a YAML separator between JSON values, which kubectl
// allows. It cannot match inside a JSON value, whose strings contain no line
// feeds.
var jsonSeparator = regexp.MustCompile(`(?m)^---$`)

// parseJSON reads one or more JSON values. YAML readers get some JSON wrong
// (escaped surrogate pairs, tabs), so JSON has its own reader. If the text is
// not JSON the error is a *json.SyntaxError: the text may still be YAML in flow
// style.
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
	// values counts the values read so far, earlier sources included. document
	// is its count when the current document began.
	values, document int
}

// lineAt returns the line of the decoder's position. It counts from the last
// position, because positions only grow.
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
		err = fmt.Errorf("%w; the text ends inside an unclosed value", err)
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
		return nil, fmt.Errorf("more than %d values, the limit for one document; split it", MaxDocumentValues)
	case r.values > r.src.spent.most:
		return nil, fmt.Errorf("the input has more than %d values in all, the limit; pass the files of one application only", r.src.spent.most)
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
