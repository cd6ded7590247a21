package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// headline says in a few words what became of the release, and of which version.
func (r Report) headline() string {
	word := capital(r.State())
	switch {
	case r.Error != "":
		word = "Unknown"
	case r.Held != "" && r.Weight > 0:
		word = fmt.Sprintf("Held at %d %%", r.Weight)
	case r.Held != "":
	case r.Phase == rollout.Standing:
		word = fmt.Sprintf("On the way, at %d %%", r.Weight)
	case r.Phase == rollout.Shifting:
		word = fmt.Sprintf("On the way to %d %%", r.Weight)
	}
	if v := r.versions(); v != "" {
		return word + ": " + v
	}
	return word
}

// versions shows the old and the new version by the first image that changes; "" if no
// image is known.
func (s Status) versions() string {
	return rollout.State{Images: s.Images, Before: s.Before}.Versions()
}

// before returns the image that a container had before the release; "" if unknown.
func (s Status) before(i rollout.Image) string {
	return rollout.State{Before: s.Before}.BeforeOf(i)
}

// decision says in one sentence what was decided, by whom, when and why.
func (r Report) decision(events []rollout.Event) string {
	switch {
	case r.Error != "":
		return r.Error
	case r.Phase == rollout.Superseded:
		return "Another version was deployed before anything was decided about this one."
	case r.Held != "":
		return sentence("The release waits until somebody decides", r.Held)
	}
	verb, ended := verbs[r.Phase]
	if !ended {
		return ""
	}
	actor, because := r.actor(events)
	what := "the new version"
	if v := r.versions(); v != "" {
		what = v
	}
	text := fmt.Sprintf("%s %s %s%s%s", actor, verb, what, r.decisionTime(events), because)
	if actor == "" {
		text = fmt.Sprintf("The release of %s was %s%s; the record does not say by whom", what, verb, r.decisionTime(events))
	}
	if r.Reason == nil {
		return sentence(text, "")
	}
	return sentence(text, r.Reason.Text)
}

// verbs say what was decided in the phases in which that is clear.
var verbs = map[rollout.Phase]string{
	rollout.Promoting: "promoted", rollout.Retiring: "promoted", rollout.Promoted: "promoted",
	rollout.Rejecting: "rejected", rollout.Rejected: "rejected",
}

// byDecider names who decided, other than whoever ran the verb, and what made canarize do
// so.
var byDecider = map[rollout.Decider]struct{ actor, because string }{
	rollout.ByJudge:    {"The judge", ""},
	rollout.ByDeadline: {"Canarize", ", because the deadline passed without a verdict"},
	rollout.ByPerson:   {"A person", ""},
	rollout.ByGate:     {"A gate", ""},
	rollout.ByPods:     {"Canarize", ", because the canary's pods did not become ready"},
	rollout.ByFailure:  {"Canarize", ", because something outside the release failed before the canary was ready"},
}

// actor returns who decided and, if canarize did, why; "" if nobody is known.
func (r Report) actor(events []rollout.Event) (actor, because string) {
	if by, known := byDecider[r.decidedBy()]; known {
		return by.actor, by.because
	}
	if e := r.decided(events); e != nil {
		return capital(who(e.Run)), ""
	}
	if r.Earlier && r.Run != (rollout.Run{}) {
		return capital(who(r.Run)), ""
	}
	return "", ""
}

// decided returns the event by which the release was decided; nil if it is unknown or
// nothing is decided. Entering the phase is the decision.
func (r Report) decided(events []rollout.Event) *rollout.Event {
	phase := rollout.Rejecting
	switch {
	case r.Held != "":
		for _, e := range slices.Backward(events) {
			if e.Kind == rollout.EventHeld {
				return &e
			}
		}
		return nil
	case verbs[r.Phase] == "promoted":
		phase = rollout.Promoting
	case verbs[r.Phase] == "":
		return nil
	}
	return deciding(events, phase)
}

// deciding returns the request by which a release entered a phase of decision for the last
// time. Requests that follow in the phase only continue it.
func deciding(events []rollout.Event, phase rollout.Phase) *rollout.Event {
	var found *rollout.Event
	for _, e := range slices.Backward(events) {
		switch {
		case e.Phase == phase && e.Kind == rollout.EventAsked:
			found = &e
		case e.Phase == rollout.Deploying || e.Phase == rollout.Standing || e.Phase == rollout.Shifting || phase == rollout.Rejecting && e.Phase == rollout.Promoting:
			if found != nil {
				return found
			}
		}
	}
	return found
}

// decisionTime says when it was decided, and at which weight; "" if that is unknown.
func (r Report) decisionTime(events []rollout.Event) string {
	decided := r.decided(events)
	if decided == nil {
		return ""
	}
	share := 0
	for _, e := range events {
		if e.Time.Equal(decided.Time) && e.Kind == decided.Kind && e.Phase == decided.Phase {
			break
		}
		share = e.Weight
	}
	return fmt.Sprintf(" at %s, %s after it began, when the canary's weight was %d %%", clock(decided.Time), Took(decided.Time.Sub(r.Started)), share)
}

// now says what the decision means for the users, or what the release waits for.
func (r Report) now() string {
	switch {
	case r.Error != "" || r.Phase == rollout.Superseded || r.Held != "":
		return ""
	case r.Phase == rollout.Promoted && r.Most == 0:
		return "The new version is stable and serves everything. No request tested it before: the canary never got any."
	case r.Phase == rollout.Promoted:
		return "The new version is stable and serves everything. It is the tested version: a promotion compares the digest of the canary's pods and their configuration with the one taken when the pods became ready, and refuses if they differ."
	case r.Phase == rollout.Rejected && !r.Mixed:
		return "The old version is stable and serves everything."
	case r.Paused != nil && r.Phase == rollout.Standing && r.Left == nil:
		return fmt.Sprintf("%s, and %s holds the release; canarize resume ends the hold.", capital(r.share()), cmp.Or(r.Paused.By, "somebody"))
	}
	return capital(r.Sentence()) + "."
}

// sentence joins a statement and its reason, if there is one.
func sentence(text, reason string) string {
	if reason = ended(reason); reason == "" {
		return text + "."
	}
	return text + ": " + strings.TrimSpace(reason) + "."
}

// decisionMark returns when and what was decided, for the charts.
func (r Report) decisionMark(events []rollout.Event) (at time.Time, name string, known bool) {
	e := r.decided(events)
	if e == nil {
		return time.Time{}, "", false
	}
	if r.Held != "" {
		return e.Time, "decision: held", true
	}
	return e.Time, "decision: " + verbs[r.Phase], true
}
