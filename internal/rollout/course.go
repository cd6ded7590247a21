package rollout

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/canarize/canarize/internal/analysis"
)

// Course is what a process was asked to do with a release until its end.
type Course struct {
	Run Run // who makes the request
	// Plan is the digest of the version to release.
	Plan string
	// Gates have to agree before shares and before the promotion.
	Gates []Gate
	// First is the smallest share of the ramp, in percent. A canary without traffic gets
	// it first.
	First int
	// Override ignores a hold. Unverified promotes although no gateway has confirmed the
	// canary's share.
	Override, Unverified bool
	// Keep leaves a rejected canary in the cluster, without traffic.
	Keep bool
	// Analyze only watches the canary: it raises and promotes nothing. With Healthy, a
	// healthy verdict does not end it, because the release already had one.
	Analyze, Healthy bool
}

// Heard is everything a process knows besides the State when it decides. What is unknown
// permits nothing.
type Heard struct {
	// Begun reports that this process has taken over the release: Next accepted its first
	// request.
	Begun bool
	// Judged is the last judgement made by this process; nil before the first.
	Judged *Judged
	People People
	// Answers are the answers of the gates that were asked, by name.
	Answers map[string]Answer
	// Reached is the share, in percent, that was in force when this process took over.
	// The gates before it have already agreed.
	Reached int
	// Failed is the action that failed. Refused says why Next refused the last request.
	// Both are nil if all went well.
	Failed  *Failed
	Refused *Refusal
	// Stale reports that nobody has checked the share for a while. Over reports that the
	// time of an analysis is over.
	Stale, Over bool
}

// People holds what people said, as far as this process knows.
type People struct {
	Statements
	Status ReadStatus
	// Changed reports that somebody said something after the last read.
	Changed bool
}

// ReadStatus says how current the known statements are.
type ReadStatus int

// The read statuses.
const (
	NotRead    ReadStatus = iota // not read since the last look
	Current                      // read since the last look
	Unreadable                   // the last read failed
)

// Answer is the answer of a gate.
type Answer struct {
	Pending bool
	Refusal string // why it does not agree; "" if it agrees
	By      string // the program or host that answered
}

// Do names what a process does next.
type Do string

// The kinds of decisions.
const (
	DoApply Do = "apply" // pass Fact to Next and carry out the actions
	DoLook  Do = "look"  // wait for news
	DoRead  Do = "read"  // read what people say
	DoAsk   Do = "ask"   // ask Gate, and continue meanwhile
	DoEnd   Do = "end"   // stop working on the release
)

// Decision is what a process does next.
type Decision struct {
	Do   Do
	Fact Fact // of DoApply
	Gate Gate // of DoAsk
	// Why says what DoLook waits for, unless that is evidence. With DoEnd it says why the
	// process failed. It is nil otherwise.
	Why *Refusal
	// Unbegun, of DoEnd, reports that the process has changed nothing: its first request
	// was refused.
	Unbegun bool
}

// Decide returns what a process does next with a release. It is the whole policy: the
// caller observes, carries out the decision, and calls Decide again. The successor of a
// process that died goes through the same Decide.
func Decide(spec Spec, c Course, s State, h Heard) Decision {
	switch {
	case !h.Begun && h.Refused != nil:
		return Decision{Do: DoEnd, Why: h.Refused, Unbegun: true}
	case !h.Begun && c.Analyze:
		return c.beginAnalysis(s, h)
	case !h.Begun:
		return c.begin(s, h)
	case h.Refused != nil:
		return Decision{Do: DoEnd, Why: h.Refused}
	case s.podsFailed() || s.Phase == Deploying && h.Failed != nil && h.Failed.Unready:
		return c.reject(ByPods, s.Held)
	case s.Phase == Deploying && h.Failed != nil: // no canary stands yet about which somebody could decide
		return c.reject(ByFailure, s.Held)
	case h.Failed != nil && !h.Failed.harmless(s):
		return Decision{Do: DoEnd, Why: stopped(cmp.Or(s.Held, h.Failed.Reason), h.Failed.Err)}
	case s.Phase != Standing && s.Phase != Shifting:
		return Decision{Do: DoEnd, Why: stopped(s.Held, nil)}
	case h.People.Rejected != nil:
		return c.rejectFor(h.People.Rejected)
	case c.Analyze:
		return c.analyze(s, h)
	case h.Judged != nil && h.Judged.Verdict == analysis.Reject:
		return c.reject(ByJudge, h.Judged.Reason)
	case h.Judged != nil && h.Judged.Inconclusive && h.Judged.Recommended == 0:
		return c.reject(ByDeadline, h.Judged.Reason)
	case h.mustRead():
		return Decision{Do: DoRead}
	case h.People.Status == Current && !sameStatement(h.People.Hold, s.Paused):
		return Decision{Do: DoApply, Fact: HoldChanged{h.People.Hold, h.People.Resumed}}
	case s.Held != "" || s.Phase != Standing:
		return Decision{Do: DoEnd, Why: stopped(s.Held, nil)}
	}
	next := c.advance(spec, s, h)
	if next.Do == DoLook && h.Stale {
		return Decision{Do: DoApply, Fact: Request{Verb: Shift, Weight: s.Weight, Run: c.Run, Guarded: true}}
	}
	return next
}

