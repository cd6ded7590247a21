package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible returns a text in which characters that nobody sees, or that turn the direction of
// the text around them, are their code, such as \u202e: a reason cannot read as another one.
// Line ends and tabs stay.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) || strings.ContainsRune("\n\r\t", r) {
			b.WriteRune(r)
		} else {
			b.WriteString(code(r))
		}
	}
	return b.String()
}

// encode returns data as JSON in one line. Its texts are as visible makes them.
func encode(data any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // that is done below
	if err := encoder.Encode(data); err != nil {
		return nil, err
	}
	shown := make([]byte, 0, b.Len())
	for rest := bytes.TrimSuffix(b.Bytes(), []byte("\n")); len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == '\\' && strings.IndexByte("ubf", rest[1]) >= 0: // a character that nobody sees
			size = 2
			shown = append(append(shown, `\\`...), rest[1])
		case r == '\\':
			size = 2
			shown = append(shown, rest[:size]...)
		case strings.ContainsRune("<>&", r): // nothing takes it for HTML
			shown = append(shown, code(r)...)
		case unicode.IsPrint(r):
			shown = append(shown, rest[:size]...)
		default:
			shown = append(append(shown, '\\'), code(r)...)
		}
		rest = rest[size:]
	}
	return shown, nil
}

// code returns the escape sequence of a character.
func code(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
