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

// Schema is the version of the stored State. A State of another version is refused.
const Schema = 1

// Phase names how far a release has come.
type Phase string

// The phases of a release. The old version is stable until Promoting replaces it. In
// Retiring and Promoted the new version is stable.
const (
	None      Phase = ""          // there is no release
	Deploying Phase = "deploying" // the canary is being created, without traffic
	Standing  Phase = "standing"  // the canary stands at its weight; nothing is in progress
	Shifting  Phase = "shifting"  // the weight is being changed
	Promoting Phase = "promoting" // the stable objects are being replaced
	Retiring  Phase = "retiring"  // stable is the new version, the canary is being removed
	Rejecting Phase = "rejecting" // traffic is back on stable, the canary is being removed
	Promoted  Phase = "promoted"  // over: stable is the new version
	Rejected  Phase = "rejected"  // over: stable is the old version

	// Superseded is the ending, in a History, of a release that was not over when another
	// version was deployed. No State has it.
	Superseded Phase = "superseded"
)

// Active reports whether a canary exists, or a part of one.
func (p Phase) Active() bool { return p != None && p != Promoted && p != Rejected && p != Superseded }

// Unknown is the value of a share that nobody has verified.
const Unknown = -1

// State is everything that is stored about a release. It is stored in the cluster before
// the actions it announces, so that another process can continue or back out at any time.
type State struct {
	Schema   int   `json:"schema"`
	Phase    Phase `json:"phase"`
	Weight   int   `json:"weight"`   // wanted, in percent
	Verified int   `json:"verified"` // percent that the gateways last gave; may be Unknown
	Step     int   `json:"step"`     // number of shifts

	// Number counts the releases of this name; 0 in the State of an earlier canarize.
	// Most is the largest weight that was in force, in percent.
	Number int `json:"number,omitempty"`
	Most   int `json:"most,omitempty"`

	// Peak is, while shifting or deploying, the largest weight that may be or come into
	// force. Grow reports that the canary may still be too small for it.
	Peak int  `json:"peak,omitempty"`
	Grow bool `json:"grow,omitempty"`

	// Proof says how Verified was determined.
	Proof Proof `json:"proof,omitempty"`
	// Taken says what the gateways did when they last failed to apply a weight; nil after
	// they have applied one.
	Taken *Taken `json:"taken,omitempty"`

	// Plan is the digest of the new version. Tested is the digest of the canary's pods
	// and their configuration at the time they became ready.
	Plan   string `json:"plan,omitempty"`
	Tested string `json:"tested,omitempty"`
	// Stable holds the digests of the objects that a promotion replaces, from before the
	// release. Objects lists everything created for the canary.
	Stable  []Fingerprint `json:"stable,omitempty"`
	Objects []manifest.ID `json:"objects,omitempty"`

	// Images are the images of the canary, from the manifests. Before are those of the
	// stable workloads when the release began. Both are kept when the release is over.
	Images []Image `json:"images,omitempty"`
	Before []Image `json:"before,omitempty"`

	// Warnings are what the derivation of the canary found in the manifests, the most
	// harmful first. They are kept when the release is over.
	Warnings []Warning `json:"warnings,omitempty"`

	// Held says why nothing continues until somebody decides; "" if nothing is held.
	Held string `json:"held,omitempty"`
	// Unready reports that the release is held because the canary's pods did not become
	// ready.
	Unready bool `json:"unready,omitempty"`
	// Troubles is what was found in the canary's pods when they did not become ready, or
	// before they were removed; empty while all is well. It is kept when the release is over.
	Troubles []Trouble `json:"troubles,omitempty"`
	// Kept reports that the rejected canary stays, without traffic, until somebody rejects
	// the release again.
	Kept bool `json:"kept,omitempty"`
	// Guarded reports that a run watches the canary's share. If the run ends, the share
	// becomes 0, unless the user chose otherwise. A share set by shift is not guarded:
	// whoever shifts step by step judges by other means.
	Guarded bool `json:"guarded,omitempty"`
	// Paused is the hold of a person as far as a run has read it; nil if nobody holds the
	// release.
	Paused *Statement `json:"paused,omitempty"`
	// Gates are the names of all gates, if known. Passed lists the gates that agreed.
	// Awaiting is the manual gate for which a run waits.
	Gates    []string   `json:"gates,omitempty"`
	Passed   []Approval `json:"passed,omitempty"`
	Awaiting string     `json:"awaiting,omitempty"`
	// Said holds what people and gates said that had an effect, oldest first. It is kept
	// when the release is over.
	Said []Saying `json:"said,omitempty"`
	// Reason says who decided how the release ends, and why; nil before that.
	Reason *Reason `json:"reason,omitempty"`
	// Mixed reports that the release was rejected during its promotion: some stable
	// objects may be of the new version.
	Mixed bool `json:"mixed,omitempty"`
	// Left says how the last process stopped before the release was over; nil while a
	// process works on it, or after one was killed.
	Left *Left `json:"left,omitempty"`
	// Braked reports that the gateway did not apply a weight of 0. The canary's Services
	// have to select the stable pods then, and its own pods have to end. Cut reports that
	// this is known to be done. A deployment undoes both.
	Braked bool `json:"braked,omitempty"`
	Cut    bool `json:"cut,omitempty"`
	// Corrections counts how often a weight that somebody else changed was set back.
	Corrections int `json:"corrections,omitempty"`

	// Judged is the last judgement; nil before the first.
	Judged *Judged `json:"judged,omitempty"`

	Started time.Time `json:"started"`
	// Ready is the time at which the canary's pods became ready.
	Ready time.Time `json:"ready,omitzero"`
	Run   Run       `json:"run"`
	// Total counts all events. History holds the last of them.
	Total   int     `json:"total"`
	History []Event `json:"history,omitempty"`
}

