package report

import (
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// Status is where a release stands. Its JSON is what programs read.
type Status struct {
	Release   string        `json:"release"`
	Namespace string        `json:"namespace"`
	Phase     rollout.Phase `json:"phase"`
	// Weight is the canary's share in percent that is wanted, and Verified the one
	// that the gateways were last seen to give; nil when nobody has looked since the
	// last change, or no gateway could be asked. Proof is model where there was none:
	// the share is computed then, and not verified.
	Weight   int           `json:"weight"`
	Verified *int          `json:"verified"`
	Proof    rollout.Proof `json:"proof,omitempty"`
	Step     int  `json:"step"` // shifts so far
	// Held says why nothing moves until somebody decides.
	Held    string      `json:"held,omitempty"`
	Started time.Time   `json:"started"`
	Run     rollout.Run `json:"run"` // who worked on it last
	// Plan is the digest of the manifests, Tested that of the canary's pods with
	// their configuration.
	Plan    string          `json:"plan,omitempty"`
	Tested  string          `json:"tested,omitempty"`
	Images  []rollout.Image `json:"images,omitempty"` // of the new version, by the manifests
	Objects []manifest.ID   `json:"objects"`          // of the canary
	Events  []rollout.Event `json:"events"`
	DryRun  bool            `json:"dryRun,omitempty"`
	// Judged is what the judge said last; nil where nobody judged.
	Judged *rollout.Judged `json:"judged,omitempty"`
	// Error says why the state cannot be read; then nothing else is known.
	Error string `json:"error,omitempty"`
}

// StatusOf tells where a release stands.
func StatusOf(namespace, name string, s rollout.State) Status {
	out := Status{
		Release: name, Namespace: namespace, Phase: s.Phase, Weight: s.Weight, Step: s.Step, Held: s.Held,
		Started: s.Started, Run: s.Run, Plan: s.Plan, Tested: s.Tested, Images: s.Images, Objects: s.Objects, Events: s.History,
	}
	if s.Verified != rollout.Unknown {
		if out.Proof = s.Proof; s.Proof == rollout.SeenOnGateways {
			out.Verified = &s.Verified
		}
	}
	if s.Judged != nil {
		out.Judged = s.Judged.Shown()
	}
	if out.Objects == nil {
		out.Objects = []manifest.ID{}
	}
	if out.Events == nil {
		out.Events = []rollout.Event{}
	}
	return out
}

// Sentence says in one sentence where the release stands, and what comes next.
func (s Status) Sentence() string {
	switch {
	case s.Error != "":
		return s.Error
	case s.Held != "":
		return "held: " + s.Held
	}
	switch s.Phase {
	case rollout.Deploying:
		return "the canary is not ready yet; run canarize deploy again, or canarize reject"
	case rollout.Standing:
		return fmt.Sprintf("the canary gets %d %% of the traffic", s.Weight)
	case rollout.Shifting:
		return fmt.Sprintf("on the way to %d %%; run canarize shift again, or canarize reject", s.Weight)
	case rollout.Promoting:
		return "stable is being replaced; run canarize promote again if nobody does"
	case rollout.Retiring:
		return "stable is the new version, the canary is being removed; run canarize promote again if nobody does"
	case rollout.Rejecting:
		return "traffic is back on stable, the canary is being removed; run canarize reject again if nobody does"
	case rollout.Promoted:
		return "stable is the new version and serves everything"
	case rollout.Rejected:
		return "rejected; stable serves everything"
	}
	return "there is no release"
}
