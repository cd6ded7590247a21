package rollout

import "time"

// ActionKind is what an Action does. Every action can be repeated: what is done
// already is not done again.
type ActionKind string

// The actions.
const (
	SetWeight    ActionKind = "set weight"    // every canary route gets the weight; an absent one has 0
	Verify       ActionKind = "verify share"  // wait until the gateways give the canary the weight
	Scale        ActionKind = "scale canary"  // as many canary pods as the weight needs, ready
	Brake        ActionKind = "brake"         // the canary's Services lead to the stable pods, and its own pods end
	Resync       ActionKind = "resync routes" // the canary routes take over what changed on the stable ones
	ApplyCanary  ActionKind = "apply canary"  // make the canary's objects, routes last and without weight
	WaitCanary   ActionKind = "wait for canary"
	ApplyStable  ActionKind = "apply stable" // replace the stable objects
	WaitStable   ActionKind = "wait for stable"
	Drain        ActionKind = "drain canary"  // let requests on their way come to an end
	DeleteCanary ActionKind = "delete canary" // routes first
	Refuse       ActionKind = "refuse"        // nothing is done, for the reason given
)

// Action is something to do to the cluster.
type Action struct {
	Kind   ActionKind
	Weight int      // of SetWeight, Verify and Scale: percent
	Reason *Refusal // of Refuse
}

// Observation is something that happened, and when.
type Observation struct {
	Time time.Time
	Fact Fact
}

// Fact is what happened: one of Asked, Resumed, Finished, Failed, Ended, Moved, Edited,
// Heeded, Agreed, Awaited and Judged.
type Fact interface{ fact() }

// Verb is what somebody asks for.
type Verb string

// The verbs.
const (
	Deploy  Verb = "deploy"
	Shift   Verb = "shift"
	Promote Verb = "promote"
	Reject  Verb = "reject"
)

// Asked is that somebody wants something.
type Asked struct {
	Verb Verb
	Run  Run

	Fresh    Fresh  // of Deploy
	Weight   int    // of Shift
	Override bool   // of Shift and Promote: although the release is held
	IfActive bool   // of Reject: no release to reject is fine
	Reason   Reason // of Reject and Promote: who decided, and why
	Guarded  bool   // a run asks, which watches the share
	// Untested and Unverified, of Promote, are that the user wants it although no
	// request ever reached the canary, or although no gateway was seen to give it its
	// share.
	Untested, Unverified bool
	// Version, of all but Deploy and Reject, is the version that is meant: the digest of
	// a plan or an image; "" is any.
	Version string
	// Untouched, of Reject, is that no stable object was replaced, whatever the State says.
	Untouched bool
	// Tested, of Promote, is the digest of the canary's pods as they are now, and
	// Changed what is about to be replaced though somebody changed it since the
	// release began.
	Tested  string
	Changed []string
}

// Resumed reports that a run goes on with a release that another process began.
type Resumed struct {
	Run      Run
	Gates    []string // the names of all gates
	Override bool     // although the release is held
	Guarded  bool     // the run watches the share until its end, and then it is 0
	// Untouched is that a promotion has begun and no stable object was replaced yet.
	Untouched bool
	// Found is the largest weight on the canary's routes, as it was read just now; nil
	// where that is not known.
	Found *int
}

// Finished reports that everything the State announced is done.
type Finished struct {
	Tested string // of WaitCanary: the digest of the canary's pods
	Proof  Proof  // of Verify
}

// Failed reports that an action failed and the ones behind it were not begun.
type Failed struct {
	Action Action
	Reason string
	Err    error // behind Reason, for the faces; nil where there is none
	// Untouched is that no stable object was replaced yet, by this process or another.
	Untouched bool
	// Unready is that pods did not become ready, for reasons of their own.
	Unready bool
	// Objected is that a person objects to a SetWeight, which has moved nothing.
	Objected bool
	// Proof is that of a Verify before the action; "" where there was none.
	Proof Proof
}

// Moved reports that somebody else changed the weight of a canary route.
type Moved struct{ Weight int }

// Edited reports that somebody changed a stable route during the release.
type Edited struct{ Routes []string }

// Heeded reports that a run has heard that a person holds the release, or with nil that
// nobody does any more.
type Heeded struct{ Hold *Word }

// Agreed reports that a gate lets the release pass.
type Agreed struct{ Passage Passage }

// Awaited reports that a run waits for a person to let the release pass a gate.
type Awaited struct{ Gate, Text string }

func (Awaited) fact()  {}
func (Asked) fact()    {}
func (Resumed) fact()  {}
func (Finished) fact() {}
func (Failed) fact()   {}
func (Moved) fact()    {}
func (Edited) fact()   {}
func (Heeded) fact()   {}
func (Agreed) fact()   {}
