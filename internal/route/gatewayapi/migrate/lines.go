package migrate

import (
	"fmt"
	"strings"
)

// Lines returns what became of every Mapping and of the other objects of Emissary, as
// sentences. Without partial nothing moves if one Mapping is refused, and changes of the
// others are left out.
func (r Result) Lines(partial bool) (out []Line) {
	moves := partial || r.Count(Refused) == 0
	for _, m := range r.Mappings {
		say := func(l Line, format string, args ...any) {
			out = append(out, Line{l.At, m.ID.String() + ": " + fmt.Sprintf(format, args...)})
		}
		if m.Outcome == Moved && moves {
			done := "moved to " + strings.Join(m.Routes, ", ")
			if len(m.Idle) > 0 {
				done += "; not translated, because it does not matter there: " + names(m.Idle)
			}
			say(Line{At: m.At}, "%s", done)
			for _, l := range m.Changes {
				say(l, "%s", l.Text)
			}
		}
		for _, l := range m.Reasons {
			say(l, "%s: %s", m.Outcome, l.Text)
		}
	}
	return append(out, r.Others...)
}

func names(all []Field) string {
	out := make([]string, len(all))
	for i, f := range all {
		out[i] = f.Name
	}
	return strings.Join(out, ", ")
}

// Count returns the number of Mappings with an outcome.
func (r Result) Count(wanted Outcome) (n int) {
	for _, m := range r.Mappings {
		if m.Outcome == wanted {
			n++
		}
	}
	return n
}

// Summary says how many Mappings moved and what was proved.
func (r Result) Summary() string {
	return fmt.Sprintf("%d of %d Mappings moved, %d refused, %d without requests; both models were asked about %d requests",
		r.Count(Moved), len(r.Mappings), r.Count(Refused), r.Count(Ignored), r.Requests)
}
