package report

import (
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
	// have to select the stable pods then, and its own pods have to end; Cut reports that
	// this is known to be done.
	Braked bool `json:"braked,omitempty"`
	Cut    bool `json:"cut,omitempty"`
	// Judged is the last judgement, or nil.
	Judged *rollout.Judged `json:"judged,omitempty"`
	// Code is the stable code of what the release waits for, or of why it was rejected.
	Code string `json:"code,omitempty"`
	// Unchanged reports that a run has released nothing, because the cluster has exactly its
	// manifests. The other fields are of the release before.
	Unchanged bool `json:"unchanged,omitempty"`
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
		Guarded: s.Guarded, Paused: s.Paused, Gates: s.Gates, Passed: s.Passed, Awaiting: s.Awaiting, Said: s.Said, Troubles: s.Troubles, Kept: s.Kept, Reason: s.Reason, Left: s.Left, Mixed: s.Mixed, Braked: s.Braked, Cut: s.Cut,
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

// NeedsPerson reports whether nothing goes on until a person says or does something.
func (s Status) NeedsPerson() bool {
	return s.Error != "" || s.Phase.Active() && (s.Held != "" || s.Awaiting != "" || s.Paused != nil || s.Braked || s.Left != nil || s.Parked() || s.Abandoned() || s.holdingMetric() != "")
}
