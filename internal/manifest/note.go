package manifest

// Level says who wants to read a Note.
type Level int

// The levels of a Note.
const (
	Debug   Level = iota // what was decided and why; shown with --debug
	Info                 // something of the input was left alone, for a reason
	Warning              // the output is valid, and the user should look at this
)

func (l Level) String() string { return [...]string{"debug", "note", "warning"}[l] }

// Note is something a user should know about an object of the input.
type Note struct {
	Level  Level
	Object *Object
	Text   string // a sentence without its subject, which is the object
}

func (n Note) String() string {
	if n.Object == nil {
		return n.Level.String() + ": " + n.Text
	}
	return n.Level.String() + ": " + n.Object.Pos.String() + ": " + n.Object.ID().String() + ": " + n.Text
}
