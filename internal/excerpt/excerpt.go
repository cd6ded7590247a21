// Package excerpt shortens texts so that they still say what happened and why.
package excerpt

import "unicode/utf8"

// mark stands where something is left out.
const mark = " … "

// Cut shortens a text to a number of bytes at most. What is left out is in its
// middle: a message begins with what happened and ends with the cause. No character
// is torn apart.
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

// start is the byte at which the character begins that the byte at a position is
// part of. In what is no UTF-8 every byte is a character.
func start(text string, at int) int {
	for i := at; i >= 0 && i > at-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) && next(text, i) > at {
			return i
		}
	}
	return at
}

// next is the byte behind the character that begins at a byte.
func next(text string, at int) int {
	_, size := utf8.DecodeRuneInString(text[at:])
	return at + size
}