// mustRead reports whether unread statements may exist. A person may want the traffic off
// while the judge waits for evidence.
func (h Heard) mustRead() bool {
	return h.People.Status == NotRead && (h.People.Changed || h.Stale)
}

func sameStatement(a, b *Statement) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Text == b.Text && a.By == b.By && a.At.Equal(b.At)
}

// begin decides how a run starts. It continues an earlier run of the same plan, if there
// is one.
func (c Course) begin(s State, h Heard) Decision {
	deploy := Decision{Do: DoApply, Fact: Request{Verb: Deploy, Run: c.Run, Guarded: true, Fresh: Fresh{Gates: c.gateNames()}}}
	resume := Decision{Do: DoApply, Fact: Resumed{Run: c.Run, Gates: c.gateNames(), Override: c.Override, Guarded: true}}
	switch {
	case s.Phase == Promoted && s.Plan == c.Plan && c.Run.ID != "" && c.Run.System == s.Run.System && c.Run.ID == s.Run.ID:
		return Decision{Do: DoEnd} // an earlier attempt of this pipeline run promoted it
	case s.Plan != c.Plan || !s.Phase.Active() || s.Phase == Deploying || s.Parked():
		return deploy // which is refused while a rejected canary is kept
	case s.Braked && (c.Override || s.Held == "") && (s.Phase == Standing || s.Phase == Shifting):
		return deploy // its Services select the stable pods
	case h.People.Status == NotRead:
		return Decision{Do: DoRead}
	case h.People.Rejected != nil && (s.Phase == Standing || s.Phase == Shifting):
		return c.rejectFor(h.People.Rejected) // a process requested this and was then killed
	case s.Held == "" || c.Override || s.Guarded || s.Phase == Rejecting || s.Phase == Retiring:
		return resume
	}
	return Decision{Do: DoEnd, Why: Held(s), Unbegun: true}
}

func (c Course) gateNames() []string {
	names := make([]string, len(c.Gates))
	for i, g := range c.Gates {
		names[i] = g.Name
	}
	return names
}

func (c Course) reject(by Decider, why string) Decision {
	return Decision{Do: DoApply, Fact: Request{Verb: Reject, Run: c.Run, Keep: c.Keep, Reason: Reason{By: by, Text: why}}}
}

// rejectFor rejects a release because a person said so.
func (c Course) rejectFor(person *Statement) Decision {
	return Decision{Do: DoApply, Fact: Request{
		Verb: Reject, Run: c.Run, Keep: c.Keep || person.Keep, Reason: Reason{By: ByPerson, Text: person.String()}, Statement: person,
	}}
}

// podsFailed reports whether the canary's pods, or as many as a share needs, did not
// become ready. That rejects the release; after any other error somebody has to decide.
// It is derived from the State, so that a successor rejects, too.
func (s State) podsFailed() bool {
	return s.Held != "" && s.Unready && (s.Phase == Standing || s.Phase == Shifting)
}

// harmless reports whether the release can continue after the failure: only surplus pods
// are left.
func (f Failed) harmless(s State) bool {
	return f.Action.Kind == Scale && s.Phase == Standing && s.Held == ""
}

// advance follows the judge, unless somebody or something objects.
func (c Course) advance(spec Spec, s State, h Heard) Decision {
	wanted, moves := c.wanted(spec, s, h.Judged)
	if !moves {
		return Decision{Do: DoLook}
	}
	if wanted.Verb == Shift && wanted.Weight < s.Weight { // less traffic needs no permission
		return Decision{Do: DoApply, Fact: wanted}
	}
	switch {
	case h.Judged.Verdict == analysis.Hold && !h.Judged.Cause.EndsByMore():
		return Decision{Do: DoLook}
	case s.Weight > 0 && s.Proof != SeenOnGateways && !c.Unverified:
		return Decision{Do: DoEnd, Why: &Refusal{Code: RefusedUnverified, Weight: s.Weight}}
	case s.Weight > 0 && h.Judged.Own == 0:
		return Decision{Do: DoLook, Why: &Refusal{Code: WaitsForRequests, Weight: s.Weight}}
	case h.People.Status == NotRead:
		return Decision{Do: DoRead}
	case h.People.Status == Unreadable:
		return Decision{Do: DoLook, Why: &Refusal{Code: WaitsForPeople}}
	case h.People.Hold != nil:
		return Decision{Do: DoLook, Why: &Refusal{Code: WaitsForResume, Because: h.People.Hold.String()}}
	}
	if closed := c.gate(s, h, wanted); closed != nil {
		return c.pass(*closed, s, h)
	}
	return Decision{Do: DoApply, Fact: wanted}
}

