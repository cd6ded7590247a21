package rollout

import (
	"cmp"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// Fresh holds what a deployment starts with.
type Fresh struct {
	Plan    string // digest of the new version
	Stable  []Fingerprint
	Objects []manifest.ID // the canary's objects
	Images  []Image
	Gates   []string // names of all gates
}

func (t *transition) requested(a Request) (State, []Action) {
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

// refuse changes nothing.
func (t *transition) refuse(why *Refusal) (State, []Action) {
	return t.State, []Action{{Kind: Refuse, Reason: why}}
}

// begin records the request and who made it.
func (t *transition) begin(run Run, format string, args ...any) {
	t.Run, t.Left = run, nil
	t.addEvent(EventAsked, format, args...)
	t.History[len(t.History)-1].Run = run
}

// Is reports whether the release is of the given version. A version is named by at least
// the first eight digits of its plan's digest, by an image, or by an image's digest. ""
// matches every version.
func (s State) Is(version string) bool {
	if version == "" || len(version) >= 8 && strings.HasPrefix(s.Plan, version) {
		return true
	}
	return slices.ContainsFunc(s.Images, func(i Image) bool {
		_, digest, _ := strings.Cut(i.Image, "@")
		return i.Image == version || digest != "" && digest == version
	})
}

func (t *transition) deploy(a Request) (State, []Action) {
	switch {
	case t.Phase == Promoting || t.Phase == Retiring:
		return t.refuse(&Refusal{Code: RefusedPromoting})
	case t.Phase == Rejecting:
		return t.refuse(&Refusal{Code: RefusedRejecting})
	case t.Phase == Shifting && t.Plan == a.Fresh.Plan && t.Tested != "":
		return t.refuse(&Refusal{Code: RefusedShifting, Weight: t.Weight})
	case t.Phase == Standing && t.Plan == a.Fresh.Plan:
		t.Guarded = t.Guarded || a.Guarded // a killed run left the share; it must not stay
		return t.State, []Action{{Kind: WaitCanary}, {Kind: Verify, Weight: t.Weight}}
	}
	fresh := State{
		Schema: Schema, Phase: Deploying, Verified: Unknown, Started: t.now.Time.UTC(),
		Plan: a.Fresh.Plan, Stable: a.Fresh.Stable, Objects: a.Fresh.Objects, Images: a.Fresh.Images,
		Gates: a.Fresh.Gates, Guarded: a.Guarded, Total: t.Total, History: t.History,
	}
	if t.Phase.Active() { // the objects of the earlier version are removed in the end, too
		for _, id := range t.Objects {
			if !slices.Contains(fresh.Objects, id) {
				fresh.Objects = append(slices.Clip(fresh.Objects), id)
			}
		}
	}
	if t.Phase.Active() && t.Plan == a.Fresh.Plan { // the same release, started again
		fresh.Stable, fresh.Started, fresh.Passed = t.Stable, t.Started, t.Passed
	}
	t.State = fresh
	t.begin(a.Run, "deploy %s", short(a.Fresh.Plan))
	return t.State, Pending(t.State)
}

func short(digest string) string { return digest[:min(len(digest), 12)] }

func (t *transition) shift(a Request) (State, []Action) {
	switch {
	case a.Weight < 0 || a.Weight > t.spec.Limit:
		return t.refuse(&Refusal{Code: RefusedWeight, Weight: a.Weight, Limit: t.spec.Limit})
	case t.Phase == Deploying:
		return t.refuse(&Refusal{Code: RefusedNotReady})
	case t.Phase != Standing && t.Phase != Shifting:
		return t.refuse(&Refusal{Code: RefusedNoCanary, Phase: t.Phase})
	case !t.Is(a.Version):
		return t.refuse(Mismatch(t.State, a.Version))
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
	if t.Phase == Shifting { // how far the earlier shift came is unknown
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

func (t *transition) promote(a Request) (State, []Action) {
	switch t.Phase {
	case Promoted:
		return t.State, nil
	case Promoting, Retiring:
		t.begin(a.Run, "promote, started earlier")
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

func (t *transition) reject(a Request) (State, []Action) {
	switch {
	case t.Phase == Rejected || a.IfActive && !t.Phase.Active():
		return t.State, nil
	case t.Phase == None:
		return t.refuse(&Refusal{Code: RefusedNoRelease})
	case t.Phase == Promoted:
		return t.refuse(&Refusal{Code: RefusedPromoted})
	case t.Phase == Retiring && !a.Untouched: // too late to reject, but the canary is still removed
		t.Weight = 0
		t.begin(a.Run, "reject: stable is already the new version; only the canary is removed")
		return t.State, Pending(t.State)
	}
	text := "reject"
	if t.Phase == Promoting && !a.Untouched {
		t.Mixed = true
		text = "reject during promotion: stable objects may already be of the new version; apply the old version's manifests to go back"
	}
	t.Phase, t.Weight, t.Peak, t.Grow = Rejecting, 0, 0, false
	t.unhold()
	t.unverified()
	t.Reason = reason(a)
	t.begin(a.Run, "%s%s", text, because(a.Reason))
	return t.State, Pending(t.State)
}

// reason returns who decided, and why. If nobody is named, whoever made the request
// decided.
func reason(a Request) *Reason {
	return &Reason{By: cmp.Or(a.Reason.By, ByRequest), Text: clip(a.Reason.Text)}
}

func because(r Reason) string {
	if r.Text == "" {
		return ""
	}
	return ": " + r.Text
}
