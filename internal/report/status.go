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
	Step     int           `json:"step"` // shifts so far
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
	// Guarded says that a run has to watch the canary's share, and Worker who works on the
	// release now; nil where that is not known.
	Guarded bool    `json:"guarded,omitempty"`
	Worker  *Worker `json:"worker,omitempty"`
	// Paused is the hold of a person, Gates are the names of all gates, Passed those that
	// agreed and who let the release pass. Awaiting is the gate that a run waits for.
	Paused   *rollout.Word     `json:"paused,omitempty"`
	Gates    []string          `json:"gates,omitempty"`
	Passed   []rollout.Passage `json:"passed,omitempty"`
	Awaiting string            `json:"awaiting,omitempty"`
	// Reason says who decided how the release ends, and Left how the last process
	// stopped working on it before that.
	Reason *rollout.Reason `json:"reason,omitempty"`
	Left   *rollout.Left   `json:"left,omitempty"`
	Mixed  bool            `json:"mixed,omitempty"` // rejected while stable was being replaced
	// Braked reports that the gateway did not take a weight of 0, so that the canary's
	// Services lead to the stable pods and its own pods have ended.
	Braked bool `json:"braked,omitempty"`
	// Judged is what the judge said last; nil where nobody judged.
	Judged *rollout.Judged `json:"judged,omitempty"`
	// Error says why the state cannot be read; then nothing else is known.
	Error string `json:"error,omitempty"`
}

// Worker is the process that works on a release.
type Worker struct {
	Holder  string    `json:"holder,omitempty"` // "" is nobody
	Renewed time.Time `json:"renewed,omitzero"` // when it showed last that it is alive
	Alive   bool      `json:"alive"`
}

// StatusOf tells where a release stands.
func StatusOf(namespace, name string, s rollout.State) Status {
	out := Status{
		Release: name, Namespace: namespace, Phase: s.Phase, Weight: s.Weight, Step: s.Step, Held: s.Held,
		Started: s.Started, Run: s.Run, Plan: s.Plan, Tested: s.Tested, Images: s.Images, Objects: s.Objects, Events: s.History,
		Guarded: s.Guarded, Paused: s.Paused, Gates: s.Gates, Passed: s.Passed, Awaiting: s.Awaiting, Reason: s.Reason, Left: s.Left, Mixed: s.Mixed, Braked: s.Braked,
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

// Abandoned says that a run was to watch the canary's share, and nobody does.
func (s Status) Abandoned() bool {
	return s.Guarded && s.Phase.Active() && s.Worker != nil && !s.Worker.Alive
}

// abandoned says since when nobody works on the release, and what to do.
func (s Status) abandoned() string {
	since := ""
	if w := s.Worker; w.Holder != "" {
		since = fmt.Sprintf(" since %s (%s was killed)", w.Renewed.UTC().Format(time.RFC3339), w.Holder)
	}
	if s.Weight == 0 {
		return fmt.Sprintf("nobody works on it%s; the canary gets no traffic. Run canarize run again, or canarize reject", since)
	}
	return fmt.Sprintf("nobody works on it%s, and nobody watches the canary's %d %%; run canarize run again, or canarize reject", since, s.Weight)
}

// Sentence says in one sentence where the release stands, and what comes next.
func (s Status) Sentence() string {
	switch {
	case s.Error != "":
		return s.Error
	case s.Abandoned():
		return s.abandoned()
	case s.Braked && s.Phase.Active():
		return "the gateway has not taken the traffic off the canary, so its Services lead to the stable pods and its own pods have ended; see canarize doctor, then run canarize reject again"
	case s.Held != "":
		return "held: " + s.Held + "; run canarize reject, or go on with --override-hold once that is settled"
	}
	switch s.Phase {
	case rollout.Deploying:
		return "the canary is not ready yet; run canarize deploy again, or canarize reject"
	case rollout.Standing:
		switch {
		case s.Paused != nil:
			return fmt.Sprintf("the canary gets %d %% of the traffic, on hold: %s; canarize resume ends that", s.Weight, s.Paused)
		case s.Awaiting != "":
			return fmt.Sprintf("the canary gets %d %% of the traffic, waiting for gate %s; canarize approve lets it pass", s.Weight, s.Awaiting)
		}
		return fmt.Sprintf("the canary gets %d %% of the traffic", s.Weight)
	case rollout.Shifting:
		return fmt.Sprintf("on the way to %d %%; run canarize shift again, or canarize reject", s.Weight)
	case rollout.Promoting:
		return "stable is being replaced; run canarize promote again if nobody does"
	case rollout.Retiring:
		return "stable is the new version, the canary is being removed; run canarize promote again if nobody does"
	case rollout.Rejecting:
		if s.Verified == nil {
			return "the canary's weight is 0, and no gateway was seen to take it yet; run canarize reject again if nobody does"
		}
		return "traffic is back on stable, the canary is being removed; run canarize reject again if nobody does"
	case rollout.Promoted:
		return "stable is the new version and serves everything"
	case rollout.Rejected:
		if s.Mixed {
			return "rejected while stable was being replaced, which may be of the new version; apply the old version's manifests to go back"
		}
		return "rejected; stable serves everything"
	}
	return "there is no release"
}
