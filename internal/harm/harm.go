// Package harm examines what a second copy of an application does beside the first:
// what both would share, and what only one of them can have. It is pure, and it changes
// nothing: every finding is a note, in one file for each kind of harm.
package harm

import (
	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// Examine returns warnings about the canary of a set of objects.
func Examine(set *manifest.Set, derived canary.Result) []note.Note {
	e := examination{set: set, derived: derived}
	return e.notes
}

// examination is one run of Examine.
type examination struct {
	set     *manifest.Set
	derived canary.Result
	notes   []note.Note
}
