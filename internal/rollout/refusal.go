package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Code names why a release does not continue. Each face maps it to its own advice: the
// command line names commands, a controller sets conditions.
type Code string

// The reasons why something is not done with a release, or not yet.
const (
	RefusedHeld           Code = "Held"           // somebody has to decide first
	RefusedVerb           Code = "UnknownVerb"    // no such request exists
	RefusedOtherVersion   Code = "OtherVersion"   // the release is not of the expected version
	RefusedPromoting      Code = "Promoting"      // the previous version is being promoted
	RefusedRejecting      Code = "Rejecting"      // the previous version is being rejected
	RefusedShifting       Code = "Shifting"       // a shift of the weight is not finished
	RefusedWeight         Code = "WeightRange"    // the routes cannot have this weight
	RefusedBraked         Code = "Braked"         // the brake stopped the canary's requests without the gateway
	RefusedNotReady       Code = "NotReady"       // the canary's pods are not ready yet
	RefusedNoCanary       Code = "NoCanary"       // nothing is deployed
	RefusedNotStanding    Code = "NotStanding"    // no canary stands at its weight
	RefusedNoRelease      Code = "NoRelease"      // there is nothing to reject
	RefusedPromoted       Code = "Promoted"       // too late to reject
	RefusedUntested       Code = "Untested"       // the canary gets no requests
	RefusedUnverified     Code = "Unverified"     // no gateway has confirmed the share
	RefusedCanaryChanged  Code = "CanaryChanged"  // the canary changed after it was tested
	RefusedStableChanged  Code = "StableChanged"  // promotion would undo somebody's change
	RefusedNoGate         Code = "NoGate"         // the release has no gate of that name
	RefusedNoGateway      Code = "NoGateway"      // no gateway can verify a share
	RefusedNotFollowing   Code = "NotFollowing"   // the gateway applies no changes, or not the last ones
	RefusedNoGatewayPod   Code = "NoGatewayPod"   // no pod of the gateway is ready
	RefusedGatewayVersion Code = "GatewayVersion" // the gateway is of another version than the weights are computed for
	RefusedNotTaken       Code = "ShareNotTaken"  // the gateways do not give the requested share
	RefusedGone           Code = "Gone"           // somebody deleted an object of the canary
	RefusedOwned          Code = "Owned"          // another program releases the workload
	RefusedRival          Code = "Rival"          // another release has a canary of the workload
	RefusedNotRecord      Code = "NotARecord"     // the ConfigMap is not the record of a release
	RefusedSchema         Code = "UnknownSchema"  // another version of canarize wrote the state
	RefusedDamaged        Code = "DamagedState"   // the stored state is invalid
	RefusedHistory        Code = "DamagedHistory" // the stored history is invalid, or of another version
	RefusedNotKept        Code = "NotKept"        // the history does not reach back so far
	RefusedNotOver        Code = "NotOver"        // the release is not over
	WaitsForRequests      Code = "NoRequests"     // this process has counted no request to the canary
	WaitsForPeople        Code = "PeopleUnheard"  // holds and approvals cannot be read
	WaitsForResume        Code = "OnHold"         // a person holds the release
	WaitsForApproval      Code = "ManualGate"     // a person has to approve a manual gate
	WaitsForGate          Code = "Gate"           // a program or URL has to agree
	Stopped               Code = "Stopped"        // something failed, or somebody has to decide
)

// Refusal says why something is not done with a release, or not yet. It holds a code and
// the details worth naming. Its error text states the facts; the faces add what to do.
type Refusal struct {
	Code    Code
	Verb    Verb
	Phase   Phase
	Weight  int    // percent
	Limit   int    // the largest possible weight, in percent
	Version string // the expected version, or that of the stored state
	Plan    string // digest of the release's plan
	Images  []string
	Objects []string // that changed or are missing
	Gate    string
	Gates   []string // the gates of the release
	Before  string   // what Gate protects
	Because string   // the text of the hold or of the failure, or who else releases the workload
	Number  int      // of an earlier release; 0 means the last one
	Current int      // the number of the present release; 0 if there is none
	Kept    [2]int   // the numbers of the oldest and newest release in the history; 0 if it is empty
	Taken   *Taken   // what the gateways do instead; nil if unknown
	Err     error    // the cause, for the faces; it is not unwrapped
}

