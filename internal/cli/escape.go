package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escaping writes foreign text so that it can neither steer a terminal nor give
// commands to a CI agent that reads its output: control characters and what
// changes the direction of text become escapes, and the marks of Azure Pipelines
// (##vso[, ##[) and GitHub Actions (::) commands are broken.
type escaping struct{ to io.Writer }

func (e escaping) Write(p []byte) (int, error) {
	if _, err := io.WriteString(e.to, Escape(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Escape makes text harmless to a terminal and to a CI log; lines stay lines.
func Escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	s = strings.ReplaceAll(b.String(), "##vso[", "##vso·[")
	s = strings.ReplaceAll(s, "##[", "##·[")
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			lines[i] = strings.Replace(line, "::", ":·:", 1)
		}
	}
	return strings.Join(lines, "\n")
}
