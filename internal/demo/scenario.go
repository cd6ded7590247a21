package demo

import (
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/rollout"
)

// Scenario is a story: how the new version behaves, and what people and accidents do.
type Scenario struct {
	Name  string
	Story string // in a sentence
	New   Deed   // that breaks the new version from the beginning; "" if it is good
	Crash bool   // its pods end before they are ready
	Gate  bool   // a person has to approve the promotion
	// Moments are what happens, in order.
	Moments []Moment
	Want    Ending
}

// Moment is something that happens after the moment before it: Seconds after the canary's
// share is at least Weight. A Weight of 0 waits for no share.
type Moment struct {
	Weight  int
	Seconds float64
	Do      Deed
}

// Deed is what happens in a moment, or what a visitor does.
type Deed string

// The deeds.
const (
	Mend       Deed = "mend"        // the new version is good from now on
	BreakSome  Deed = "errors"      // 5 % of its requests fail
	BreakAll   Deed = "crash"       // all fail
	BreakSlow  Deed = "slow"        // some are slow
	BreakPod   Deed = "one-pod"     // one of its pods fails
	BreakLater Deed = "leak"        // it fails more and more
	BreakBoth  Deed = "outage"      // both versions fail
	MendBoth   Deed = "outage-over" // both are as before
	Freeze     Deed = "freeze"      // the gateway applies no change any more
	Silence    Deed = "silence"     // the metrics cannot be read
	Speak      Deed = "speak"       // they can again
	Kill       Deed = "kill"        // kill -9 of the releaser; another one takes over
	Interrupt  Deed = "interrupt"   // Ctrl-C
	Hold       Deed = "hold"        // a person keeps the share from growing
	Resume     Deed = "resume"      // and ends that
	Approve    Deed = "approve"     // a person passes the gate
	Reject     Deed = "reject"      // a person rejects the release
)

// broken returns how a version behaves that a deed breaks or mends; false for other deeds.
func (d Deed) broken() (Behaviour, bool) {
	b, breaks := map[Deed]Behaviour{
		Mend: {}, BreakSome: {Errors: .05}, BreakAll: {Errors: 1}, BreakSlow: {Slow: .2},
		BreakPod: {Errors: .5, OnePod: true}, BreakLater: {Leak: .004},
	}[d]
	return b, breaks
}

// Ending is how a release has to end.
type Ending struct {
	Phase rollout.Phase
	By    rollout.Decider // "": anybody
	Held  bool            // stopped until somebody decides
	// Hurt is how many requests the canary may fail at most; 0: any number.
	Hurt int
}

var (
	promoted = Ending{Phase: rollout.Promoted}
	rejected = Ending{Phase: rollout.Rejected, By: rollout.ByJudge}
	byPerson = Ending{Phase: rollout.Rejected, By: rollout.ByPerson}
)

// Scenarios returns all scenarios, the simplest first.
func Scenarios() []Scenario {
	few := func(e Ending, hurt int) Ending { e.Hurt = hurt; return e }
	return []Scenario{
		{Name: "good", Story: "The new version is as good as the old one, and is promoted.", Want: promoted},
		{Name: "crash", Story: "Every request to the new version fails. It is rejected within seconds.", New: BreakAll, Want: few(rejected, 150)},
		{Name: "errors", Story: "5 % of the requests to the new version fail.", New: BreakSome, Want: few(rejected, 200)},
		{Name: "slow", Story: "20 % of the requests to the new version are slow, but none fails.", New: BreakSlow, Want: rejected},
		{Name: "leak", Story: "The new version begins well, and fails more and more requests.", New: BreakLater, Want: few(rejected, 400)},
		{Name: "one-pod", Story: "One pod of the new version fails half of its requests; the others are good.", New: BreakPod, Want: few(rejected, 400)},
		{Name: "crash-loop", Story: "The new version's pods end before they are ready. No user ever meets it.", Crash: true, Want: Ending{Phase: rollout.Rejected, By: rollout.ByPods}},
		{Name: "outage", Story: "A database fails, and both versions with it. Nobody is blamed: the new version is promoted.", Moments: []Moment{{Weight: 5, Seconds: 2, Do: BreakBoth}, {Seconds: 15, Do: MendBoth}}, Want: promoted},
		{Name: "no-metrics", Story: "For 15 seconds nothing can be measured. The release waits, and then goes on.", Moments: []Moment{{Weight: 20, Do: Silence}, {Seconds: 15, Do: Speak}}, Want: promoted},
		{Name: "kill", Story: "The process that releases is killed by kill -9. The next one goes on with its evidence.", Moments: []Moment{{Weight: 20, Seconds: 2, Do: Kill}}, Want: promoted},
		{Name: "interrupt", Story: "The pipeline is cancelled. The traffic is off the new version within two seconds.", Moments: []Moment{{Weight: 20, Seconds: 2, Do: Interrupt}}, Want: Ending{Phase: rollout.Standing}},
		{Name: "frozen", Story: "The gateway freezes, and then every request to the new version fails. Its pods are taken out of the way.", Moments: []Moment{{Weight: 20, Seconds: 5, Do: Freeze}, {Seconds: 1, Do: BreakAll}}, Want: Ending{Phase: rollout.Rejecting, Held: true}},
		{Name: "hold", Story: "A person holds a good release for 10 seconds.", Moments: []Moment{{Weight: 5, Do: Hold}, {Seconds: 10, Do: Resume}}, Want: promoted},
		{Name: "approve", Story: "A person has to approve the promotion.", Gate: true, Moments: []Moment{{Weight: 50, Seconds: 5, Do: Approve}}, Want: promoted},
		{Name: "reject", Story: "A person rejects a good release.", Moments: []Moment{{Weight: 20, Seconds: 3, Do: Reject}}, Want: byPerson},
	}
}

// FindScenario returns the scenario of a name.
func FindScenario(name string) (Scenario, bool) {
	all := Scenarios()
	at := slices.IndexFunc(all, func(s Scenario) bool { return strings.EqualFold(s.Name, name) })
	if at < 0 {
		return Scenario{}, false
	}
	return all[at], true
}