// wanted returns the request that follows from this process's judgement, and false if the
// release stays as it is. A canary without traffic gets the first share, whatever an
// earlier judgement said: what it does now is unknown.
func (c Course) wanted(spec Spec, s State, j *Judged) (Request, bool) {
	request := Request{Run: c.Run, Guarded: true, Unverified: c.Unverified}
	switch {
	case j == nil || j.Weight != s.Weight:
		return request, false
	case s.Weight == 0:
		request.Verb, request.Weight = Shift, min(max(j.Recommended, 0), c.First, spec.Limit)
	case j.Verdict == analysis.Promote:
		request.Verb, request.Reason = Promote, Reason{By: ByJudge, Text: j.Reason}
		return request, true
	case j.Inconclusive:
		return request, false
	default:
		request.Verb, request.Weight = Shift, min(max(j.Recommended, 0), spec.Limit)
	}
	return request, request.Weight != s.Weight
}

// gate returns the first gate that still has to agree before the request, or nil.
func (c Course) gate(s State, h Heard, wanted Request) *Gate {
	at := slices.IndexFunc(c.Gates, func(g Gate) bool { return g.Guards(wanted) && !g.passed(s, h) })
	if at < 0 {
		return nil
	}
	return &c.Gates[at]
}

// passed reports whether a gate has agreed. The record alone does not count, because
// others can write it. A person's approval must be on the canary's workload. A program or
// URL must have answered this process, unless its share was already reached when the
// process took over.
func (g Gate) passed(s State, h Heard) bool {
	if !slices.ContainsFunc(s.Passed, func(p Approval) bool { return p.Gate == g.Name }) {
		return false
	}
	if g.Manual {
		_, approved := h.People.Approval(g.Name)
		return approved
	}
	answer, asked := h.Answers[g.Name]
	return asked && !answer.Pending && answer.Refusal == "" || g.Weight > 0 && g.Weight <= h.Reached
}

// pass decides how to get the agreement of a gate.
func (c Course) pass(g Gate, s State, h Heard) Decision {
	if g.Manual {
		approval, approved := h.People.Approval(g.Name)
		switch {
		case approved:
			return Decision{Do: DoApply, Fact: GatePassed{approval}}
		case s.Awaiting != g.Name:
			return Decision{Do: DoApply, Fact: ApprovalAwaited{Gate: g.Name, Text: fmt.Sprintf("waiting for gate %s before %s", g.Name, g.Before())}}
		}
		return Decision{Do: DoLook, Why: &Refusal{Code: WaitsForApproval, Gate: g.Name, Before: g.Before()}}
	}
	answer, asked := h.Answers[g.Name]
	switch {
	case !asked:
		return Decision{Do: DoAsk, Gate: g}
	case answer.Pending:
		return Decision{Do: DoLook, Why: &Refusal{Code: WaitsForGate, Gate: g.Name, Before: g.Before()}}
	case answer.Refusal != "":
		return c.reject(ByGate, fmt.Sprintf("gate %s refuses %s: %s", g.Name, g.Before(), answer.Refusal))
	}
	return Decision{Do: DoApply, Fact: GatePassed{Approval{Gate: g.Name, By: answer.By}}}
}

// beginAnalysis decides whether there is a canary to watch.
func (c Course) beginAnalysis(s State, h Heard) Decision {
	switch {
	case s.Phase != Standing:
		return Decision{Do: DoEnd, Why: NotStanding(s), Unbegun: true}
	case s.Held != "" && !c.Override:
		return Decision{Do: DoEnd, Why: Held(s), Unbegun: true}
	case h.People.Status == NotRead:
		return Decision{Do: DoRead}
	}
	return Decision{Do: DoApply, Fact: Resumed{Run: c.Run, Gates: s.Gates, Override: c.Override}}
}

// analyze watches until there is a verdict or the time is over. A rejected canary loses
// its traffic; it is left in the cluster for somebody to decide.
func (c Course) analyze(s State, h Heard) Decision {
	j := h.Judged
	switch {
	case j != nil && j.Verdict == analysis.Reject && s.Weight == 0:
		return Decision{Do: DoEnd}
	case s.Held != "" || s.Phase != Standing:
		return Decision{Do: DoEnd, Why: stopped(s.Held, nil)}
	case j != nil && j.Verdict == analysis.Reject:
		return Decision{Do: DoApply, Fact: Ended{Cause: Broken, Reason: j.Reason}}
	case h.mustRead():
		return Decision{Do: DoRead}
	case h.Over:
		return Decision{Do: DoEnd}
	case j == nil:
		return Decision{Do: DoLook}
	case j.Inconclusive:
		return Decision{Do: DoEnd}
	case j.Verdict == analysis.Promote && !c.Healthy && (j.Own > 0 || s.Weight == 0):
		return Decision{Do: DoEnd}
	}
	return Decision{Do: DoLook}
}
