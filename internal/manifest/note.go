package manifest

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
	Level  Level
	Object *Object
	Text   string // a sentence whose subject, the object, is left out
}

func (n Note) String() string {
	if n.Object == nil {
		return n.Level.String() + ": " + n.Text
	}
	return n.Level.String() + ": " + n.Object.Pos.String() + ": " + n.Object.ID().String() + ": " + n.Text
}
