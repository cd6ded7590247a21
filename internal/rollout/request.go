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
	Before  []Image // of the stable workloads
	// Warnings are what the derivation found in the manifests.
	Warnings []Warning
	Gates    []string // names of all gates
}

func (t *transition) requested(r Request) (State, []Action) {
	switch r.Verb {
	case Deploy:
		return t.deploy(r)
	case Shift:
		return t.shift(r)
	case Promote:
		return t.promote(r)
	case Reject:
		return t.reject(r)
	}
	return t.refuse(&Refusal{Code: RefusedVerb, Verb: r.Verb})
}

// refuse changes nothing.
func (t *transition) refuse(why *Refusal) (State, []Action) {
	return t.State, []Action{{Kind: Refuse, Reason: why}}
}

// maxRunText bounds a commit and an author, in bytes: every request in the record names its
// run.
const maxRunText = 100

// begin records the request and who made it.
func (t *transition) begin(run Run, format string, args ...any) {
	run.Commit, run.Author = cut(run.Commit, maxRunText), cut(run.Author, maxRunText)
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

func (t *transition) deploy(r Request) (State, []Action) {
	switch {
	case t.Phase == Promoting || t.Phase == Retiring:
		return t.refuse(&Refusal{Code: RefusedPromoting})
	case t.Phase == Rejecting:
		return t.refuse(&Refusal{Code: RefusedRejecting})
	case t.Phase == Shifting && t.Plan == r.Fresh.Plan && t.Tested != "" && !t.Braked:
		return t.refuse(&Refusal{Code: RefusedShifting, Weight: t.Weight})
	case t.Phase == Standing && t.Plan == r.Fresh.Plan && !t.Braked:
		t.Guarded = t.Guarded || r.Guarded // a killed run left the share; it must not stay
		return t.State, []Action{{Kind: WaitCanary}, {Kind: Verify, Weight: t.Weight}}
	}
	fresh := State{
		Schema: Schema, Phase: Deploying, Verified: Unknown, Started: t.now.Time.UTC(),
		Number: t.nextNumber(),
		Plan:   r.Fresh.Plan, Stable: r.Fresh.Stable, Objects: r.Fresh.Objects, Images: r.Fresh.Images, Before: r.Fresh.Before,
		Warnings: clipWarnings(r.Fresh.Warnings),
		Gates:    r.Fresh.Gates, Guarded: r.Guarded, Total: t.Total, History: t.History,
		Braked: t.Braked && t.Phase.Active(), Taken: t.Taken,
	}
	if t.Phase.Active() { // the objects of the earlier version are removed in the end, too
		fresh.Peak = max(t.Weight, t.Peak, t.Verified, 0)
		for _, id := range t.Objects {
			if !slices.Contains(fresh.Objects, id) {
				fresh.Objects = append(slices.Clip(fresh.Objects), id)
			}
		}
	}
	if t.Phase.Active() && t.Plan == r.Fresh.Plan { // the same release, started again
		fresh.Stable, fresh.Started, fresh.Passed = t.Stable, t.Started, t.Passed
		fresh.Number, fresh.Most, fresh.Before, fresh.Said = t.CurrentNumber(), t.Most, t.Before, t.Said
	}
	t.State = fresh
	t.begin(r.Run, "deploy %s", t.what())
	return t.State, Pending(t.State)
}

func short(digest string) string { return digest[:min(len(digest), 12)] }

func (t *transition) shift(r Request) (State, []Action) {
	switch {
	case r.Weight < 0 || r.Weight > t.spec.Limit:
		return t.refuse(&Refusal{Code: RefusedWeight, Weight: r.Weight, Limit: t.spec.Limit})
	case t.Phase == Deploying:
		return t.refuse(&Refusal{Code: RefusedNotReady})
	case t.Phase != Standing && t.Phase != Shifting:
		return t.refuse(&Refusal{Code: RefusedNoCanary, Phase: t.Phase})
	case !t.Is(r.Version):
		return t.refuse(Mismatch(t.State, r.Version))
	case t.Braked && r.Weight > 0:
		return t.refuse(&Refusal{Code: RefusedBraked})
	case t.Held != "" && !r.Override && r.Weight > 0:
		return t.refuse(Held(t.State))
	case t.Phase == Standing && t.Weight == r.Weight && t.Verified == r.Weight:
		t.Guarded = r.Guarded
		if r.Override {
			t.unhold()
			t.Corrections = 0
		}
		return t.State, []Action{{Kind: Verify, Weight: r.Weight}}
	}
	before := t.Weight
	if t.Phase == Shifting { // how far the earlier shift came is unknown
		t.unverified()
		t.Peak, t.Grow = max(t.Peak, r.Weight), true
	} else {
		t.Peak, t.Grow = max(t.Weight, r.Weight), r.Weight > t.Weight
	}
	t.Phase, t.Weight, t.Guarded = Shifting, r.Weight, r.Guarded
	if r.Override {
		t.unhold()
		t.Corrections = 0
	}
	t.Step++
	t.begin(r.Run, "shift from %d %% to %d %%", before, r.Weight)
	return t.State, Pending(t.State)
}

func (t *transition) promote(r Request) (State, []Action) {
	switch t.Phase {
	case Promoted:
		return t.State, nil
	case Promoting, Retiring:
		t.begin(r.Run, "promote, started earlier")
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
	case !t.Is(r.Version):
		return t.refuse(Mismatch(t.State, r.Version))
	case t.Braked:
		return t.refuse(&Refusal{Code: RefusedBraked})
	case t.Held != "" && !r.Override:
		return t.refuse(Held(t.State))
	case t.Weight == 0 && !r.Untested:
		return t.refuse(&Refusal{Code: RefusedUntested})
	case t.Weight > 0 && t.Proof != SeenOnGateways && !r.Unverified:
		return t.refuse(&Refusal{Code: RefusedUnverified, Weight: t.Weight})
	case t.Tested == "" || r.Tested != t.Tested:
		return t.refuse(&Refusal{Code: RefusedCanaryChanged})
	case len(r.Changed) > 0:
		return t.refuse(&Refusal{Code: RefusedStableChanged, Objects: r.Changed})
	}
	t.Phase = Promoting
	t.Reason = reason(r)
	t.begin(r.Run, "promote %s%s", t.what(), because(r.Reason))
	return t.State, Pending(t.State)
}

func (t *transition) reject(r Request) (State, []Action) {
	switch {
	case t.Phase == Rejected || r.IfActive && (!t.Phase.Active() || t.Parked()):
		return t.State, nil
	case t.Phase == None:
		return t.refuse(&Refusal{Code: RefusedNoRelease})
	case t.Phase == Promoted:
		return t.refuse(&Refusal{Code: RefusedPromoted})
	case t.Phase == Retiring && !r.Untouched: // too late to reject, but the canary is still removed
		t.Weight = 0
		t.begin(r.Run, "reject: stable is already the new version; only the canary is removed")
		return t.State, Pending(t.State)
	}
	text, decided := strings.TrimSpace("reject "+t.Versions()), t.Phase == Rejecting
	if t.Phase == Promoting && !r.Untouched {
		t.Mixed = true
		text = "reject during promotion: stable objects may already be of the new version; apply the old version's manifests to go back"
	}
	t.Kept = r.Keep && !t.Mixed
	t.Phase, t.Weight, t.Peak, t.Grow = Rejecting, 0, 0, false
	t.unhold()
	t.unverified()
	if t.Reason == nil || !decided { // whoever finishes a rejection did not decide
		t.Reason = reason(r)
	}
	if s := r.Statement; s != nil {
		t.said(Saying{Kind: SaidReject, Text: s.Text, By: s.By, At: s.At})
	}
	t.begin(r.Run, "%s%s", text, because(r.Reason))
	return t.State, Pending(t.State)
}

// reason returns who decided, and why. If nobody is named, whoever made the request
// decided.
func reason(r Request) *Reason {
	return &Reason{By: cmp.Or(r.Reason.By, ByRequest), Text: clip(r.Reason.Text)}
}

func because(r Reason) string {
	if r.Text == "" {
		return ""
	}
	return ": " + r.Text
}
