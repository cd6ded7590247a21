package rollout

import "slices"

// EndCause is why a process stops working on a release.
type EndCause string

// Why a process can stop.
const (
	Done        EndCause = "done"        // there is nothing left for it to do
	Interrupted EndCause = "interrupted" // it was asked to end: by a signal, or by a CI system
	Handover    EndCause = "handover"    // another process goes on at once
	LockLost    EndCause = "lock lost"   // another process may work on the release
	Broken      EndCause = "broken"      // an error, or a fault of the program
)

// Ended reports that a process stops working on the release. Whatever the cause is,
// afterwards the canary has no traffic or somebody watches it.
type Ended struct {
	Cause EndCause
	// Keep, of Interrupted, is that the user wants the weight to stay.
	Keep bool
	// Untouched is that a promotion has begun and no stable object was replaced yet.
	Untouched bool
	Reason    string
}

func (Ended) fact() {}

// ended decides what a process leaves. There may be little time, and a weight of 0 is
// right whoever works on the release next, so it is the first action.
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
		t.note(EventCancelled, "interrupted; the canary keeps its weight, as it was asked to")
		return t.State, nil
	case e.Cause == Done && (!t.Guarded || t.KeptForPerson()), t.withdrawn() && e.Cause != Interrupted:
		t.Guarded = false
		return t.State, nil
	}
	t.off()
	t.left(e)
	if e.Cause == Interrupted {
		t.note(EventCancelled, "%s", interruption(t.Phase))
		return t.State, t.wayOut()
	}
	if e.Cause == LockLost { // the record is another process's, so that a hold would be its own
		t.note(EventCancelled, "another process has taken the release; traffic goes back to stable")
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

// KeptForPerson says whether an undecided canary keeps its share because the release
// file says so (spec.analysis.overtime: hold).
func (s State) KeptForPerson() bool {
	return s.Held != "" && s.Phase == Standing && s.Judged != nil && s.Judged.Inconclusive && s.Judged.Recommended > 0
}

// withdrawn says whether the canary was seen to get no traffic.
func (s State) withdrawn() bool { return s.Phase == Standing && s.Weight == 0 && s.Verified == 0 }

// off takes the traffic off the canary in whatever phase the release is.
func (t *transition) off() {
	if t.Phase == Standing || t.Phase == Shifting {
		t.Phase, t.Peak, t.Grow = Shifting, max(t.Peak, t.Weight), false
	}
	t.Weight = 0
	t.unverified()
}

// wayOut is what there is time for when a process is asked to end: the weight, and a look
// whether the gateway takes it, which brakes where it does not.
func (t *transition) wayOut() []Action {
	switch {
	case t.Phase == Deploying && t.Peak == 0: // nothing ever reached the canary
		return []Action{{Kind: SetWeight}}
	case t.Braked:
		return []Action{{Kind: SetWeight}, {Kind: Brake}}
	}
	return []Action{{Kind: SetWeight}, {Kind: Verify}}
}

// Ends reports whether the actions are all that the state announces, so that what they
// come to is Finished. On the way out there is often no time for all of them.
func (s State) Ends(actions []Action) bool {
	return s.Phase == Shifting || slices.Equal(actions, Pending(s))
}

func (t *transition) left(e Ended) {
	t.Guarded = false
	t.Left = &Left{Cause: e.Cause, At: t.now.Time.UTC(), Text: clip(e.Reason)}
}

// interruption says what an interruption leaves in a phase.
func interruption(p Phase) string {
	switch p {
	case Promoting:
		return "interrupted while stable was being replaced; the canary gets no traffic, and stable goes on becoming the new version"
	case Retiring:
		return "interrupted; stable is the new version, and the canary gets no traffic"
	}
	return "interrupted; traffic goes back to stable"
}
