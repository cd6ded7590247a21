package rollout

import (
	"cmp"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// Fresh is what a deployment begins with.
type Fresh struct {
	Plan    string // digest of what is to become stable
	Stable  []Fingerprint
	Objects []manifest.ID // of the canary
	Images  []Image
	Gates   []string // the names of all gates
}

func (t *transition) asked(a Asked) (State, []Action) {
	switch a.Verb {
	case Deploy:
		return t.deploy(a)
	case Shift:
		return t.shift(a)
	case Promote:
		return t.promote(a)
	case Reject:
		return t.reject(a)
	}
	return t.refuse(&Refusal{Code: RefusedVerb, Verb: a.Verb})
}

// refuse leaves everything as it is.
func (t *transition) refuse(why *Refusal) (State, []Action) {
	return t.State, []Action{{Kind: Refuse, Reason: why}}
}

// begin notes what was asked for and by whom.
func (t *transition) begin(run Run, format string, args ...any) {
	t.Run, t.Left = run, nil
	t.note(EventAsked, format, args...)
	t.History[len(t.History)-1].Run = run
}

// Is says whether a release is that of a version, which is named by the first eight or
// more digits of the digest of its plan, by an image, or by the digest of an image. ""
// is any version.
func (s State) Is(version string) bool {
	if version == "" || len(version) >= 8 && strings.HasPrefix(s.Plan, version) {
		return true
	}
	return slices.ContainsFunc(s.Images, func(i Image) bool {
		_, digest, _ := strings.Cut(i.Image, "@")
		return i.Image == version || digest != "" && digest == version
	})
}

func (t *transition) deploy(a Asked) (State, []Action) {
	switch {
	case t.Phase == Promoting || t.Phase == Retiring:
		return t.refuse(&Refusal{Code: RefusedPromoting})
	case t.Phase == Rejecting:
		return t.refuse(&Refusal{Code: RefusedRejecting})
	case t.Phase == Shifting && t.Plan == a.Fresh.Plan && t.Tested != "" && !t.Braked:
		return t.refuse(&Refusal{Code: RefusedShifting, Weight: t.Weight})
	case t.Phase == Standing && t.Plan == a.Fresh.Plan && !t.Braked:
		t.Guarded = t.Guarded || a.Guarded // the share of a run that was killed is not to stay
		return t.State, []Action{{Kind: WaitCanary}, {Kind: Verify, Weight: t.Weight}}
	}
	fresh := State{
		Schema: Schema, Phase: Deploying, Verified: Unknown, Started: t.now.Time.UTC(),
		Plan: a.Fresh.Plan, Stable: a.Fresh.Stable, Objects: a.Fresh.Objects, Images: a.Fresh.Images,
		Gates: a.Fresh.Gates, Guarded: a.Guarded, Total: t.Total, History: t.History,
		Braked: t.Braked && t.Phase.Active(),
	}
	if t.Phase.Active() { // an earlier version's objects are removed in the end, too
		fresh.Peak = max(t.Weight, t.Peak, t.Verified, 0)
		for _, id := range t.Objects {
			if !slices.Contains(fresh.Objects, id) {
				fresh.Objects = append(slices.Clip(fresh.Objects), id)
			}
		}
	}
	if t.Phase.Active() && t.Plan == a.Fresh.Plan { // the same release, begun again
		fresh.Stable, fresh.Started, fresh.Passed = t.Stable, t.Started, t.Passed
	}
	t.State = fresh
	t.begin(a.Run, "deploy %s", short(a.Fresh.Plan))
	return t.State, Pending(t.State)
}

func short(digest string) string { return digest[:min(len(digest), 12)] }

func (t *transition) shift(a Asked) (State, []Action) {
	switch {
	case a.Weight < 0 || a.Weight > t.spec.Limit:
		return t.refuse(&Refusal{Code: RefusedWeight, Weight: a.Weight, Limit: t.spec.Limit})
	case t.Phase == Deploying:
		return t.refuse(&Refusal{Code: RefusedNotReady})
	case t.Phase != Standing && t.Phase != Shifting:
		return t.refuse(&Refusal{Code: RefusedNoCanary, Phase: t.Phase})
	case !t.Is(a.Version):
		return t.refuse(Mismatch(t.State, a.Version))
	case t.Braked && a.Weight > 0:
		return t.refuse(&Refusal{Code: RefusedBraked})
	case t.Held != "" && !a.Override && a.Weight > 0:
		return t.refuse(Held(t.State))
	case t.Phase == Standing && t.Weight == a.Weight && t.Verified == a.Weight:
		t.Guarded = a.Guarded
		if a.Override {
			t.unhold()
			t.Corrections = 0
		}
		return t.State, []Action{{Kind: Verify, Weight: a.Weight}}
	}
	before := t.Weight
	if t.Phase == Shifting { // how far that came is not known
		t.unverified()
		t.Peak, t.Grow = max(t.Peak, a.Weight), true
	} else {
		t.Peak, t.Grow = max(t.Weight, a.Weight), a.Weight > t.Weight
	}
	t.Phase, t.Weight, t.Guarded = Shifting, a.Weight, a.Guarded
	if a.Override {
		t.unhold()
		t.Corrections = 0
	}
	t.Step++
	t.begin(a.Run, "shift from %d %% to %d %%", before, a.Weight)
	return t.State, Pending(t.State)
}

func (t *transition) promote(a Asked) (State, []Action) {
	switch t.Phase {
	case Promoted:
		return t.State, nil
	case Promoting, Retiring:
		t.begin(a.Run, "promote, begun before")
		return t.State, Pending(t.State)
	case Deploying:
		return t.refuse(&Refusal{Code: RefusedNotReady})
	case Shifting:
		return t.refuse(&Refusal{Code: RefusedShifting, Weight: t.Weight})
	case Standing:
	default:
		return t.refuse(&Refusal{Code: RefusedNoCanary, Phase: t.Phase})
	}
	switch {
	case !t.Is(a.Version):
		return t.refuse(Mismatch(t.State, a.Version))
	case t.Braked:
		return t.refuse(&Refusal{Code: RefusedBraked})
	case t.Held != "" && !a.Override:
		return t.refuse(Held(t.State))
	case t.Weight == 0 && !a.Untested:
		return t.refuse(&Refusal{Code: RefusedUntested})
	case t.Weight > 0 && t.Proof != SeenOnGateways && !a.Unverified:
		return t.refuse(&Refusal{Code: RefusedUnverified, Weight: t.Weight})
	case t.Tested == "" || a.Tested != t.Tested:
		return t.refuse(&Refusal{Code: RefusedCanaryChanged})
	case len(a.Changed) > 0:
		return t.refuse(&Refusal{Code: RefusedStableChanged, Objects: a.Changed})
	}
	t.Phase = Promoting
	t.Reason = reason(a)
	t.begin(a.Run, "promote %s%s", short(t.Plan), because(a.Reason))
	return t.State, Pending(t.State)
}

func (t *transition) reject(a Asked) (State, []Action) {
	switch {
	case t.Phase == Rejected || a.IfActive && !t.Phase.Active():
		return t.State, nil
	case t.Phase == None:
		return t.refuse(&Refusal{Code: RefusedNoRelease})
	case t.Phase == Promoted:
		return t.refuse(&Refusal{Code: RefusedPromoted})
	case t.Phase == Retiring && !a.Untouched: // too late to reject; the canary goes all the same
		t.Weight = 0
		t.begin(a.Run, "reject: stable is the new version already; only the canary is removed")
		return t.State, Pending(t.State)
	}
	text := "reject"
	if t.Phase == Promoting && !a.Untouched {
		t.Mixed = true
		text = "reject during promotion: stable objects may be of the new version already; apply the old version's manifests if they are not wanted"
	}
	t.Phase, t.Weight, t.Peak, t.Grow = Rejecting, 0, 0, false
	t.unhold()
	t.unverified()
	t.Reason = reason(a)
	t.begin(a.Run, "%s%s", text, because(a.Reason))
	return t.State, Pending(t.State)
}

// reason is who decided; whoever asked where nobody else is named.
func reason(a Asked) *Reason {
	return &Reason{By: cmp.Or(a.Reason.By, ByRequest), Text: clip(a.Reason.Text)}
}

func because(r Reason) string {
	if r.Text == "" {
		return ""
	}
	return ": " + r.Text
}
