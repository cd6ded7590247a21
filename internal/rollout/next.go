package rollout

import (
	"fmt"
	"strings"
)

// Spec holds the limits of the release as a whole.
type Spec struct {
	// Limit is the largest possible weight of the routes, in percent: 100, or 50 with a
	// TCPMapping.
	Limit int
}

// maxCorrections bounds how often a weight that somebody else changed is set back.
// Without a bound, two programs could fight over it for ever.
const maxCorrections = 1

// Next returns the new State after an observation, and the actions to carry out. Store
// the State first, then carry out the actions in order; their outcome is the next
// observation. Next reads no clock: the time is part of the observation.
func Next(spec Spec, s State, o Observation) (State, []Action) {
	s.History = append([]Event(nil), s.History...)
	t := transition{spec: spec, State: s, now: o}
	switch fact := o.Fact.(type) {
	case Request:
		return t.requested(fact)
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
	case HoldChanged:
		t.holdChanged(fact)
		return t.State, nil
	case GatePassed:
		t.gatePassed(fact)
		return t.State, nil
	case Examined:
		t.examined(fact.Troubles)
		return t.State, nil
	case ApprovalAwaited:
		t.Awaiting = fact.Gate
		t.addEvent(EventWaiting, "%s", fact.Text)
		return t.State, nil
	case Edited:
		t.addEvent(EventCorrected, "%s changed during the release; the change is copied to the canary's route", strings.Join(fact.Routes, ", "))
		return t.State, []Action{{Kind: Resync}}
	}
	return t.State, Pending(t.State)
}

// Pending returns the actions that a State announces. Whoever loads the State carries
// them out, or repeats them.
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
		if s.Parked() {
			return nil
		}
		// If somebody edited the stable route, it may no longer match the canary's. The
		// canary would then get every request, at any weight.
		rest := []Action{{Kind: Resync}, {Kind: Verify}, {Kind: Drain}, {Kind: DeleteCanary}}
		if s.Kept {
			rest = rest[:2]
		}
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

func (t *transition) addEvent(kind EventKind, format string, args ...any) {
	t.Total++
	t.History = append(t.History, Event{Time: t.now.Time.UTC(), Kind: kind, Phase: t.Phase, Weight: t.Weight, Text: clip(fmt.Sprintf(format, args...))})
	if extra := len(t.History) - maxHistory; extra > 0 {
		t.History = t.History[extra:]
	}
}

// proven adds to the last event how its weight was verified.
func (t *transition) proven(proof Proof) { t.History[len(t.History)-1].Proof = proof }

func (t *transition) enter(phase Phase, format string, args ...any) {
	t.Phase = phase
	t.addEvent(EventPhase, format, args...)
}

func (t *transition) hold(reason string) {
	t.Held, t.Unready = clip(reason), false
	t.addEvent(EventHeld, "held: %s", reason)
}

// holdAfter holds the release because an action failed.
func (t *transition) holdAfter(f Failed) {
	t.hold(f.Reason)
	t.Unready = f.Unready
}

func (t *transition) unhold() { t.Held, t.Unready = "", false }

// finished handles that all announced actions are done.
func (t *transition) finished(f Finished) {
	switch t.Phase {
	case Standing: // the share was verified again
		if f.Proof != "" {
			t.verified(f.Proof)
		}
	case Deploying:
		t.Weight, t.Tested, t.Ready = 0, f.Tested, t.now.Time.UTC()
		t.Peak, t.Braked, t.Cut, t.Troubles = 0, false, false, nil
		t.verified(f.Proof)
		t.enter(Standing, "%s", t.readyText())
		t.proven(f.Proof)
	case Shifting:
		t.Peak, t.Grow, t.Cut = 0, false, t.Braked
		if t.Held == "" {
			t.Troubles = nil
		}
		t.verified(f.Proof)
		t.enter(Standing, "%s", t.ShareText())
		t.proven(f.Proof)
	case Promoting:
		t.unhold()
		t.enter(Retiring, "stable is the new version; the canary is being removed")
		t.Weight = 0
		t.unverified()
	case Retiring:
		t.over(Promoted, "promoted: stable is the new version and serves everything")
	case Rejecting:
		if t.Kept {
			t.kept(f)
			return
		}
		text := "rejected: stable serves everything"
		if t.Mixed {
			text = "rejected, but stable was being replaced and may be of the new version; apply the old version's manifests to go back"
		}
		t.over(Rejected, text)
	}
}

// kept stores that a rejected canary gets no traffic. It stays until somebody rejects the
// release again.
func (t *transition) kept(f Finished) {
	t.verified(f.Proof)
	t.Guarded, t.Paused, t.Awaiting, t.Left, t.Cut = false, nil, "", nil, t.Braked
	text := "rejected: stable serves everything; the canary is kept without traffic"
	if f.Proof != SeenOnGateways {
		text = "rejected: the canary's weight is 0, but no gateway could be asked; the canary is kept"
	}
	t.addEvent(EventWaiting, "%s", text)
}

