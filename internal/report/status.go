package report

import (
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// Status is the current state of a release. Its JSON form is a contract with programs.
type Status struct {
	Release   string        `json:"release"`
	Namespace string        `json:"namespace"`
	Phase     rollout.Phase `json:"phase"`
	// Weight is the requested share of the canary, in percent. Verified is the share
	// last measured on the gateways; it is nil if nobody has measured since the last
	// change or no gateway could be asked. Proof is then "model" if the share was
	// computed.
	Weight   int           `json:"weight"`
	Verified *int          `json:"verified"`
	Proof    rollout.Proof `json:"proof,omitempty"`
	// Taken says what the gateways did when they last failed to apply the weight. Seen
	// counts the requests at the weight. Both are nil if unknown.
	Taken *rollout.Taken `json:"taken,omitempty"`
	Seen  *rollout.Seen  `json:"seen,omitempty"`
	Step  int            `json:"step"` // shifts so far
	// Number counts the releases of this name. Most is the largest weight so far.
	Number int `json:"number,omitempty"`
	Most   int `json:"most,omitempty"`
	// Held is the reason why the release waits for somebody to decide.
	Held    string      `json:"held,omitempty"`
	Started time.Time   `json:"started"`
	Run     rollout.Run `json:"run"` // last run that worked on the release
	// Plan is the digest of the manifests. Tested is the digest of the canary's pods and
	// their configuration.
	Plan    string          `json:"plan,omitempty"`
	Tested  string          `json:"tested,omitempty"`
	Images  []rollout.Image `json:"images,omitempty"` // of the new version, from the manifests
	Before  []rollout.Image `json:"before,omitempty"` // of the stable workloads when the release began
	Objects []manifest.ID   `json:"objects"`          // of the canary
	// Warnings are what the derivation of the canary found in the manifests.
	Warnings []rollout.Warning `json:"warnings,omitempty"`
	Events   []rollout.Event   `json:"events"`
	DryRun   bool              `json:"dryRun,omitempty"`
	// Troubles is what was found in the canary's pods when they did not become ready, or
	// before they were removed, the most telling first.
	Troubles []rollout.Trouble `json:"troubles,omitempty"`
	// Kept means that the rejected canary stays, without traffic, until it is rejected again.
	Kept bool `json:"kept,omitempty"`
	// Guarded means that a run has to watch the canary's share. Worker is the process
	// that works on the release now; nil if unknown.
	Guarded bool    `json:"guarded,omitempty"`
	Worker  *Worker `json:"worker,omitempty"`
	// Paused is a person's hold. Gates holds the names of all gates, Passed the gates
	// already passed and by whom. Awaiting is the gate that a run waits for.
	Paused   *rollout.Statement `json:"paused,omitempty"`
	Gates    []string           `json:"gates,omitempty"`
	Passed   []rollout.Approval `json:"passed,omitempty"`
	Awaiting string             `json:"awaiting,omitempty"`
	// Said holds what people and gates said that had an effect, oldest first.
	Said []rollout.Saying `json:"said,omitempty"`
	// Reason is who decided how the release ends, and why. Left is how the last process
	// stopped before that.
	Reason *rollout.Reason `json:"reason,omitempty"`
	Left   *rollout.Left   `json:"left,omitempty"`
	Mixed  bool            `json:"mixed,omitempty"` // rejected while stable was being replaced
	// Braked reports that the gateway did not apply a weight of 0. The canary's Services
	// then select the stable pods, and its own pods have ended.
	Braked bool `json:"braked,omitempty"`
	// Judged is the last judgement, or nil.
	Judged *rollout.Judged `json:"judged,omitempty"`
	// Code is the stable code of what the release waits for, or of why it was rejected.
	Code string `json:"code,omitempty"`
	// Error is why the state cannot be read. The other fields are then unknown.
	Error string `json:"error,omitempty"`
}

// Worker is the process that works on a release.
type Worker struct {
	Holder  string    `json:"holder,omitempty"` // "" if nobody
	Renewed time.Time `json:"renewed,omitzero"` // last renewal of the lease
	Alive   bool      `json:"alive"`
}

// StatusOf returns the status of a release in a state.
func StatusOf(namespace, name string, s rollout.State) Status {
	out := Status{
		Release: name, Namespace: namespace, Phase: s.Phase, Weight: s.Weight, Step: s.Step, Held: s.Held,
		Started: s.Started, Run: s.Run, Plan: s.Plan, Tested: s.Tested, Images: s.Images, Warnings: s.Warnings, Objects: s.Objects,
		Guarded: s.Guarded, Paused: s.Paused, Gates: s.Gates, Passed: s.Passed, Awaiting: s.Awaiting, Said: s.Said, Troubles: s.Troubles, Kept: s.Kept, Reason: s.Reason, Left: s.Left, Mixed: s.Mixed, Braked: s.Braked,
		Taken: s.Taken, Number: s.CurrentNumber(), Most: s.Largest(), Before: s.Before,
	}
	if s.Verified != rollout.Unknown {
		if out.Proof = s.Proof; s.Proof == rollout.SeenOnGateways {
			out.Verified = &s.Verified
		}
	}
	if s.Judged != nil {
		out.Judged = s.Judged.Shown()
		if s.Phase.Active() && s.Judged.Weight == s.Weight {
			out.Seen = s.Judged.Seen
		}
	}
	if out.Objects == nil {
		out.Objects = []manifest.ID{}
	}
	out.Events = coded(s.History)
	out.Code = string(out.code())
	return out
}

// Parked reports that the release is rejected, and its canary is kept without traffic.
func (s Status) Parked() bool {
	return s.Kept && s.Phase == rollout.Rejecting && s.Weight == 0 && (s.Verified != nil && *s.Verified == 0 || s.Proof == rollout.ByModelAlone)
}

// Abandoned reports whether a run should watch the canary's share, but no process does.
func (s Status) Abandoned() bool {
	return s.Guarded && s.Phase.Active() && s.Worker != nil && !s.Worker.Alive
}

// abandoned explains since when nobody works on the release, and what to do.
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

// Sentence describes the state of the release, and what comes next, in one sentence.
func (s Status) Sentence() string {
	switch {
	case s.Error != "":
		return s.Error
	case s.Abandoned():
		return s.abandoned()
	case s.Braked && s.Phase.Active() && s.behind() != "":
		return "no request reaches the canary: " + s.behind() + " at a weight of 0, so its Services select the stable pods and its own pods have ended; see canarize doctor, then run canarize reject again"
	case s.Braked && s.Phase.Active():
		return "the gateway did not apply a weight of 0, so the canary's Services select the stable pods and its own pods have ended; see canarize doctor, then run canarize reject again"
	case s.Held != "":
		return "held: " + s.Held + "; run canarize reject, or continue with --override-hold once the problem is solved"
	}
	if s.Parked() {
		return "rejected; stable serves everything, and the canary is kept without traffic; canarize reject removes it"
	}
	switch s.Phase {
	case rollout.Deploying:
		return "the canary is not ready yet; run canarize deploy again, or canarize reject"
	case rollout.Standing:
		switch {
		case s.Paused != nil:
			return fmt.Sprintf("the canary gets %d %% of the traffic, on hold: %s; canarize resume ends the hold", s.Weight, s.Paused)
		case s.Awaiting != "":
			return fmt.Sprintf("the canary gets %d %% of the traffic, waiting for gate %s; canarize approve lets it pass", s.Weight, s.Awaiting)
		case s.Judged != nil && s.Judged.Metric != "":
			return fmt.Sprintf("the canary gets %d %% of the traffic, held because of %s; if the difference is intended, canarize approve ends the hold", s.Weight, s.Judged.Metric)
		}
		return fmt.Sprintf("the canary gets %d %% of the traffic", s.Weight)
	case rollout.Shifting:
		return fmt.Sprintf("on the way to %d %%; run canarize shift again, or canarize reject", s.Weight)
	case rollout.Promoting:
		return "stable is being replaced; if no process works on it, run canarize promote again"
	case rollout.Retiring:
		return "stable is the new version, the canary is being removed; if no process works on it, run canarize promote again"
	case rollout.Rejecting:
		if behind := s.behind(); behind != "" {
			return "the canary's weight is 0, but " + behind + "; see canarize doctor, and run canarize reject again"
		}
		if s.Verified == nil {
			return "the canary's weight is 0, but no gateway has confirmed it yet; if no process works on it, run canarize reject again"
		}
		if s.Kept {
			return "traffic is back on stable, and the canary is kept; if no process works on it, run canarize reject again"
		}
		return "traffic is back on stable, the canary is being removed; if no process works on it, run canarize reject again"
	case rollout.Promoted:
		return "stable is the new version and serves everything"
	case rollout.Rejected:
		if s.Mixed {
			return "rejected while stable was being replaced, so stable may run the new version; to go back, apply the old version's manifests"
		}
		return "rejected; stable serves everything"
	}
	return "there is no release"
}