// Proof says how a share was determined.
type Proof string

// The proofs: every gateway was asked, or the model of the gateway computed the share
// because no gateway could be asked. A computed share is not verified.
const (
	SeenOnGateways Proof = "gateway"
	ByModelAlone   Proof = "model"
)

// Decider names who decided.
type Decider string

// Who can decide how a release ends.
const (
	ByRequest  Decider = "request"  // whoever ran the verb
	ByJudge    Decider = "judge"    // the judge, from the metrics
	ByDeadline Decider = "deadline" // the deadline passed without a verdict
	ByPerson   Decider = "person"   // a person, by an annotation read by a run
	ByGate     Decider = "gate"     // a gate that refused
	ByPods     Decider = "pods"     // the canary's pods did not become ready
	ByFailure  Decider = "failure"  // something outside the release failed before the canary stood
)

// Reason says who decided, and why.
type Reason struct {
	By   Decider `json:"by"`
	Text string  `json:"text,omitempty"`
}

// Left says how a process stopped working on an unfinished release.
type Left struct {
	Cause EndCause  `json:"cause"`
	At    time.Time `json:"at"`
	Text  string    `json:"text,omitempty"`
}

// Fingerprint is the digest of an object at some time. An empty digest means that the
// object did not exist.
type Fingerprint struct {
	ID     manifest.ID `json:"id"`
	Digest string      `json:"digest"`
}

// Image is the image of a container.
type Image struct {
	Workload  manifest.ID `json:"workload"` // the stable workload
	Container string      `json:"container"`
	Image     string      `json:"image"`
}

// Workloads returns the stable workloads of the release, each once.
func (s State) Workloads() []manifest.ID {
	var ids []manifest.ID
	for _, i := range s.Images {
		if !slices.Contains(ids, i.Workload) {
			ids = append(ids, i.Workload)
		}
	}
	return ids
}

// Run says who carries out a release.
type Run struct {
	System  string `json:"system,omitempty"` // such as Azure Pipelines; "" for a person's terminal
	ID      string `json:"id,omitempty"`
	URL     string `json:"url,omitempty"`
	Attempt string `json:"attempt,omitempty"`
	Holder  string `json:"holder,omitempty"` // the process, as named in the lock
	// Canarize is the version of canarize.
	Canarize string `json:"canarize,omitempty"`
	// Commit is what the CI system released, Author who wrote it or started the run.
	Commit string `json:"commit,omitempty"`
	Author string `json:"author,omitempty"`
}

