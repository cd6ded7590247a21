package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Code names why a release does not go on. Faces know by it what a user can do about it:
// the command line names commands, a controller sets conditions.
type Code string

// Why something is not done with a release, or not yet.
const (
	RefusedHeld          Code = "Held"          // somebody has to decide first
	RefusedVerb          Code = "UnknownVerb"   // nobody can ask for this
	RefusedOtherVersion  Code = "OtherVersion"  // the release is not the version that is meant
	RefusedPromoting     Code = "Promoting"     // the version before is being promoted
	RefusedRejecting     Code = "Rejecting"     // the version before is being rejected
	RefusedShifting      Code = "Shifting"      // the weight has not arrived
	RefusedWeight        Code = "WeightRange"   // no route can have this weight
	RefusedBraked        Code = "Braked"        // the canary was taken off without the gateway
	RefusedNotReady      Code = "NotReady"      // the canary's pods have not become ready
	RefusedNoCanary      Code = "NoCanary"      // nothing is deployed
	RefusedNotStanding   Code = "NotStanding"   // no canary stands at its weight
	RefusedNoRelease     Code = "NoRelease"     // there is nothing to reject
	RefusedPromoted      Code = "Promoted"      // it is too late to reject
	RefusedUntested      Code = "Untested"      // no request reaches the canary
	RefusedUnverified    Code = "Unverified"    // no gateway was seen to give the share
	RefusedCanaryChanged Code = "CanaryChanged" // the canary is not what was tested
	RefusedStableChanged Code = "StableChanged" // promotion would undo a change
	RefusedNoGate        Code = "NoGate"        // the release does not have the gate
	RefusedNoGateway     Code = "NoGateway"     // no gateway could verify a share
	RefusedNoGatewayPod  Code = "NoGatewayPod"  // no pod of the gateway is ready
	RefusedNotTaken      Code = "ShareNotTaken" // gateways do something else than was asked for
	RefusedGone          Code = "Gone"          // somebody has deleted an object of the canary
	RefusedNotRecord     Code = "NotARecord"    // the ConfigMap remembers no release
	RefusedSchema        Code = "UnknownSchema" // another version of canarize stored the state
	RefusedDamaged       Code = "DamagedState"  // canarize has not written the state
	WaitsForRequests     Code = "NoRequests"    // this process has seen none of the canary
	WaitsForPeople       Code = "PeopleUnheard" // what people say cannot be read
	WaitsForResume       Code = "OnHold"        // a person holds the release
	WaitsForApproval     Code = "ManualGate"    // a person has to let the release pass
	WaitsForGate         Code = "Gate"          // a program or URL has to agree
	Stopped              Code = "Stopped"       // something failed, or somebody has to decide
)

// Refusal says why something is not done with a release, or not yet: a code, and the
// subjects of it that are worth naming. As an error it says what is the case; what to do
// about it is for a face to say.
type Refusal struct {
	Code    Code
	Verb    Verb
	Phase   Phase
	Weight  int    // percent
	Limit   int    // the largest weight, in percent
	Version string // that was meant, or of what is stored
	Plan    string // digest of the release's version
	Images  []string
	Objects []string // that changed or are gone
	Gate    string
	Gates   []string // that the release has
	Before  string   // what Gate stands before
	Because string   // in the words of whoever held the release, or of what failed
	Err     error    // what is behind it, for the faces to look at; it is not unwrapped
}

func (r *Refusal) Error() string {
	if fact, known := factOf[r.Code]; known {
		return fact(r)
	}
	return string(r.Code)
}

// Held reports that somebody has to decide before anything is done.
func (r *Refusal) Held() bool { return r.Code == RefusedHeld }

// Codes are all codes, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(factOf)) }

