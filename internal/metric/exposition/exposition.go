// Package exposition parses the formats in which programs expose metrics to
// Prometheus, text (version 0.0.4) and protobuf, as far as counting needs it:
// names, labels and values. It skips types, help, timestamps and exemplars.
package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/metric/native"
)

// Accept is the request header that asks for the text format.
const Accept = "text/plain;version=0.0.4"

// Sample is one line with a value, or a native histogram.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
	Native *native.Histogram // nil unless the sample is one
}

// Parse parses the text format. It calls handle for every sample whose name is wanted, in the order of the
// text, until handle returns an error, which Parse returns. Of other lines it
// reads only the name. Errors of the text have the form "line N: message".
func Parse(text []byte, wanted func(name string) bool, handle func(Sample) error) error {
	rest := text
	for n := 1; len(rest) > 0; n++ {
		var bare []byte
		bare, rest, _ = bytes.Cut(rest, []byte("\n")) // a copy of the whole text would be large
		bare = bytes.Trim(bare, " \t\r")
		if len(bare) == 0 || bare[0] == '#' {
			continue
		}
		end := nameEnd(bare, true)
		if end == 0 {
			return fmt.Errorf("line %d: expected a metric name at the start; is this a page of metrics?", n)
		}
		if !wanted(string(bare[:end])) {
			continue
		}
		s, err := parse(string(bare), end)
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", n, bare[:end], err)
		}
		if err := handle(s); err != nil {
			return err
		}
	}
	return nil
}

func nameEnd[T string | []byte](text T, colons bool) int {
	for i, c := range []byte(text) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || colons && c == ':'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(text)
}

// parse parses a line whose name ends at the byte end.
func parse(line string, end int) (Sample, error) {
	s := Sample{Name: line[:end]}
	rest := strings.TrimLeft(line[end:], " \t")
	if strings.HasPrefix(rest, "{") {
		var err error
		if s.Labels, rest, err = labels(rest[1:]); err != nil {
			return s, err
		}
	}
	value, _, _ := strings.Cut(strings.TrimLeft(rest, " \t"), " ") // timestamps and exemplars follow
	value, _, _ = strings.Cut(value, "\t")
	v, err := strconv.ParseFloat(value, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || strings.ContainsAny(value, "xX_pP") {
		return s, errors.New("the value is not a number")
	}
	s.Value = v
	return s, nil
}

// labels parses NAME="VALUE",… up to the closing brace.
func labels(text string) (map[string]string, string, error) {
	all := map[string]string{}
	for {
		text = strings.TrimLeft(text, " \t")
		if after, closed := strings.CutPrefix(text, "}"); closed {
			return all, after, nil
		}
		end := nameEnd(text, false)
		name := text[:end]
		rest, equals := strings.CutPrefix(strings.TrimLeft(text[end:], " \t"), "=")
		rest, quotes := strings.CutPrefix(strings.TrimLeft(rest, " \t"), `"`)
		if name == "" || !equals || !quotes {
			return nil, "", errors.New(`expected a label such as code="200"`)
		}
		value, after, err := quoted(rest)
		if err != nil {
			return nil, "", fmt.Errorf("label %s: %w", name, err)
		}
		if _, twice := all[name]; twice {
			return nil, "", fmt.Errorf("label %s occurs twice", name)
		}
		all[name] = value
		after = strings.TrimLeft(after, " \t")
		next, comma := strings.CutPrefix(after, ",")
		if !comma && !strings.HasPrefix(after, "}") {
			return nil, "", fmt.Errorf("expected a comma or a brace after label %s", name)
		}
		text = next
	}
}

// quoted parses up to the closing quote. Only \\, \" and \n are escapes.
func quoted(text string) (value, rest string, err error) {
	at := strings.IndexAny(text, `"\`)
	if at >= 0 && text[at] == '"' {
		return text[:at], text[at+1:], nil
	}
	var out strings.Builder
	for ; at >= 0; at = strings.IndexAny(text, `"\`) {
		out.WriteString(text[:at])
		if text[at] == '"' {
			return out.String(), text[at+1:], nil
		}
		if at+1 == len(text) {
			break
		}
		switch c := text[at+1]; c {
		case '\\', '"':
			out.WriteByte(c)
		case 'n':
			out.WriteByte('\n')
		default:
			return "", "", fmt.Errorf(`\%c is not an escape`, c)
		}
		text = text[at+2:]
	}
	return "", "", errors.New("the quotes are not closed")
}
