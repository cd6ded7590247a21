package rollout

import (
	"fmt"
	"strings"
)

// Spec is what the user laid down for the release as a whole.
type Spec struct {
	// Limit is the largest weight that the routes can have, in percent: 100, or
	// 50 where there is a TCPMapping.
	Limit int
}

// maxCorrections is how often a weight that somebody else moved is put back.
// Putting it back for ever would be a fight between two programs.
const maxCorrections = 1

// Next decides what to remember and what to do after an observation. The actions
// are to be carried out in order once the State is stored; the outcome is the
// next observation. It reads no clock: the time is the observation's.
func Next(spec Spec, s State, o Observation) (State, []Action) {
	s.History = append([]Event(nil), s.History...)
	t := transition{spec: spec, State: s, now: o}
	switch fact := o.Fact.(type) {
	case Asked:
		return t.asked(fact)
	case Finished:
		t.finished(fact)
	case Failed:
		return t.failed(fact)
	case Resumed:
		return t.resumed(fact)
	case Ended:
		return t.ended(fact)
	case Moved:
		return t.moved(fact)
	case Judged:
		t.judged(fact)
		return t.State, nil
	case Heeded:
		t.heeded(fact)
		return t.State, nil
	case Agreed:
		t.agreed(fact)
		return t.State, nil
	case Awaited:
		t.Awaiting = fact.Gate
		t.note(EventWaiting, "%s", fact.Text)
		return t.State, nil
	case Edited:
		t.note(EventCorrected, "%s changed during the release; the canary's route takes the change over", strings.Join(fact.Routes, ", "))
		return t.State, []Action{{Kind: Resync}}
	}
	return t.State, Pending(t.State)
}

// Pending are the actions that a State announces: what is to be done, or done
// again, by whoever finds it.
func Pending(s State) []Action {
	switch s.Phase {
	case Deploying:
		actions := []Action{{Kind: SetWeight}}
		if s.Braked {
			actions = append(actions, Action{Kind: Brake})
		}
		if s.Braked || s.Peak > 0 { // no request must reach the new canary yet
			actions = append(actions, Action{Kind: Verify})
		}
		return append(actions, Action{Kind: ApplyCanary}, Action{Kind: WaitCanary}, Action{Kind: Verify})
	case Shifting:
		if s.Braked {
			return []Action{{Kind: SetWeight}, {Kind: Brake}, {Kind: Verify}}
		}
		var actions []Action
		if s.Grow {
			actions = append(actions, Action{Kind: Scale, Weight: s.Peak})
		}
		actions = append(actions, Action{Kind: SetWeight, Weight: s.Weight}, Action{Kind: Verify, Weight: s.Weight})
		if s.Weight < s.Peak {
			actions = append(actions, Action{Kind: Scale, Weight: s.Weight})
		}
		return actions
	case Promoting:
		return []Action{{Kind: ApplyStable}, {Kind: WaitStable}}
	case Retiring, Rejecting:
		// A stable route that was edited may have parted from the canary's, and then
		// the canary gets every request, whatever its weight.
		rest := []Action{{Kind: Resync}, {Kind: Verify}, {Kind: Drain}, {Kind: DeleteCanary}}
		if s.Braked {
			return append([]Action{{Kind: SetWeight}, {Kind: Brake}}, rest...)
		}
		return append([]Action{{Kind: SetWeight}}, rest...)
	}
	return nil
}

type transition struct {
	State
	spec Spec
	now  Observation
}

func (t *transition) note(kind EventKind, format string, args ...any) {
	t.Total++
	t.History = append(t.History, Event{Time: t.now.Time.UTC(), Kind: kind, Phase: t.Phase, Weight: t.Weight, Text: clip(fmt.Sprintf(format, args...))})
	if extra := len(t.History) - maxHistory; extra > 0 {
		t.History = t.History[extra:]
	}
}

func (t *transition) enter(phase Phase, format string, args ...any) {
	t.Phase = phase
	t.note(EventPhase, format, args...)
}

func (t *transition) hold(reason string) {
	t.Held, t.Unready = clip(reason), false
	t.note(EventHeld, "held: %s", reason)
}

// holdAfter holds a release because an action failed.
func (t *transition) holdAfter(f Failed) {
	t.hold(f.Reason)
	t.Unready = f.Unready
}

func (t *transition) unhold() { t.Held, t.Unready = "", false }

