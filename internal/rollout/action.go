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
	Weight int     // of SetWeight, Verify and Scale: percent
	Reason Refusal // of Refuse
}

// Refusal says why nothing is done.
type Refusal struct {
	Held bool // the release is held; otherwise what was asked for makes no sense now
	Text string
}

// Observation is something that happened, and when.
type Observation struct {
	Time time.Time
	Fact Fact
}

// Fact is what happened: one of Asked, Resumed, Finished, Failed, Cancelled,
// Withdrawn, Moved, Edited, Awaited and Judged.
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
	Name string // of the release, for messages

	Fresh    Fresh  // of Deploy
	Weight   int    // of Shift
	Override bool   // of Shift and Promote: although the release is held
	IfActive bool   // of Reject: no release to reject is fine
	Why      string // of Reject and Promote: a reason, for the history
	// Tested, of Promote, is the digest of the canary's pods as they are now, and
	// Changed what is about to be replaced though somebody changed it since the
	// release began.
	Tested  string
	Changed []string
}

// Resumed is that another process goes on with the release.
type Resumed struct{}

// Finished is that everything the State announced is done.
type Finished struct {
	Tested string // of WaitCanary: the digest of the canary's pods
}

// Failed is that an action failed and the ones behind it were not begun.
type Failed struct {
	Action Action
	Reason string
	// Untouched says that the action changed nothing.
	Untouched bool
}

// Cancelled is that the process has to end at once.
type Cancelled struct {
	Hold bool // the weight is to stay
}

// Withdrawn is that a run cannot go on with the release and nobody will watch it.
type Withdrawn struct{ Reason string }

// Moved is that somebody else changed the weight of a canary route.
type Moved struct{ Weight int }

// Edited is that somebody changed a stable route during the release.
type Edited struct{ Routes []string }

// Awaited is that a run waits for a person.
type Awaited struct{ Text string }

func (Awaited) fact()   {}
func (Asked) fact()     {}
func (Resumed) fact()   {}
func (Finished) fact()  {}
func (Failed) fact()    {}
func (Cancelled) fact() {}
func (Withdrawn) fact() {}
func (Moved) fact()     {}
func (Edited) fact()    {}
