package report

import (
	"cmp"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/saying"
)

// coded returns events with the codes of their messages, which the record does not have.
func coded(events []rollout.Event) []rollout.Event {
	all := make([]rollout.Event, len(events))
	for i, e := range events {
		e.Code = string(saying.OfEvent(e))
		all[i] = e
	}
	return all
}

// code returns the code of what the release waits for, or of why it was rejected.
func (s Status) code() saying.Code {
	refusal := func(code rollout.Code) saying.Code {
		said, _ := saying.OfRefusal(code)
		return said.Code
	}
	switch {
	case s.Held != "":
		return cmp.Or(saying.CodeOf(s.Held), refusal(rollout.RefusedHeld))
	case s.Braked && s.Phase.Active():
		return refusal(rollout.RefusedBraked)
	case s.Phase == rollout.Rejecting, s.Phase == rollout.Rejected:
		if s.Reason == nil || s.Reason.By == rollout.ByPerson || s.Reason.By == rollout.ByRequest {
			return "" // the words of a person
		}
		return saying.CodeOf(s.Reason.Text)
	case s.Phase != rollout.Standing:
		return ""
	case s.Paused != nil:
		return refusal(rollout.WaitsForResume)
	case s.Awaiting != "":
		return refusal(rollout.WaitsForApproval)
	}
	return ""
}