// EventKind names the kind of an event.
type EventKind string

// The kinds of events.
const (
	EventAsked     EventKind = "asked"     // somebody made a request
	EventPhase     EventKind = "phase"     // the release entered another phase
	EventFailed    EventKind = "failed"    // an action failed
	EventHeld      EventKind = "held"      // the release waits for a decision
	EventCorrected EventKind = "corrected" // a change of somebody else was undone
	EventJudged    EventKind = "judged"    // the verdict changed
	EventWaiting   EventKind = "waiting"   // a person has to do something
	EventCancelled EventKind = "cancelled" // the process was asked to end
	EventSaid      EventKind = "said"      // a person or a gate said something
	EventProgress  EventKind = "progress"  // an action is in progress; not stored
)

// Event is something that happened to a release.
type Event struct {
	Time   time.Time `json:"time"`
	Kind   EventKind `json:"kind"`
	Phase  Phase     `json:"phase"`
	Weight int       `json:"weight"`
	Text   string    `json:"text"`
	// Proof says how the weight was verified, if the event says that the canary has it.
	Proof Proof `json:"proof,omitempty"`
	// Run says who made the request, if the event is one.
	Run Run `json:"run,omitzero"`
	// Judged is the measurement behind an EventProgress of the judge. It lacks what only
	// the judge needs.
	Judged *Judged `json:"judged,omitempty"`
	// Cause is the error or Refusal behind the text, for the faces; not stored.
	Cause error `json:"-"`
	// Code is the stable code of the message, which a face adds; not stored.
	Code string `json:"code,omitempty"`
}

// WithText returns the event with a formatted text. If args contain an error, it becomes
// the cause.
func (e Event) WithText(format string, args ...any) Event {
	e.Text = fmt.Sprintf(format, args...)
	for _, arg := range args {
		if err, is := arg.(error); is {
			e.Cause = err
		}
	}
	return e
}

// Bounds that keep a State far below the 1 MiB of a ConfigMap.
const (
	maxHistory = 60
	maxText    = 500 // bytes per text
)

// clip removes secrets from a text that will be stored, and bounds it.
func clip(text string) string { return bounded(redact.Text(text)) }

// bounded bounds a text and its JSON form. In JSON, control characters take six bytes
// each.
func bounded(text string) string { return cut(text, maxText) }

// cut bounds a text to a number of bytes, and its JSON form to twice as many.
func cut(text string, limit int) string {
	for most := limit; ; most /= 2 {
		short := excerpt.Cut(text, most)
		if stored, err := json.Marshal(short); err != nil || len(stored) <= 2*limit {
			return short
		}
	}
}

// ParseState reads a stored State. Others may have written it, so it refuses what
// canarize never writes.
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

// check returns an error if no release can have this State.
func (s State) check() error {
	phases := []Phase{Deploying, Standing, Shifting, Promoting, Retiring, Rejecting, Promoted, Rejected}
	if !slices.Contains(phases, s.Phase) {
		return fmt.Errorf("phase is %q, expected one of %q", clip(string(s.Phase)), phases)
	}
	for _, n := range []struct {
		name             string
		value, low, high int
	}{
		{"weight", s.Weight, 0, 100}, {"verified", s.Verified, Unknown, 100}, {"peak", s.Peak, 0, 100},
		{"step", s.Step, 0, math.MaxInt32}, {"number", s.Number, 0, math.MaxInt32}, {"most", s.Most, 0, 100}, {"corrections", s.Corrections, 0, math.MaxInt32}, {"total", s.Total, 0, math.MaxInt32},
	} {
		if n.value < n.low || n.value > n.high {
			return fmt.Errorf("%s is %d, expected %d to %d", n.name, n.value, n.low, n.high)
		}
	}
	return nil
}
