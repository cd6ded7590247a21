package rollout

import "slices"

// resumed continues where another process stopped. It does not finish a raise of the
// share, and it makes no share larger than the one it finds: this process has to judge
// the canary first. A share that a run guarded stays guarded.
func (t *transition) resumed(r Resumed) (State, []Action) {
	if !t.Phase.Active() {
		return t.State, nil
	}
	t.Guarded, t.Gates = t.Guarded || r.Guarded, r.Gates
	if r.Override {
		t.unhold()
		t.Corrections = 0
	}
	t.begin(r.Run, "continue %s", t.what())
	if t.Phase == Promoting && r.Untouched {
		t.unpromoted("nothing was promoted yet; the canary stays at %d %%", t.Weight)
	}
	if t.Phase != Standing && t.Phase != Shifting {
		return t.State, Pending(t.State)
	}
	share, found := t.Weight, t.Weight
	if t.Phase == Shifting {
		share = min(share, max(t.Verified, 0))
	}
	if r.Found != nil {
		found = max(*r.Found, 0)
		t.inForce(found)
		share = min(share, found)
	}
	switch {
	case t.Phase == Standing && found == t.Weight:
		return t.State, []Action{{Kind: Verify, Weight: t.Weight}}
	case t.Phase == Standing:
		t.addEvent(EventCorrected, "the canary's routes have weight %d %%, not %d %%; the release continues at %d %%", found, t.Weight, share)
		t.unverified()
		fallthrough
	case share < t.Weight:
		t.Phase, t.Peak, t.Grow, t.Weight = Shifting, max(t.Peak, t.Weight), false, share
	}
	return t.State, Pending(t.State)
}

// holdChanged stores whether a person holds the release.
func (t *transition) holdChanged(h HoldChanged) {
	switch {
	case h.Hold != nil:
		t.addEvent(EventSaid, "on hold: %s", h.Hold)
		t.said(Saying{Kind: SaidHold, Text: h.Hold.Text, By: h.Hold.By, At: h.Hold.At})
	case t.Paused != nil:
		resumed := Saying{Kind: SaidResume}
		if h.Resumed != nil {
			resumed.Text, resumed.By, resumed.At = h.Resumed.Text, h.Resumed.By, h.Resumed.At
		}
		t.addEvent(EventSaid, "no longer on hold%s", commaBy(resumed.By))
		t.said(resumed)
	}
	t.Paused = h.Hold
}

// gatePassed stores that a gate agreed.
func (t *transition) gatePassed(a GatePassed) {
	p := a.Approval
	if p.At.IsZero() {
		p.At = t.now.Time.UTC()
	}
	if t.Awaiting == p.Gate {
		t.Awaiting = ""
	}
	t.Passed = slices.DeleteFunc(slices.Clone(t.Passed), func(before Approval) bool { return before.Gate == p.Gate })
	if len(t.Passed) < maxApprovals {
		t.Passed = append(t.Passed, p)
	}
	t.addEvent(EventSaid, "gate %s agrees%s", p.Gate, commaBy(p.By))
	t.said(Saying{Kind: SaidApprove, Gate: p.Gate, By: p.By, At: p.At})
}

func commaBy(name string) string {
	if name == "" {
		return ""
	}
	return ", by " + name
}