func (r *Refusal) Error() string {
	if fact, known := factOf[r.Code]; known {
		return fact(r)
	}
	return string(r.Code)
}

// Held reports whether somebody has to decide before the release can continue.
func (r *Refusal) Held() bool { return r.Code == RefusedHeld }

// Codes returns all codes, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(factOf)) }

// factOf maps each code to a text that states the facts. The texts name no command,
// because the record keeps them and every face shows them.
var factOf = map[Code]func(*Refusal) string{
	RefusedHeld: func(r *Refusal) string { return "held: " + r.Because },
	RefusedVerb: func(r *Refusal) string { return fmt.Sprintf("unknown verb %q", r.Verb) },
	RefusedOtherVersion: func(r *Refusal) string {
		return fmt.Sprintf("the release is not version %s: it is plan %s with %s; somebody deployed another version in between", r.Version, short(r.Plan), strings.Join(r.Images, ", "))
	},
	RefusedPromoting: func(*Refusal) string { return "the previous version is being promoted" },
	RefusedRejecting: func(*Refusal) string { return "the previous version is being rejected" },
	RefusedShifting:  func(r *Refusal) string { return fmt.Sprintf("the canary is on its way to %d %%", r.Weight) },
	RefusedWeight:    func(r *Refusal) string { return fmt.Sprintf("a weight of %d %% is not possible", r.Weight) },
	RefusedBraked: func(*Refusal) string {
		return "the gateway did not apply a weight of 0, so the canary's Services select the stable pods and its own pods have ended"
	},
	RefusedNotReady:    func(*Refusal) string { return "the canary is not ready yet" },
	RefusedNoCanary:    func(r *Refusal) string { return "there is no canary" + r.phase() },
	RefusedNotStanding: func(r *Refusal) string { return "no canary stands in the cluster" + r.phase() },
	RefusedNoRelease:   func(*Refusal) string { return "there is no release to reject" },
	RefusedPromoted:    func(*Refusal) string { return "the release is already promoted: stable is the new version" },
	RefusedUntested:    func(*Refusal) string { return "the canary gets no requests, so nothing is known about it" },
	RefusedUnverified: func(r *Refusal) string {
		return fmt.Sprintf("no gateway has confirmed that the canary gets %d %%, so nothing is raised or promoted", r.Weight)
	},
	RefusedCanaryChanged: func(*Refusal) string {
		return "the canary's pods or their configuration changed after they were tested"
	},
	RefusedStableChanged: func(r *Refusal) string {
		return strings.Join(r.Objects, ", ") + " changed since the release began, and the promotion would undo the change"
	},
	RefusedNoGate: func(r *Refusal) string {
		if len(r.Gates) == 0 {
			return fmt.Sprintf("the release has no gate %s, and no metric of that name holds it; its gates are not known", r.Gate)
		}
		return fmt.Sprintf("the release has no gate %s, and no metric of that name holds it; its gates are: %s", r.Gate, strings.Join(r.Gates, ", "))
	},
	RefusedNoGateway: func(r *Refusal) string {
		return fmt.Sprintf("nothing was changed, because no gateway can verify a share: %v", r.Err)
	},
	RefusedNotFollowing: func(r *Refusal) string {
		return fmt.Sprintf("nothing was changed, because the gateway does not follow: %v", r.Err)
	},
	RefusedNoGatewayPod:   (*Refusal).behind,
	RefusedGatewayVersion: func(r *Refusal) string { return fmt.Sprint(r.Err) },
	RefusedNotTaken:       (*Refusal).behind,
	RefusedGone:           func(r *Refusal) string { return strings.Join(r.Objects, ", ") + " is missing; somebody deleted it" },
	RefusedOwned: func(r *Refusal) string {
		return fmt.Sprintf("nothing was changed, because %s releases %s, and no canary is possible beside that", r.Because, strings.Join(r.Objects, ", "))
	},
	RefusedRival: func(r *Refusal) string {
		return fmt.Sprintf("nothing was changed, because release %s already has a canary of %s", r.Because, strings.Join(r.Objects, ", "))
	},
	RefusedNotRecord: func(r *Refusal) string {
		return fmt.Sprintf("%s is not the record of a release: it lacks the label %s", strings.Join(r.Objects, ", "), ReleaseLabel)
	},
	RefusedSchema: func(r *Refusal) string {
		return fmt.Sprintf("the stored state has version %s, but this canarize reads version %d", r.Version, Schema)
	},
	RefusedDamaged: func(r *Refusal) string { return fmt.Sprintf("the stored state is damaged: %v", r.Err) },
	RefusedHistory: func(r *Refusal) string { return fmt.Sprintf("the stored history cannot be read: %v", r.Err) },
	RefusedNotKept: (*Refusal).kept,
	RefusedNotOver: (*Refusal).notOver,
	WaitsForRequests: func(r *Refusal) string {
		return fmt.Sprintf("this process has counted no request to the canary at %d %% yet", r.Weight)
	},
	WaitsForPeople:   func(*Refusal) string { return "waiting until holds and approvals can be read" },
	WaitsForResume:   func(r *Refusal) string { return "on hold, so nothing is raised or promoted: " + r.Because },
	WaitsForApproval: (*Refusal).atGate,
	WaitsForGate:     (*Refusal).atGate,
	Stopped:          func(r *Refusal) string { return r.Because },
}

