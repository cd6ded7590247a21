package manifest

import (
	"bytes"
	"fmt"
	"sync"
	"unicode/utf8"
)

// source is one input text. It finds the lines for messages and comments.
type source struct {
	name   string
	text   []byte
	spent  *budget
	starts func() []int // of the lines, and of the one behind the last
	breaks []int        // lines that end in a rare line break, as the YAML loader counts lines
}

func newSource(s Source) *source {
	text := bytes.TrimPrefix(s.Data, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(text, '\r') >= 0 { // YAML reads CR and CRLF as a line feed
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	}
	return &source{
		name: s.Name, text: text, breaks: rareBreaks(text),
		starts: sync.OnceValue(func() []int { return lineStarts(text) }),
	}
}

func lineStarts(text []byte) []int {
	starts := make([]int, 1, bytes.Count(text, []byte{'\n'})+2)
	for at, c := range text {
		if c == '\n' {
			starts = append(starts, at+1)
		}
	}
	return append(starts, len(text)+1)
}

func (s *source) line(n int) (string, bool) {
	if s.starts == nil { // made from JSON, which keeps no lines
		return "", false
	}
	starts := s.starts()
	if n < 1 || n >= len(starts) {
		return "", false
	}
	return string(s.text[starts[n-1] : starts[n]-1]), true
}

// rareBreaks finds NEL, LS and PS: YAML 1.1 and its loader read them as line
// breaks, editors do not. It returns the lines that end with one.
func rareBreaks(text []byte) []int {
	var breaks []int
	line := 1
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			line++
		case c == 0xc2 && i+1 < len(text) && text[i+1] == 0x85,
			c == 0xe2 && i+2 < len(text) && text[i+1] == 0x80 && text[i+2]|1 == 0xa9:
			breaks = append(breaks, line)
			line++
		}
	}
	return breaks
}

// lineInText converts a line number of the loader to the line number in an
// editor.
func (s *source) lineInText(line int) int {
	rare := 0
	for rare < len(s.breaks) && s.breaks[rare] < line {
		rare++
	}
	return line - rare
}

func (s *source) correctLines(n *Node) {
	if len(s.breaks) == 0 {
		return
	}
	n.Line = s.lineInText(n.Line)
	for _, child := range n.Content {
		s.correctLines(child)
	}
}

// encodings lists the first bytes of files that are not UTF-8, with a message
// for each.
var encodings = []struct{ start, message string }{
	{"\xff\xfe\x00\x00", "the file is UTF-32; save it as UTF-8"},
	{"\x00\x00\xfe\xff", "the file is UTF-32; save it as UTF-8"},
	{"\xff\xfe", "the file is UTF-16; save it as UTF-8"},
	{"\xfe\xff", "the file is UTF-16; save it as UTF-8"},
	{"\x1f\x8b", "the file is compressed; unpack it first"},
}

// checkBytes rejects input that is not UTF-8 text, before any parser reads it.
func checkBytes(s Source) error {
	for _, e := range encodings {
		if bytes.HasPrefix(s.Data, []byte(e.start)) {
			return fmt.Errorf("%s:1: %s", s.Name, e.message)
		}
	}
	for i, c := range s.Data {
		if c >= ' ' || c == '\n' || c == '\t' || c == '\r' {
			continue
		}
		if c == 0 {
			return fmt.Errorf("%s:%d: a NUL byte: the file is not text, or it is UTF-16; save it as UTF-8", s.Name, lineOf(s.Data, i))
		}
		return fmt.Errorf("%s:%d: the control character 0x%02x, which YAML and JSON do not allow; remove it, or write it as \"\\x%02x\" in double quotes", s.Name, lineOf(s.Data, i), c, c)
	}
	for i := 0; i < len(s.Data); {
		if s.Data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(s.Data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return fmt.Errorf("%s:%d: byte 0x%02x is not valid UTF-8; save the file as UTF-8", s.Name, lineOf(s.Data, i), s.Data[i])
		case r == 0xfffe || r == 0xffff:
			return fmt.Errorf("%s:%d: the character U+%04X, which YAML does not allow; remove it", s.Name, lineOf(s.Data, i), r)
		}
		i += size
	}
	return nil
}

func lineOf(data []byte, offset int) int { return 1 + bytes.Count(data[:offset], []byte{'\n'}) }

// tooManyValues estimates the number of values of each document from its
// punctuation, before memory is spent on it. It returns the first line of a
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
			if c == ',' || c == '[' || c == '{' || c == ':' || c == '-' || c == '?' {
				values++
			}
		}
		if values > MaxDocumentValues {
			return first
		}
	}
	return 0
}
