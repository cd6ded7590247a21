// Package note holds what the derivation of a canary tells its reader about the
// objects of the input. Warnings have stable names, from the most harmful to the
// least, by which a user accepts them.
package note

import (
	"cmp"
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// Level is the severity of a Note.
type Level int

// The levels of a Note.
const (
	Debug   Level = iota // a decision and its reason; shown with --debug
	Info                 // part of the input was not changed, and why
	Warning              // the output is valid, but the user should check something
)

func (l Level) String() string { return [...]string{"debug", "note", "warning"}[l] }

// Note tells the user something about an object of the input.
type Note struct {
	Level    Level
	Name     Name // of a warning
	Accepted bool // the user knows about the warning
	Object   *manifest.Object
	Text     string // a sentence whose subject, the object, is left out
}

// String returns the note as one line, such as
// "warning: web.yml:3: Deployment shop/web: … (host-port)".
func (n Note) String() string {
	text := n.Level.String() + ": "
	if n.Object != nil {
		text += n.Object.Pos.String() + ": " + n.Object.ID().String() + ": "
	}
	text += n.Text
	switch {
	case n.Accepted:
		text += " (" + string(n.Name) + ", accepted)"
	case n.Name != "":
		text += " (" + string(n.Name) + ")"
	}
	return text
}

// Sort orders notes: warnings first, the most harmful ones at the top, then by
// the position of their object in the input. Equal notes become one.
func Sort(notes []Note, input []*manifest.Object) []Note {
	place := make(map[*manifest.Object]int, len(input))
	for i, o := range input {
		place[o] = i
	}
	slices.SortStableFunc(notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(a.Name.rank(), b.Name.rank()), cmp.Compare(place[a.Object], place[b.Object]))
	})
	return slices.Compact(notes)
}

// Accept marks the warnings with one of the names as accepted.
func Accept(notes []Note, names []Name) {
	for i := range notes {
		notes[i].Accepted = notes[i].Level == Warning && slices.Contains(names, notes[i].Name)
	}
}

// Unaccepted returns the names of the warnings that are not accepted, each once, in the
// order of the notes.
func Unaccepted(notes []Note) []Name {
	var names []Name
	for _, n := range notes {
		if n.Level == Warning && !n.Accepted && !slices.Contains(names, n.Name) {
			names = append(names, n.Name)
		}
	}
	return names
}
