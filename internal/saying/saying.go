// Package saying is the table of what canarize says when something is wrong: for each
// message a code that never changes, its level, what it means, and what to do next. Pure.
package saying

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/rollout"
)

// Code is the stable code of a message, such as CZ1203. A code is never used again for
// another message.
type Code string

// Level says how a message matters.
type Level string

// The levels.
const (
	Error   Level = "error"   // the command did not do what was asked
	Held    Level = "held"    // somebody has to decide, or something has to happen, before a release goes on
	Warning Level = "warning" // the result may differ from what you expect
	Note    Level = "note"    // worth knowing
)

// Levels returns the levels, the gravest first.
func Levels() []Level { return []Level{Error, Held, Warning, Note} }

// rank orders messages that stand in one text.
type rank int

const (
	outer  rank = -1 // it passes on another message, which says more
	urgent rank = 1  // users are affected, whatever else went wrong
)

// A Saying is one thing that canarize can say.
type Saying struct {
	Code  Code
	Level Level
	// Says holds the forms of the message, with … for the parts that vary. The first one is
	// the usual one. A form may be a part of the message.
	Says []string
	// Means says what has happened. Do says what to do next. Both are Markdown, with links
	// as in the folder docs.
	Means, Do string

	// Refusals and Causes are the reasons of rollout and of the judge that say this.
	Refusals []rollout.Code
	Causes   []analysis.Cause
	// Name is the name of the warning or of the check of lint that says this.
	Name string

	rank rank
}

// Group holds the messages of one thousand of codes.
type Group struct {
	Number  byte // the first digit of the codes
	Title   string
	Sayings []Saying
}

// Groups returns all messages, in the order of their codes.
func Groups() []Group {
	return []Group{
		{'1', "The cluster does not answer", cluster},
		{'2', "The canary cannot be made, or does not come up", slices.Concat(pods, canaries, warnings())},
		{'3', "The share is not what it should be", slices.Concat(shares, routes)},
		{'4', "The release is held, or refused", slices.Concat(holds, promotions)},
		{'5', "What the judge says", slices.Concat(verdicts, sources, calibrations)},
		{'6', "In the memory of a release", records},
		{'7', "Interrupted", endings},
		{'8', "In a pipeline", slices.Concat(pipelines, checks)},
		{'9', "The command or its input is wrong", slices.Concat(commands, images, migrations, files, texts, objects, releaseFiles)},
	}
}

// All returns all messages, in the order of their codes.
func All() (all []Saying) {
	for _, g := range Groups() {
		all = append(all, g.Sayings...)
	}
	return all
}

// every holds all messages, for searches; nobody changes them.
var every = sync.OnceValue(All)

// Get returns the message with a code or with the name of a warning or a check.
func Get(word string) (Saying, bool) {
	word = strings.Trim(word, "[]() \t\n")
	for _, s := range every() {
		if strings.EqualFold(string(s.Code), word) || strings.EqualFold(string(s.Code), "CZ"+word) || s.Name != "" && s.Name == word {
			return s, true
		}
	}
	return Saying{}, false
}

// OfRefusal returns what a refusal says.
func OfRefusal(code rollout.Code) (Saying, bool) {
	return which(func(s Saying) bool { return slices.Contains(s.Refusals, code) })
}

// OfCause returns what a hold of the judge says.
func OfCause(cause analysis.Cause) (Saying, bool) {
	return which(func(s Saying) bool { return slices.Contains(s.Causes, cause) })
}

func which(is func(Saying) bool) (Saying, bool) {
	all := every()
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return Saying{}, false
}

// Find returns the message that a text says. If the text has several, such as the message
// of a release and that of its cause, it returns the most specific one.
func Find(text string) (Saying, bool) {
	if all := FindAll(text); len(all) > 0 {
		return all[0], true
	}
	return Saying{}, false
}

// FindAll returns the messages in a text, the most specific first. It leaves out a message
// that says less than another one at the same place.
func FindAll(text string) []Saying {
	var found []match
	for _, f := range forms() {
		if m, ok := f.in(text); ok {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b match) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(b.literal, a.literal), cmp.Compare(a.from, b.from), cmp.Compare(a.Code, b.Code))
	})
	var all []Saying
	for i, m := range found {
		said := slices.ContainsFunc(found[:i], func(other match) bool {
			return other.Code == m.Code || other.from <= m.from && m.to <= other.to
		})
		if !said {
			all = append(all, m.Saying)
		}
	}
	return all
}

// Mark ends a text with a code. Foreign text may have such a mark too, so only the last one
// counts.
func Mark(text string, code Code) string {
	mark := " [" + string(code) + "]"
	if code == "" || strings.HasSuffix(text, mark) {
		return text
	}
	return text + mark
}

// markAtEnd matches the mark at the end of a text.
var markAtEnd = regexp.MustCompile(`\[(CZ[0-9]{4})\]\s*$`)

// OfMark returns the message whose code ends a text.
func OfMark(text string) (Saying, bool) {
	m := markAtEnd.FindStringSubmatch(text)
	if m == nil {
		return Saying{}, false
	}
	return Get(m[1])
}

// CodeOf returns the code of the message that a text says; "" if it has none.
func CodeOf(text string) Code {
	s, _ := Find(text)
	return s.Code
}

// OfEvent returns the code of what an event says; "" if it has none.
func OfEvent(e rollout.Event) Code {
	if e.Kind == rollout.EventAsked || e.Kind == rollout.EventSaid { // words of people
		return ""
	}
	if code := CodeOf(e.Text); code != "" {
		return code
	}
	var r *rollout.Refusal
	if errors.As(e.Cause, &r) {
		s, _ := OfRefusal(r.Code)
		return s.Code
	}
	if e.Judged != nil && e.Judged.Cause != "" {
		s, _ := OfCause(e.Judged.Cause)
		return s.Code
	}
	return ""
}

// form is one form of a message.
type form struct {
	Saying
	parts   []string // the parts that do not vary
	literal int      // their length
}

// match is a form found in a text, from one byte to another.
type match struct {
	*form
	from, to int
}

// forms returns the forms of all messages.
var forms = sync.OnceValue(func() (all []*form) {
	for _, s := range every() {
		for _, text := range s.Says {
			f := &form{Saying: s}
			for part := range strings.SplitSeq(text, "…") {
				if part != "" {
					f.parts = append(f.parts, part)
					f.literal += len(part)
				}
			}
			all = append(all, f)
		}
	}
	return all
})

// in finds the parts of a form in a text, one after the other.
func (f *form) in(text string) (match, bool) {
	m := match{form: f, from: -1}
	for _, part := range f.parts {
		i := strings.Index(text[m.to:], part)
		if i < 0 {
			return match{}, false
		}
		if m.from < 0 {
			m.from = i
		}
		m.to += i + len(part)
	}
	return m, m.from >= 0
}
