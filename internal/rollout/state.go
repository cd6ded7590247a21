package rollout

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/canarize/canarize/internal/excerpt"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/redact"
)

// Schema is the version of State as it is stored. A State of another version is
// refused rather than guessed at.
const Schema = 1

// Phase is how far a release is.
type Phase string

// The phases of a release. In the phases up to Standing the old version is
// stable; from Retiring on the new one is.
const (
	None      Phase = ""          // there is no release
	Deploying Phase = "deploying" // the canary is being made, without traffic
	Standing  Phase = "standing"  // the canary stands at its weight; nothing is under way
	Shifting  Phase = "shifting"  // the weight is on its way to another
	Promoting Phase = "promoting" // the stable objects are being replaced
	Retiring  Phase = "retiring"  // stable is the new version, the canary is being removed
	Rejecting Phase = "rejecting" // traffic is back on stable, the canary is being removed
	Promoted  Phase = "promoted"  // over: stable is the new version
	Rejected  Phase = "rejected"  // over: stable is the old version
)

// Active says whether there is a canary, or part of one.
func (p Phase) Active() bool { return p != None && p != Promoted && p != Rejected }

// Unknown is a share that nobody has verified.
const Unknown = -1

// State is all that is remembered of a release. It is stored in the cluster
// before the actions that it announces, so that another process can go on or
// back out at any time.
type State struct {
	Schema   int   `json:"schema"`
	Phase    Phase `json:"phase"`
	Weight   int   `json:"weight"`   // percent wanted
	Verified int   `json:"verified"` // percent that the gateways were last seen to give; Unknown
	Step     int   `json:"step"`     // shifts so far

	// Peak is, while shifting or deploying, the largest weight that may be in force or
	// coming.
	// Grow says that the canary may not be large enough for it yet.
	Peak int  `json:"peak,omitempty"`
	Grow bool `json:"grow,omitempty"`

	// Proof says how Verified is known.
	Proof Proof `json:"proof,omitempty"`

	// Plan is the digest of what is to become stable, and Tested that of the
	// canary's pods with their configuration when they became ready.
	Plan   string `json:"plan,omitempty"`
	Tested string `json:"tested,omitempty"`
	// Stable are the digests of the objects that promotion will replace, as they
	// were when the release began. Objects are all that were made for the canary.
	Stable  []Fingerprint `json:"stable,omitempty"`
	Objects []manifest.ID `json:"objects,omitempty"`

	// Images are what the canary runs, by the manifests; kept when it is over.
	Images []Image `json:"images,omitempty"`

	// Held says why nothing moves until somebody decides; "" when it may.
	Held string `json:"held,omitempty"`
	// Unready says that the release is held because the canary's pods did not become
	// ready.
	Unready bool `json:"unready,omitempty"`
	// Guarded says that a run watches the canary's share. Without one it may have none,
	// unless the user chose otherwise. A share of shift is not guarded: whoever shifts
	// step by step judges by other means.
	Guarded bool `json:"guarded,omitempty"`
	// Paused is the hold of a person that a run has heard; nil where nobody holds it.
	Paused *Word `json:"paused,omitempty"`
	// Gates are the names of all gates, where they are known, and Passed those that
	// agreed. Awaiting is the manual gate that a run waits for.
	Gates    []string  `json:"gates,omitempty"`
	Passed   []Passage `json:"passed,omitempty"`
	Awaiting string    `json:"awaiting,omitempty"`
	// Reason says who decided how the release ends and why; nil before that.
	Reason *Reason `json:"reason,omitempty"`
	// Mixed says that the release was rejected while stable was being replaced: stable
	// objects may be of the new version.
	Mixed bool `json:"mixed,omitempty"`
	// Left says how the last process stopped working on the release before it was
	// over; nil while one works, or was killed.
	Left *Left `json:"left,omitempty"`
	// Braked reports that the gateway did not take a weight of 0, so that the canary's
	// Services lead to the stable pods and its own pods have ended. A deployment undoes it.
	Braked bool `json:"braked,omitempty"`
	// Corrections is how often a weight that somebody else moved was put back.
	Corrections int `json:"corrections,omitempty"`

	// Judged is what the judge said last; nil where nobody judged.
	Judged *Judged `json:"judged,omitempty"`

	Started time.Time `json:"started"`
	// Ready is when the canary's pods had become ready.
	Ready time.Time `json:"ready,omitzero"`
	Run   Run       `json:"run"`
	// Total is the number of events so far, of which History has the last.
	Total   int     `json:"total"`
	History []Event `json:"history,omitempty"`
}

// Proof says how a share is known.
type Proof string

// How a share can be known: it was seen on every gateway, or computed by the model of
// the gateway because there was none to ask. A share that was computed is not verified.
const (
	SeenOnGateways Proof = "gateway"
	ByModelAlone   Proof = "model"
)

// Decider is who decided something.
type Decider string

// Who can decide how a release ends.
const (
	ByRequest  Decider = "request"  // whoever ran the verb
	ByJudge    Decider = "judge"    // the judge, by what was measured
	ByDeadline Decider = "deadline" // nothing was decided in time
	ByPerson   Decider = "person"   // somebody said it to a run
	ByGate     Decider = "gate"     // a gate refused
	ByPods     Decider = "pods"     // the canary's pods did not become ready
	ByFailure  Decider = "failure"  // something outside the release failed before the canary stood
)