// finished is called when everything announced is done.
func (t *transition) finished(f Finished) {
	switch t.Phase {
	case Standing: // it was looked whether the share is still there
		if f.Proof != "" {
			t.Verified, t.Proof = t.Weight, f.Proof
		}
	case Deploying:
		t.Weight, t.Verified, t.Proof, t.Tested, t.Ready = 0, 0, f.Proof, f.Tested, t.now.Time.UTC()
		t.Peak, t.Braked = 0, false
		t.enter(Standing, "the canary is ready and gets no traffic yet")
	case Shifting:
		t.Verified, t.Proof, t.Peak, t.Grow = t.Weight, f.Proof, 0, false
		t.enter(Standing, "the canary gets %d %% of the traffic", t.Weight)
	case Promoting:
		t.unhold()
		t.enter(Retiring, "stable is the new version; the canary is being removed")
		t.Weight = 0
		t.unverified()
	case Retiring:
		t.over(Promoted, "promoted: stable is the new version and serves everything")
	case Rejecting:
		text := "rejected: stable serves everything"
		if t.Mixed {
			text = "rejected, but stable was being replaced and may be of the new version; apply the old version's manifests to go back"
		}
		t.over(Rejected, text)
	}
}

// over ends the release. What only matters while there is a canary is forgotten.
func (t *transition) over(phase Phase, text string) {
	t.Weight, t.Verified, t.Objects, t.Stable = 0, 0, nil, nil
	t.unhold()
	t.Guarded, t.Paused, t.Awaiting, t.Left = false, nil, "", nil
	if t.Judged != nil {
		last := *t.Judged
		last.Judge = nil
		t.Judged = &last
	}
	t.enter(phase, "%s", text)
}

// failed decides what becomes of a release of which an action failed. A weight
// of which nobody knows whether it is in force becomes 0.
func (t *transition) failed(f Failed) (State, []Action) {
	t.note(EventFailed, "%s: %s", f.Action.Kind, f.Reason)
	switch {
	case t.brakes(f):
		t.Braked = true
		t.unverified()
		t.note(EventCorrected, "the gateway has not taken the weight of 0, so the canary's Services now lead to the stable pods, and its own pods end")
		if t.Phase == Promoting {
			return t.State, []Action{{Kind: Brake}}
		}
		if t.Phase == Shifting && t.Held == "" && t.Left == nil { // whoever ends leaves nothing to decide
			t.hold(f.Reason)
		}
		return t.State, Pending(t.State)
	case t.Phase == Shifting && f.Action.Kind == Scale && t.Weight == t.Peak && t.Verified >= 0:
		// The weight has not moved yet.
		t.Weight, t.Peak, t.Grow = t.Verified, 0, false
		t.enter(Standing, "the canary could not grow; its weight stays at %d %%", t.Weight)
		t.holdAfter(f)
	case t.Phase == Shifting && f.Objected && t.Verified >= 0 && t.Verified < t.Weight:
		t.Weight, t.Peak, t.Grow = t.Verified, 0, false
		t.enter(Standing, "the weight stays at %d %%", t.Weight)
	case t.Phase == Shifting && f.Action.Kind == Scale && t.Weight < t.Peak && f.Action.Weight == t.Weight:
		t.finished(Finished{Proof: f.Proof}) // there are only more pods than needed
	case t.Phase == Shifting && t.Weight > 0:
		t.Weight, t.Grow = 0, false
		t.unverified()
		t.holdAfter(f)
		return t.State, Pending(t.State)
	case t.Phase == Promoting && f.Untouched:
		t.unpromoted("nothing was promoted; the canary stays at %d %%", t.Weight)
	default:
		if f.Action.Kind == Verify {
			t.unverified()
		}
		t.holdAfter(f)
	}
	return t.State, nil
}

// brakes reports whether a failure leaves requests on a canary that is to have none. A
// weight of 0 that is written is not the end; no request at the canary is.
func (t *transition) brakes(f Failed) bool {
	off := t.Weight == 0 && t.Phase != Standing && (t.Phase != Deploying || t.Peak > 0)
	return off && !t.Braked && f.Action.Kind == Verify
}

// unpromoted goes back to the canary that stands, when a promotion has replaced nothing.
// Who decided it has decided nothing in the end.
func (t *transition) unpromoted(format string, args ...any) {
	t.Reason = nil
	t.enter(Standing, format, args...)
}

// unverified forgets what the gateways were last seen to give.
func (t *transition) unverified() { t.Verified, t.Proof = Unknown, "" }

// moved puts a weight back that somebody else changed, once.
func (t *transition) moved(m Moved) (State, []Action) {
	if t.Phase != Standing {
		return t.State, nil
	}
	t.unverified()
	if t.Corrections >= maxCorrections {
		t.hold(fmt.Sprintf("somebody else moved the weight to %d %% again; find out who before going on", m.Weight))
		return t.State, nil
	}
	t.Corrections++
	t.note(EventCorrected, "somebody else moved the weight to %d %%; it goes back to %d %%", m.Weight, t.Weight)
	t.Phase, t.Peak = Shifting, t.Weight
	return t.State, Pending(t.State)
}
