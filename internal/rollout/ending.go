package rollout

import "slices"

// EndCause says why a process stops working on a release.
type EndCause string

// The causes for which a process stops.
const (
	Done        EndCause = "done"        // nothing is left to do
	Interrupted EndCause = "interrupted" // a signal or a CI system asked it to end
	Handover    EndCause = "handover"    // another process continues at once
	LockLost    EndCause = "lock lost"   // another process may work on the release
	Broken      EndCause = "broken"      // an error or a panic
)

// Ended reports that a process stops working on the release. Whatever the cause,
// afterwards the canary has no traffic or somebody watches it.
type Ended struct {
	Cause EndCause
	// Keep, of Interrupted, reports that the user wants to keep the weight.
	Keep bool
	// Untouched reports that a promotion began but has replaced no stable object yet.
	Untouched bool
	Reason    string
}

func (Ended) fact() {}

// ended decides in which state a process leaves the release. Time may be short, and a
// weight of 0 is right whoever works on the release next, so setting it is the first
// action.
func (t *transition) ended(e Ended) (State, []Action) {
	if !t.Phase.Active() || e.Cause == Handover {
		return t.State, nil
	}
	if t.Phase == Promoting && e.Untouched {
		t.unpromoted("nothing was promoted")
	}
	switch {
	case e.Cause == Interrupted && e.Keep:
		t.left(e)
		t.addEvent(EventCancelled, "interrupted; the canary keeps its weight, as the user chose")
		return t.State, nil
	case e.Cause == Done && (!t.Guarded || t.KeptForPerson()), t.withdrawn() && e.Cause != Interrupted:
		t.Guarded = false
		return t.State, nil
	}
	had := t.Weight > 0 || t.Peak > 0 || t.Phase != Deploying && t.Verified != 0
	t.off()
	t.left(e)
	if e.Cause == Interrupted {
		t.addEvent(EventCancelled, "%s", interruption(t.Phase, had))
		return t.State, t.wayOut()
	}
	if e.Cause == LockLost { // the record now belongs to another process, which must not find a hold of this one
		t.addEvent(EventCancelled, "another process took over the release; this one sets the weight to 0")
		return t.State, []Action{{Kind: SetWeight}}
	}
	if t.Held == "" && e.Reason != "" {
		t.hold(e.Reason)
	}
	if t.Phase == Shifting {
		return t.State, Pending(t.State)
	}
	return t.State, t.wayOut()
}

// KeptForPerson reports whether an undecided canary keeps its share for a person to
// decide, because the release file says so (spec.analysis.overtime: hold).
func (s State) KeptForPerson() bool {
	return s.Held != "" && s.Phase == Standing && s.Judged != nil && s.Judged.Inconclusive && s.Judged.Recommended > 0
}

// withdrawn reports whether the gateways confirmed that the canary gets no traffic.
func (s State) withdrawn() bool { return s.Phase == Standing && s.Weight == 0 && s.Verified == 0 }

// off sets the wanted weight to 0 in every phase.
func (t *transition) off() {
	if t.Phase == Standing || t.Phase == Shifting {
		t.Phase, t.Peak, t.Grow = Shifting, max(t.Peak, t.Weight), false
	}
	t.Weight = 0
	t.unverified()
}

// wayOut returns the actions for which there is time when a process has to end: set the
// weight to 0, verify it, and brake if the gateway does not apply it.
func (t *transition) wayOut() []Action {
	switch {
	case t.Phase == Deploying && t.Peak == 0: // nothing ever reached the canary
		return []Action{{Kind: SetWeight}}
	case t.Braked:
		return []Action{{Kind: SetWeight}, {Kind: Brake}}
	}
	return []Action{{Kind: SetWeight}, {Kind: Verify}}
}

// Ends reports whether actions are all that the state announces, so that their end is
// Finished. When a process has to end, there is often no time for all of them.
func (s State) Ends(actions []Action) bool {
	return s.Phase == Shifting || slices.Equal(actions, Pending(s))
}

func (t *transition) left(e Ended) {
	t.Guarded = false
	t.Left = &Left{Cause: e.Cause, At: t.now.Time.UTC(), Text: clip(e.Reason)}
}

// interruption describes the result of an interruption in a phase. had reports that the
// canary had traffic, or may have had some.
func interruption(p Phase, had bool) string {
	switch {
	case p == Promoting:
		return "interrupted while stable was being replaced; the canary's weight becomes 0, and the rollout of stable continues"
	case p == Retiring:
		return "interrupted; stable is the new version, and the canary's weight becomes 0"
	case had:
		return "interrupted; traffic goes back to stable"
	}
	return "interrupted; the canary had no traffic"
}
