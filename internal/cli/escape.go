package cli

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/canarize/canarize/internal/ci"
	"github.com/canarize/canarize/internal/excerpt"
)

// agentCommand matches the beginning of a command of Azure Pipelines.
var agentCommand = regexp.MustCompile(`(?i)##(vso)?\[`)

// escaping makes foreign text harmless: it can neither control a terminal nor give
// commands to a CI agent that reads the output. It escapes control characters and
// characters that change the direction of text. It breaks the marks of commands of Azure
// Pipelines (##vso[, ##[) and GitHub Actions (::). A mark or a character must not be
// split over two Writes.
type escaping struct{ to io.Writer }

func (e escaping) Write(p []byte) (int, error) {
	if _, err := io.WriteString(e.to, Escape(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Escape makes text harmless to a terminal and a CI log. It keeps line ends.
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
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return ci.Neutralize(b.String())
}

// maxLine limits the bytes of a message, which may contain a foreign value of any length.
const maxLine = 2000

// oneLine makes foreign text a part of one line. It can neither begin another line nor
// reach into the next column of a table.
func oneLine(s string) string {
	s = strings.NewReplacer("\r\n", `\n`, "\n", `\n`, "\t", `\t`).Replace(s)
	return Escape(excerpt.Cut(s, maxLine))
}

// escapeJSON makes JSON harmless in the same way without changing its meaning.
func escapeJSON(text []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return agentCommand.ReplaceAllFunc(b.Bytes(), func(mark []byte) []byte {
		return slices.Concat(mark[:len(mark)-1], []byte(`\u005b`))
	})
}