// Reason says who decided, and why.
type Reason struct {
	By   Decider `json:"by"`
	Text string  `json:"text,omitempty"`
}

// Left says how a process stopped working on a release that is not over.
type Left struct {
	Cause EndCause  `json:"cause"`
	At    time.Time `json:"at"`
	Text  string    `json:"text,omitempty"`
}

// Fingerprint is an object as it was. An empty digest means that it was absent.
type Fingerprint struct {
	ID     manifest.ID `json:"id"`
	Digest string      `json:"digest"`
}

// Image is what a container runs.
type Image struct {
	Workload  manifest.ID `json:"workload"` // of the stable version
	Container string      `json:"container"`
	Image     string      `json:"image"`
}

// Run says who carries a release out.
type Run struct {
	System  string `json:"system,omitempty"` // such as Azure Pipelines; "" is a person's terminal
	ID      string `json:"id,omitempty"`
	URL     string `json:"url,omitempty"`
	Attempt string `json:"attempt,omitempty"`
	Holder  string `json:"holder,omitempty"` // the process, as the lock names it
}

// EventKind says what sort of thing happened.
type EventKind string

// The kinds of events.
const (
	EventAsked     EventKind = "asked"     // somebody wants something
	EventPhase     EventKind = "phase"     // the release entered another phase
	EventFailed    EventKind = "failed"    // an action failed
	EventHeld      EventKind = "held"      // nothing moves until somebody decides
	EventCorrected EventKind = "corrected" // something that somebody else did was put right
	EventJudged    EventKind = "judged"    // the judge says something else than before
	EventWaiting   EventKind = "waiting"   // a person has to do something
	EventCancelled EventKind = "cancelled" // the process was asked to end
	EventSaid      EventKind = "said"      // a person or a gate said something
	EventProgress  EventKind = "progress"  // an action is under way; not kept
)

// Event is something that happened to a release.
type Event struct {
	Time   time.Time `json:"time"`
	Kind   EventKind `json:"kind"`
	Phase  Phase     `json:"phase"`
	Weight int       `json:"weight"`
	Text   string    `json:"text"`
	// Run says who asked, where somebody did.
	Run Run `json:"run,omitzero"`
	// Judged is what was measured, of progress while the judge watches; without what
	// only the judge needs.
	Judged *Judged `json:"judged,omitempty"`
	// Cause is the error or Refusal behind the text, for the faces; not kept.
	Cause error `json:"-"`
}

// Saying is the event with a text. An error among args is its cause.
func (e Event) Saying(format string, args ...any) Event {
	e.Text = fmt.Sprintf(format, args...)
	for _, arg := range args {
		if err, is := arg.(error); is {
			e.Cause = err
		}
	}
	return e
}

// Bounds of what is kept, so that a State stays far below the 1 MiB that an
// object may have.
const (
	maxHistory = 60
	maxText    = 500 // bytes of one text
)

// clip takes what looks like a secret out of a text that is to be remembered, whoever
// wrote it, and bounds it.
func clip(text string) string { return bounded(redact.Text(text)) }

// bounded bounds a text, and what it becomes in JSON: of control characters and such
// that is six times as much.
func bounded(text string) string {
	for most := maxText; ; most /= 2 {
		cut := excerpt.Cut(text, most)
		if stored, err := json.Marshal(cut); err != nil || len(stored) <= 2*maxText {
			return cut
		}
	}
}

// ParseState reads a stored State. It is no more believed than anything that others may
// have written: what canarize never writes is refused.
func ParseState(text []byte) (State, error) {
	var version struct{ Schema int }
	if err := json.Unmarshal(text, &version); err != nil {
		return State{}, damaged(err)
	}
	if version.Schema != Schema {
		return State{}, &Refusal{Code: RefusedSchema, Version: strconv.Itoa(version.Schema)}
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		return State{}, damaged(err)
	}
	if err := s.check(); err != nil {
		return State{}, damaged(err)
	}
	return s, nil
}

func damaged(err error) error { return &Refusal{Code: RefusedDamaged, Err: err} }

// check finds what no release can be.
func (s State) check() error {
	phases := []Phase{Deploying, Standing, Shifting, Promoting, Retiring, Rejecting, Promoted, Rejected}
	if !slices.Contains(phases, s.Phase) {
		return fmt.Errorf("phase is %q, and it has to be one of %q", clip(string(s.Phase)), phases)
	}
	for _, n := range []struct {
		name             string
		value, low, high int
	}{
		{"weight", s.Weight, 0, 100}, {"verified", s.Verified, Unknown, 100}, {"peak", s.Peak, 0, 100},
		{"step", s.Step, 0, math.MaxInt32}, {"corrections", s.Corrections, 0, math.MaxInt32}, {"total", s.Total, 0, math.MaxInt32},
	} {
		if n.value < n.low || n.value > n.high {
			return fmt.Errorf("%s is %d, and it has to be from %d to %d", n.name, n.value, n.low, n.high)
		}
	}
	return nil
}
