// Package excerpt shortens texts and keeps what happened and why.
package excerpt

import "unicode/utf8"

// mark replaces what is left out.
const mark = " … "

// Cut shortens a text to at most so many bytes. It cuts out the middle, because a message
// begins with what happened and ends with the cause. It never splits a character.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	room := most - len(mark)
	if room <= 0 {
		return text[:start(text, max(most, 0))]
	}
	head := text[:start(text, room/2)]
	from := start(text, len(text)-(room-len(head)))
	if from < len(text)-(room-len(head)) {
		from = next(text, from)
	}
	return head + mark + text[from:]
}

// start returns the index of the first byte of the character that contains byte at. Every
// byte of invalid UTF-8 counts as a character.
func start(text string, at int) int {
	for i := at; i >= 0 && i > at-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) && next(text, i) > at {
			return i
		}
	}
	return at
}

// next returns the index of the byte after the character that begins at byte at.
func next(text string, at int) int {
	_, size := utf8.DecodeRuneInString(text[at:])
	return at + size
}
