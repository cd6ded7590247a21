// Package columns fits texts and tables into the columns of a terminal. It knows that the
// characters of some languages take two columns. No word and no number is cut: what does
// not fit goes on in the next line. Pure.
package columns

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Width returns the columns that a text takes on a terminal.
func Width(text string) (n int) {
	for _, r := range text {
		n += of(r)
	}
	return n
}

// of returns the columns of a character: two for wide ones (Unicode Standard Annex 11),
// none for marks that stand on another character. Terminals do not agree about a narrow
// character that a selector makes an emoji; it counts as wide, so that it surely fits.
func of(r rune) int {
	switch {
	case r < 0x300, r == '\ufe0f':
		return 1
	case r >= 0x1160 && r <= 0x11ff: // Hangul vowels and finals stand on the initial
		return 0
	case unicode.In(r, unicode.Mn, unicode.Me), r == '\u200d':
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Pad appends spaces until a text takes so many columns.
func Pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(columns-Width(text), 0))
}

// Cut shortens a text to at most so many columns. A text that was cut ends in "…".
func Cut(text string, columns int) string {
	if Width(text) <= columns {
		return text
	}
	if columns <= 0 {
		return ""
	}
	var kept strings.Builder
	room := columns - 1
	for _, r := range text {
		if room -= of(r); room < 0 {
			break
		}
		kept.WriteRune(r)
	}
	return kept.String() + "…"
}

// Wrap breaks a text into lines of at most so many columns, between words. Only a word that
// takes more than a line is broken; one of wide characters wherever the line ends. 0
// columns mean any number.
func Wrap(text string, columns int) []string {
	if columns <= 0 || Width(text) <= columns {
		return []string{text}
	}
	var lines []string
	line, used := "", 0
	for _, w := range words(text) {
		n := Width(w)
		switch {
		case used > 0 && used+1+n <= columns:
			line, used = line+" "+w, used+1+n
			continue
		case used > 0 && !hasWide(w):
			lines = append(lines, line)
			line, used = "", 0
		}
		if used > 0 && used+1 < columns {
			line, used = line+" ", used+1
		}
		for _, r := range w {
			if used+of(r) > columns && used > 0 {
				lines = append(lines, strings.TrimRight(line, " "))
				line, used = "", 0
			}
			line, used = line+string(r), used+of(r)
		}
	}
	return append(lines, line)
}

// words splits a text at its spaces. A percent sign stays at its number.
func words(text string) []string {
	var all []string
	for _, w := range strings.Fields(text) {
		if last := len(all) - 1; last >= 0 && strings.HasPrefix(w, "%") && endsInDigit(all[last]) {
			all[last] += " " + w
			continue
		}
		all = append(all, w)
	}
	return all
}

func endsInDigit(w string) bool { return w[len(w)-1] >= '0' && w[len(w)-1] <= '9' }

func hasWide(w string) bool {
	return strings.ContainsFunc(w, func(r rune) bool { return of(r) == 2 })
}

// Fold fits a line of columns, which two or more spaces separate, into lines of at most so
// many columns. What does not fit goes on beneath the second column. 0 columns mean any
// number.
func Fold(line string, columns int) []string {
	if columns <= 0 || Width(line) <= columns {
		return []string{line}
	}
	head, parts := split(line)
	if Width(head) > columns/2 {
		head, parts = "", append([]string{strings.TrimSpace(head)}, parts...)
	}
	room := columns - Width(head)
	var lines []string
	for _, part := range parts {
		for _, text := range Wrap(part, room) {
			lines = append(lines, head+text)
			head = strings.Repeat(" ", Width(head))
		}
	}
	return lines
}

// split returns the first column of a line with the spaces around it, and the other
// columns.
func split(line string) (head string, parts []string) {
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	at := strings.Index(text, "  ")
	if at < 0 || indent >= 8 { // the first column is empty
		return line[:indent], separate(text)
	}
	for at < len(text) && text[at] == ' ' {
		at++
	}
	return line[:indent+at], separate(text[at:])
}

// separate splits a text at every two or more spaces.
func separate(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, "  ") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
