package rollout

import "time"

// ActionKind names what an Action does. Every action can be repeated: what is already
// done is not done again.
type ActionKind string

// The actions.
const (
	SetWeight    ActionKind = "set weight"    // set the weight of every canary route; a missing route counts as 0
	Verify       ActionKind = "verify share"  // wait until the gateways give the canary the weight
	Scale        ActionKind = "scale canary"  // scale the canary to the weight and wait until its pods are ready
	Brake        ActionKind = "brake"         // point the canary's Services at the stable pods, and end its own pods
	Resync       ActionKind = "resync routes" // copy changes of the stable routes to the canary's routes
	ApplyCanary  ActionKind = "apply canary"  // create the canary's objects, routes last and at weight 0
	WaitCanary   ActionKind = "wait for canary"
	ApplyStable  ActionKind = "apply stable" // replace the stable objects
	WaitStable   ActionKind = "wait for stable"
	Drain        ActionKind = "drain canary"  // wait for requests in flight
	DeleteCanary ActionKind = "delete canary" // routes first
	Refuse       ActionKind = "refuse"        // do nothing, for the given reason
)

// Action is one change to the cluster, or one wait for it.
type Action struct {
	Kind   ActionKind
	Weight int      // of SetWeight, Verify and Scale, in percent
	Reason *Refusal // of Refuse
}

// Observation is a Fact and the time when it was observed.
type Observation struct {
	Time time.Time
	Fact Fact
}

// Fact is something that happened: a Request, Resumed, Finished, Failed, Ended, Moved,
// Edited, HoldChanged, GatePassed, ApprovalAwaited, Examined or Judged.
type Fact interface{ fact() }

// Verb names what a user requests.
type Verb string

// The verbs.
const (
	Deploy  Verb = "deploy"
	Shift   Verb = "shift"
	Promote Verb = "promote"
	Reject  Verb = "reject"
)

// Request reports that a user, or a run, wants a verb carried out.
type Request struct {
	Verb Verb
	Run  Run

	Fresh    Fresh  // of Deploy
	Weight   int    // of Shift
	Override bool   // of Shift and Promote: ignore the hold
	IfActive bool   // of Reject: succeed if there is no release to reject
	Keep     bool   // of Reject: leave the canary in the cluster, without traffic
	Reason   Reason // of Reject and Promote: who decided, and why
	// Statement, of Reject, is what a person said to the run that makes the request.
	Statement *Statement
	Guarded   bool // a run makes the request and watches the share
	// Untested, of Promote, promotes although the canary has no traffic. Unverified
	// promotes although no gateway has confirmed the canary's share.
	Untested, Unverified bool
	// Version, of Shift and Promote, is the expected version: the digest of a plan or an
	// image. "" accepts every version.
	Version string
	// Untouched, of Reject, reports that no stable object was replaced, whatever the
	// State says.
	Untouched bool
	// Tested, of Promote, is the digest of the canary's pods as they are now. Changed
	// lists the stable objects that somebody changed since the release began.
	Tested  string
	Changed []string
}

// Resumed reports that a run continues a release that another process started.
type Resumed struct {
	Run      Run
	Gates    []string // names of all gates
	Override bool     // ignore the hold
	Guarded  bool     // the run watches the share and sets it to 0 when it ends
	// Untouched reports that a promotion began but has replaced no stable object yet.
	Untouched bool
	// Found is the largest weight of the canary's routes, as just read; nil if unknown.
	Found *int
}

// Finished reports that all actions announced by the State are done.
type Finished struct {
	Tested string // of WaitCanary: the digest of the canary's pods
	Proof  Proof  // of Verify
}

// Failed reports that an action failed. The actions after it were not started.
type Failed struct {
	Action Action
	Reason string
	Err    error // the cause of Reason, for the faces; may be nil
	// Taken says what the gateways do with the requests, if the action was a Verify and they
	// answered.
	Taken *Taken
	// Untouched reports that no stable object was replaced yet, by this process or
	// another.
	Untouched bool
	// Unready reports that the pods themselves kept the canary from becoming ready.
	Unready bool
	// Objected reports that a person objects to a SetWeight; the weight was not changed.
	Objected bool
	// Proof is the proof of a Verify before the action; "" if there was none.
	Proof Proof
}

// Moved reports that somebody else changed the weight of a canary route.
type Moved struct{ Weight int }

// Edited reports that somebody changed a stable route during the release.
type Edited struct{ Routes []string }

// HoldChanged reports that a person put the release on hold, or with a nil Hold that
// nobody holds it any more. Resumed is who ended the hold, if known.
type HoldChanged struct{ Hold, Resumed *Statement }

// GatePassed reports that a gate agreed.
type GatePassed struct{ Approval Approval }

// ApprovalAwaited reports that the run waits for a person to approve a manual gate.
type ApprovalAwaited struct{ Gate, Text string }

func (ApprovalAwaited) fact() {}
func (Request) fact()         {}
func (Resumed) fact()         {}
func (Finished) fact()        {}
func (Failed) fact()          {}
func (Moved) fact()           {}
func (Edited) fact()          {}
func (HoldChanged) fact()     {}
func (GatePassed) fact()      {}