// factOf has the facts: what is the case, by code. They name no command: the record keeps
// them, and every face shows them.
var factOf = map[Code]func(*Refusal) string{
	RefusedHeld: func(r *Refusal) string { return "held: " + r.Because },
	RefusedVerb: func(r *Refusal) string { return fmt.Sprintf("%s is nothing that can be asked for", r.Verb) },
	RefusedOtherVersion: func(r *Refusal) string {
		return fmt.Sprintf("the release is of another version than %s: it is plan %s with %s; somebody deployed in between", r.Version, short(r.Plan), strings.Join(r.Images, ", "))
	},
	RefusedPromoting: func(*Refusal) string { return "the version before is being promoted" },
	RefusedRejecting: func(*Refusal) string { return "the version before is being rejected" },
	RefusedShifting:  func(r *Refusal) string { return fmt.Sprintf("the canary is on its way to %d %%", r.Weight) },
	RefusedWeight:    func(r *Refusal) string { return fmt.Sprintf("a weight of %d %% cannot be had", r.Weight) },
	RefusedBraked: func(*Refusal) string {
		return "the gateway did not take the traffic off the canary, so its Services lead to the stable pods and its own pods have ended"
	},
	RefusedNotReady:    func(*Refusal) string { return "the canary is not ready yet" },
	RefusedNoCanary:    func(r *Refusal) string { return "there is no canary" + r.phase() },
	RefusedNotStanding: func(r *Refusal) string { return "no canary stands in the cluster" + r.phase() },
	RefusedNoRelease:   func(*Refusal) string { return "there is no release to reject" },
	RefusedPromoted:    func(*Refusal) string { return "it is promoted already: stable is the new version" },
	RefusedUntested:    func(*Refusal) string { return "no request reaches the canary, so nothing about it is known" },
	RefusedUnverified: func(r *Refusal) string {
		return fmt.Sprintf("no gateway was seen to give the canary its %d %%, so nothing is raised or promoted", r.Weight)
	},
	RefusedCanaryChanged: func(*Refusal) string {
		return "the canary's pods or their configuration are no longer what was tested; somebody changed them"
	},
	RefusedStableChanged: func(r *Refusal) string {
		return strings.Join(r.Objects, ", ") + " changed since the release began, and promotion would undo that"
	},
	RefusedNoGate: func(r *Refusal) string {
		if len(r.Gates) == 0 {
			return fmt.Sprintf("it has no gate %s: no gates are known of it", r.Gate)
		}
		return fmt.Sprintf("it has no gate %s; its gates are: %s", r.Gate, strings.Join(r.Gates, ", "))
	},
	RefusedNoGateway: func(r *Refusal) string {
		return fmt.Sprintf("nothing was begun, because no share could be verified: %v", r.Err)
	},
	RefusedNoGatewayPod: (*Refusal).behind,
	RefusedNotTaken:     (*Refusal).behind,
	RefusedGone:         func(r *Refusal) string { return strings.Join(r.Objects, ", ") + " is gone; somebody has deleted it" },
	RefusedNotRecord: func(r *Refusal) string {
		return fmt.Sprintf("%s is not the memory of a release: the label %s is missing", strings.Join(r.Objects, ", "), ReleaseLabel)
	},
	RefusedSchema: func(r *Refusal) string {
		return fmt.Sprintf("the stored state has version %s and this canarize knows version %d", r.Version, Schema)
	},
	RefusedDamaged: func(r *Refusal) string { return fmt.Sprintf("the stored state is not what canarize writes: %v", r.Err) },
	WaitsForRequests: func(r *Refusal) string {
		return fmt.Sprintf("this process has seen no request of the canary at %d %% yet", r.Weight)
	},
	WaitsForPeople:   func(*Refusal) string { return "nothing is raised or promoted while it cannot be read what people say" },
	WaitsForResume:   func(r *Refusal) string { return "nothing is raised or promoted: " + r.Because },
	WaitsForApproval: (*Refusal).atGate,
	WaitsForGate:     (*Refusal).atGate,
	Stopped:          func(r *Refusal) string { return r.Because },
}

func (r *Refusal) behind() string { return fmt.Sprint(r.Err) }

func (r *Refusal) atGate() string {
	return fmt.Sprintf("waiting for gate %s before %s", r.Gate, r.Before)
}

// phase names the phase that the release is in.
func (r *Refusal) phase() string {
	if r.Phase == None {
		return ""
	}
	return " (the release is " + string(r.Phase) + ")"
}

// Held is why nothing is done to a release that is held.
func Held(s State) *Refusal { return &Refusal{Code: RefusedHeld, Because: s.Held} }

// Mismatch is why nothing is done for a version that is not the one of the release.
func Mismatch(s State, version string) *Refusal {
	r := &Refusal{Code: RefusedOtherVersion, Version: version, Plan: s.Plan}
	for _, image := range s.Images {
		r.Images = append(r.Images, image.Image)
	}
	return r
}

// NotStanding is why nothing is done to a release that has no canary at its weight.
func NotStanding(s State) *Refusal { return &Refusal{Code: RefusedNotStanding, Phase: s.Phase} }

// stopped is why a release does not go on, in the words of what failed; nil without any.
func stopped(because string, err error) *Refusal {
	if because == "" {
		return nil
	}
	return &Refusal{Code: Stopped, Because: because, Err: err}
}
