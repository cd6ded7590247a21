package ci

import (
	"regexp"
	"strings"
	"unicode"
)

// System is a CI system that follows a command through the command's log. The caller
// writes the lines that a System returns to that log. Texts passed to it may be foreign;
// it makes them harmless.
type System interface {
	// Group returns the lines that begin and end a folded section of the log.
	Group(title string) (begin, end string)
	// Notify returns the lines that show a notice, or "" if the system cannot show it.
	Notify(n Notice) string
	// Publish passes the outcome to later steps and to the page of the run. It may
	// write files. The text it returns belongs in the log, even with an error.
	Publish(o Outcome) (string, error)
}

// Annotator is a System whose users expect annotations that link an applied object to the
// run.
type Annotator interface {
	Annotations() map[string]string
}

// Level is the severity of a notice.
type Level string

// The levels.
const (
	Progress Level = "progress" // shown while the command runs
	Warning  Level = "warning"
	Error    Level = "error"
)

// Notice is a message for the page of the run.
type Notice struct {
	Level  Level
	Code   string // the stable code of the message; "" if it has none
	Text   string
	Weight int // of the canary, in percent
}

// Outcome is the state of a release when a command ends.
type Outcome struct {
	Release string
	State   string // the phase, or held
	Weight  int    // requested, in percent
	Plan    string // first digits of the plan's digest, which --version accepts
	Over    bool   // the release is promoted or rejected
	Summary []byte // Markdown
}

var (
	// The agent of Azure Pipelines finds ##vso[ anywhere in a line. Both agents find
	// ##[ anywhere in a line.
	anywhere = regexp.MustCompile(`(?i)##(vso)?\[`)
	// The runner of GitHub Actions skips all kinds of white space before a command.
	// Both agents are written in .NET, where a carriage return ends a line.
	atStart = regexp.MustCompile(`(?m)(^|\r)([\s\pZ\x{85}]*)::`)
)

// Harmless makes foreign text safe inside a command of a CI system. It applies Neutralize
// and replaces control characters, because a terminal may show the log. It keeps line
// ends, which each system escapes in its own way.
func Harmless(text string) string {
	return Neutralize(strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text))
}

// Neutralize breaks everything in foreign text that a CI system would take for a command.
// A person can still read it.
func Neutralize(text string) string {
	text = anywhere.ReplaceAllStringFunc(text, func(mark string) string {
		return strings.TrimSuffix(mark, "[") + "·["
	})
	return atStart.ReplaceAllString(text, "$1$2:·:")
}
