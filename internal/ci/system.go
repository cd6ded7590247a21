package ci

import (
	"regexp"
	"strings"
	"unicode"
)

// System is a CI system that follows a command: what it is told goes into the
// command's log as lines that it understands. Text may be foreign.
type System interface {
	// Group gives the lines between which the log is folded under a title.
	Group(title string) (begin, end string)
	// Tell gives the lines that raise a notice; "" where the system has none.
	Tell(n Notice) string
	// Publish hands the outcome over to later steps and to the run's page. It
	// may write files; what it gives belongs into the log.
	Publish(o Outcome) (string, error)
}

// Annotator is a System whose users expect to find its run on the objects that it
// applied.
type Annotator interface {
	Annotations() map[string]string
}

// Level says how much a notice matters.
type Level string

// The levels.
const (
	Progress Level = "progress" // how far it is; shown while it runs
	Warning  Level = "warning"
	Error    Level = "error"
)

// Notice is something to be seen on the run's page.
type Notice struct {
	Level  Level
	Text   string
	Weight int // of the canary, in percent
}

// Outcome is how a command left a release.
type Outcome struct {
	Release string
	State   string // the phase, or held
	Weight  int    // percent wanted
	Plan    string // the first digits of the digest of the version, as --version takes it
	Over    bool   // promoted or rejected
	Summary []byte // Markdown
}

var (
	// The agent of Azure Pipelines looks for ##vso[ anywhere in a line, and both
	// agents do for ##[.
	anywhere = regexp.MustCompile(`(?i)##(vso)?\[`)
	// The runner of GitHub Actions leaves out white space of every kind in front of
	// a command. To .NET, in which both are written, a carriage return ends a line.
	atStart = regexp.MustCompile(`(?m)(^|\r)([\s\pZ\x{85}]*)::`)
)

// Harmless is foreign text as it may stand in a command of a CI system: Neutralize,
// without what steers a terminal, which a log may be shown on. Line ends stay, for the
// system's own escapes.
func Harmless(text string) string {
	return Neutralize(strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text))
}

// Neutralize breaks what a CI system would take for a command in foreign text;
// people still read the same.
func Neutralize(text string) string {
	text = anywhere.ReplaceAllStringFunc(text, func(mark string) string {
		return strings.TrimSuffix(mark, "[") + "·["
	})
	return atStart.ReplaceAllString(text, "$1$2:·:")
}