// kept says which releases are kept, when another one was asked for.
func (r *Refusal) kept() string {
	text := fmt.Sprintf("release %d is no longer kept", r.Number)
	switch {
	case r.Kept == [2]int{}:
		return text + ": no earlier release is"
	case r.Kept[0] == r.Kept[1]:
		return text + fmt.Sprintf(": only release %d is", r.Kept[0])
	}
	return text + fmt.Sprintf(": only releases %d to %d are", r.Kept[0], r.Kept[1])
}

// notOver says that no release with the number is over.
func (r *Refusal) notOver() string {
	switch {
	case r.Number > r.Current:
		return fmt.Sprintf("there is no release %d yet; the present one is %d", r.Number, r.Current)
	case r.Number == 0:
		return "no release of this name is over yet" + r.phase()
	}
	return fmt.Sprintf("release %d is not over%s", r.Number, r.phase())
}

func (r *Refusal) behind() string { return fmt.Sprint(r.Err) }

func (r *Refusal) atGate() string {
	return fmt.Sprintf("waiting for gate %s before %s", r.Gate, r.Before)
}

// phase returns the phase of the release in parentheses.
func (r *Refusal) phase() string {
	if r.Phase == None {
		return ""
	}
	return " (the release is " + string(r.Phase) + ")"
}

// Held returns the refusal for a release that is held.
func Held(s State) *Refusal { return &Refusal{Code: RefusedHeld, Because: s.Held} }

// Mismatch returns the refusal for a version that is not the release's.
func Mismatch(s State, version string) *Refusal {
	r := &Refusal{Code: RefusedOtherVersion, Version: version, Plan: s.Plan}
	for _, image := range s.Images {
		r.Images = append(r.Images, image.Image)
	}
	return r
}

// NotStanding returns the refusal for a release that has no canary at its weight.
func NotStanding(s State) *Refusal { return &Refusal{Code: RefusedNotStanding, Phase: s.Phase} }

// stopped returns why a release does not continue, with the text of the failure; nil
// without one.
func stopped(because string, err error) *Refusal {
	if because == "" {
		return nil
	}
	return &Refusal{Code: Stopped, Because: because, Err: err}
}