// over ends the release. It drops what matters only while there is a canary.
func (t *transition) over(phase Phase, text string) {
	t.Weight, t.Verified, t.Objects, t.Stable = 0, 0, nil, nil
	t.unhold()
	t.Guarded, t.Kept, t.Paused, t.Awaiting, t.Left, t.Taken = false, false, nil, "", nil, nil
	if t.Judged != nil {
		last := *t.Judged
		last.Judge = nil
		t.Judged = &last
	}
	t.enter(phase, "%s", text)
}

// failed decides what a failed action means for the release. If it is unknown whether a
// weight is in force, the weight becomes 0.
func (t *transition) failed(f Failed) (State, []Action) {
	t.addEvent(EventFailed, "%s: %s", f.Action.Kind, f.Reason)
	if t.Phase == Shifting && f.Action.Kind == Verify { // a gateway may have applied it
		t.inForce(f.Action.Weight)
	}
	if f.Taken != nil {
		taken := *f.Taken
		taken.At = t.now.Time.UTC()
		t.Taken = &taken
	}
	if f.Action.Kind == Brake || t.Phase == Deploying { // a deployment undoes it
		t.Cut = false
	} else if t.Braked && f.Action.Kind != SetWeight && t.Weight == 0 { // the brake came before it
		t.Cut = true
	}
	switch {
	case t.brakes(f):
		t.Braked = true
		t.unverified()
		t.addEvent(EventCorrected, "the gateway did not apply the weight of 0, so the canary's Services get the stable pods, and its own pods end")
		if t.Phase == Promoting {
			return t.State, []Action{{Kind: Brake}}
		}
		if t.Phase == Shifting && t.Held == "" && t.Left == nil { // a process that ends leaves no decision open
			t.hold(f.Reason)
		}
		return t.State, Pending(t.State)
	case t.Phase == Shifting && f.Action.Kind == Scale && t.Weight == t.Peak && t.Verified >= 0:
		// The weight has not changed yet.
		t.Weight, t.Peak, t.Grow = t.Verified, 0, false
		t.enter(Standing, "the canary could not grow; its weight stays at %d %%", t.Weight)
		t.holdAfter(f)
	case t.Phase == Shifting && f.Objected && t.Verified >= 0 && t.Verified < t.Weight:
		t.Weight, t.Peak, t.Grow = t.Verified, 0, false
		t.enter(Standing, "the weight stays at %d %%", t.Weight)
	case t.Phase == Shifting && f.Action.Kind == Scale && t.Weight < t.Peak && f.Action.Weight == t.Weight:
		t.finished(Finished{Proof: f.Proof}) // only surplus pods are left
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

// brakes reports whether a failure leaves requests on a canary that must have none. A
// weight of 0 in the cluster is not enough: the canary must get no request.
func (t *transition) brakes(f Failed) bool {
	off := t.Weight == 0 && t.Phase != Standing && (t.Phase != Deploying || t.Peak > 0)
	return off && !t.Braked && f.Action.Kind == Verify
}

// unpromoted returns to the standing canary if a promotion replaced nothing. It drops the
// decision to promote.
func (t *transition) unpromoted(format string, args ...any) {
	t.Reason = nil
	t.enter(Standing, format, args...)
}

// ShareText says what the canary gets, as far as that is known.
func (s State) ShareText() string {
	switch {
	case s.Verified == s.Weight && s.Proof == SeenOnGateways:
		return fmt.Sprintf("the canary gets %d %% of the traffic", s.Weight)
	case s.Verified == s.Weight:
		return fmt.Sprintf("the canary should get %d %% of the traffic, but no gateway could be asked", s.Weight)
	}
	return fmt.Sprintf("the canary's weight is %d %%, not verified since the last change", s.Weight)
}

// readyText says that the canary is ready. A route that is new has had no weight yet, so
// nobody has to be asked.
func (s State) readyText() string {
	if s.Proof == SeenOnGateways || s.Most == 0 {
		return "the canary is ready and gets no traffic yet"
	}
	return "the canary is ready, and its weight is 0, but no gateway could be asked"
}

// verified stores that the weight is in force.
func (t *transition) verified(proof Proof) {
	t.Verified, t.Proof, t.Taken = t.Weight, proof, nil
	t.inForce(t.Weight)
}

// inForce stores that a weight was in force, or may have been.
func (t *transition) inForce(weight int) { t.Most = min(max(t.Most, weight), 100) }

// unverified drops the last verified share.
func (t *transition) unverified() { t.Verified, t.Proof = Unknown, "" }

// moved sets back a weight that somebody else changed, once.
func (t *transition) moved(m Moved) (State, []Action) {
	if t.Phase != Standing {
		return t.State, nil
	}
	t.unverified()
	t.inForce(m.Weight)
	if t.Corrections >= maxCorrections {
		t.hold(fmt.Sprintf("somebody else changed the weight to %d %% again; find out who did before you continue", m.Weight))
		return t.State, nil
	}
	t.Corrections++
	t.addEvent(EventCorrected, "somebody else changed the weight to %d %%; setting it back to %d %%", m.Weight, t.Weight)
	t.Phase, t.Peak = Shifting, t.Weight
	return t.State, Pending(t.State)
}
