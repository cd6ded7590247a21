package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/rollout"
)

// Outcome says of which version a release is, and once it is over how long it took and how
// many users' requests met the canary; "" if nothing is known.
func (s Status) Outcome() string {
	if s.Unchanged {
		return ""
	}
	return strings.Join(slices.DeleteFunc([]string{s.versions(), s.took()}, func(s string) bool { return s == "" }), ", ")
}

// took says how long a release that is over took, and how many requests met the canary.
func (s Status) took() string {
	var parts []string
	over := s.Phase == rollout.Promoted || s.Phase == rollout.Rejected || s.Parked()
	if n := len(s.Events); over && n > 0 && !s.Started.IsZero() {
		parts = append(parts, "took "+Took(s.Events[n-1].Time.Sub(s.Started)))
	}
	switch c := s.Judged.Cost(); {
	case c != nil:
		parts = append(parts, met(*c))
	case over && s.Number > 0 && s.Most == 0:
		parts = append(parts, "no request met the canary")
	}
	return strings.Join(parts, ", ")
}

// met says how many requests met the canary.
func met(c rollout.Cost) string {
	requests, bad := fmt.Sprintf("%d requests", c.Requests), fmt.Sprintf("%d of them bad", c.Bad)
	if c.Requests == 1 {
		requests = "1 request"
	}
	if c.Bad == 0 {
		bad = "none of them bad"
	}
	return requests + " met the canary, " + bad
}
