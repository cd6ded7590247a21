package rollout

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/canarize/canarize/internal/analysis"
)

// Course is what a process was asked to do with a release, from now to its end.
type Course struct {
	Run Run // who asks
	// Plan is the digest of the version that is to be released.
	Plan string
	// Gates have to agree before shares and before the promotion.
	Gates []Gate
	// First is the smallest share of the ramp, in percent: what a canary without
	// traffic gets first.
	First int
	// Override goes on although the release is held, and Unverified promotes although no
	// gateway was seen to give the canary its share.
	Override, Unverified bool
	// Analyze only watches the release that stands: it raises and promotes nothing. Healthy
	// is that a verdict of health does not end it, because the release had one before.
	Analyze, Healthy bool
}

// Heard is what a process knows besides the State when it decides. What is not known
// permits nothing.
type Heard struct {
	// Begun is that this process has taken the release over: the machine did not refuse
	// what it was told first.
	Begun bool
	// Judged is what the judge said to this process last; nil before its first look.
	Judged *Judged
	People People
	// Answers are those of gates that were asked, by name.
	Answers map[string]Answer
	// Reached is the share, in percent, that was in force when this process took the
	// release over: gates before it were passed.
	Reached int
	// Failed is the action that failed, and Refused why the machine did nothing of what
	// it was told; nil where all went well.
	Failed  *Failed
	Refused *Refusal
	// Stale is that nobody has looked for a while whether the share is still there, and
	// Over that the time of an analysis is over.
	Stale, Over bool
}

// People is what people say, as far as it is known.
type People struct {
	Said
	Ear Ear
	// Spoke is that somebody is known to have said something since it was read last.
	Spoke bool
}

// Ear says how well people can be heard.
type Ear int

// How well people can be heard.
const (
	Unheard  Ear = iota // what they said was not read since the last look
	Listened            // it was read since then
	Deaf                // it could not be read
)

// Answer is that of a gate.
type Answer struct {
	Pending bool
	Refusal string // why it does not agree; "" where it does
	By      string // the program or host that answered
}

// Do is what a process does next.
type Do string

// What a process can do next.
const (
	DoTell Do = "tell" // tell the machine Fact, and carry out what it announces
	DoLook Do = "look" // watch until something is new
	DoHear Do = "hear" // read what people say
	DoAsk  Do = "ask"  // ask Gate, and go on meanwhile
	DoEnd  Do = "end"  // stop working on the release
)

// Decision is what a process does next.
type Decision struct {
	Do   Do
	Fact Fact // of DoTell
	Gate Gate // of DoAsk
	// Why is what DoLook waits for, where it does not wait for evidence, and why DoEnd is
	// no success; nil otherwise.
	Why *Refusal
	// Unbegun, of DoEnd, reports that the machine refused what it was told first, so that
	// nothing was changed.
	Unbegun bool
}

// Decide says what a process does next with a release. It is the whole policy: whoever
// calls it observes, carries out what it says, and calls it again. A successor of a
// process that died goes through it as the first one did.
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
	case s.Phase == Deploying && h.Failed != nil: // nothing stands yet that somebody could decide about
		return c.reject(ByFailure, s.Held)
	case h.Failed != nil && !h.Failed.harmless(s):
		return Decision{Do: DoEnd, Why: stopped(cmp.Or(s.Held, h.Failed.Reason), h.Failed.Err)}
	case s.Phase != Standing && s.Phase != Shifting:
		return Decision{Do: DoEnd, Why: stopped(s.Held, nil)}
	case h.People.Rejected != nil:
		return c.reject(ByPerson, h.People.Rejected.String())
	case c.Analyze:
		return c.analyze(s, h)
	case h.Judged != nil && h.Judged.Verdict == analysis.Reject:
		return c.reject(ByJudge, h.Judged.Reason)
	case h.Judged != nil && h.Judged.Inconclusive && h.Judged.Recommended == 0:
		return c.reject(ByDeadline, h.Judged.Reason)
	case h.unread():
		return Decision{Do: DoHear}
	case h.People.Ear == Listened && !sameWord(h.People.Hold, s.Paused):
		return Decision{Do: DoTell, Fact: Heeded{h.People.Hold}}
	case s.Held != "" || s.Phase != Standing:
		return Decision{Do: DoEnd, Why: stopped(s.Held, nil)}
	}
	next := c.advance(spec, s, h)
	if next.Do == DoLook && h.Stale {
		return Decision{Do: DoTell, Fact: Asked{Verb: Shift, Weight: s.Weight, Run: c.Run, Guarded: true}}
	}
	return next
}

// unread says whether there may be something that people said and nobody read: they may
// want the traffic off while the judge wants nothing.
func (h Heard) unread() bool {
	return h.People.Ear == Unheard && (h.People.Spoke || h.Stale)
}

func sameWord(a, b *Word) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Text == b.Text && a.By == b.By && a.At.Equal(b.At)
}

// begin is what a run begins with: where another one of the same plan stopped, if there
// was one.
func (c Course) begin(s State, h Heard) Decision {
	deploy := Decision{Do: DoTell, Fact: Asked{Verb: Deploy, Run: c.Run, Guarded: true, Fresh: Fresh{Gates: c.gateNames()}}}
	resume := Decision{Do: DoTell, Fact: Resumed{Run: c.Run, Gates: c.gateNames(), Override: c.Override, Guarded: true}}
	switch {
	case s.Phase == Promoted && s.Plan == c.Plan && c.Run.System != "" && c.Run.ID == s.Run.ID:
		return Decision{Do: DoEnd} // an attempt of the same pipeline run before this one did it
	case s.Plan != c.Plan || !s.Phase.Active() || s.Phase == Deploying:
		return deploy
	case s.Braked && (c.Override || s.Held == "") && (s.Phase == Standing || s.Phase == Shifting):
		return deploy // its Services have to lead to it again
	case h.People.Ear == Unheard:
		return Decision{Do: DoHear}
	case h.People.Rejected != nil && (s.Phase == Standing || s.Phase == Shifting):
		return c.reject(ByPerson, h.People.Rejected.String()) // asked for by a process that was killed then
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
	return Decision{Do: DoTell, Fact: Asked{Verb: Reject, Run: c.Run, Reason: Reason{By: by, Text: why}}}
}

// podsFailed says whether the canary's pods did not become ready, or not as many as a
// share needs, which rejects a release. Of other errors somebody has to decide what they
// mean. It is known from the state, so that a successor rejects, too.
func (s State) podsFailed() bool {
	return s.Held != "" && s.Unready && (s.Phase == Standing || s.Phase == Shifting)
}

// harmless says whether the release can go on after a failure: there are only more pods
// than it needs.
func (f Failed) harmless(s State) bool {
	return f.Action.Kind == Scale && s.Phase == Standing && s.Held == ""
}

// advance is what the judge asks for, if nobody objects.
func (c Course) advance(spec Spec, s State, h Heard) Decision {
	wanted, moves := c.wanted(spec, s, h.Judged)
	if !moves {
		return Decision{Do: DoLook}
	}
	if wanted.Verb == Shift && wanted.Weight < s.Weight { // less traffic needs nobody's leave
		return Decision{Do: DoTell, Fact: wanted}
	}
	switch {
	case s.Weight > 0 && s.Proof != SeenOnGateways && !c.Unverified:
		return Decision{Do: DoEnd, Why: &Refusal{Code: RefusedUnverified, Weight: s.Weight}}
	case s.Weight > 0 && h.Judged.Own == 0:
		return Decision{Do: DoLook, Why: &Refusal{Code: WaitsForRequests, Weight: s.Weight}}
	case h.People.Ear == Unheard:
		return Decision{Do: DoHear}
	case h.People.Ear == Deaf:
		return Decision{Do: DoLook, Why: &Refusal{Code: WaitsForPeople}}
	case h.People.Hold != nil:
		return Decision{Do: DoLook, Why: &Refusal{Code: WaitsForResume, Because: h.People.Hold.String()}}
	}
	if shut := c.gate(s, h, wanted); shut != nil {
		return c.pass(*shut, s, h)
	}
	return Decision{Do: DoTell, Fact: wanted}
}

// wanted is what the judgement of this process asks for; false where the release stays
// as it is. A canary without traffic gets the first share, whatever was found out about
// it before: what it does now is not known.
func (c Course) wanted(spec Spec, s State, j *Judged) (Asked, bool) {
	asked := Asked{Run: c.Run, Guarded: true, Unverified: c.Unverified}
	switch {
	case j == nil || j.Weight != s.Weight:
		return asked, false
	case s.Weight == 0:
		asked.Verb, asked.Weight = Shift, min(max(j.Recommended, 0), c.First, spec.Limit)
	case j.Verdict == analysis.Promote:
		asked.Verb, asked.Reason = Promote, Reason{By: ByJudge, Text: j.Reason}
		return asked, true
	case j.Inconclusive:
		return asked, false
	default:
		asked.Verb, asked.Weight = Shift, min(max(j.Recommended, 0), spec.Limit)
	}
	return asked, asked.Weight != s.Weight
}

// gate is the first gate that has to agree yet before something is done.
func (c Course) gate(s State, h Heard, wanted Asked) *Gate {
	at := slices.IndexFunc(c.Gates, func(g Gate) bool { return g.Guards(wanted) && !g.passed(s, h) })
	if at < 0 {
		return nil
	}
	return &c.Gates[at]
}

// passed says whether a gate has agreed. That the record says so is not enough, since
// others can write it: a person's approval stands on the canary, and a program or a URL
// has answered this process, unless its share was reached before.
func (g Gate) passed(s State, h Heard) bool {
	if !slices.ContainsFunc(s.Passed, func(p Passage) bool { return p.Gate == g.Name }) {
		return false
	}
	if g.Manual {
		_, approved := h.People.Approval(g.Name)
		return approved
	}
	answer, asked := h.Answers[g.Name]
	return asked && !answer.Pending && answer.Refusal == "" || g.Weight > 0 && g.Weight <= h.Reached
}

// pass is how a gate comes to let the release pass.
func (c Course) pass(g Gate, s State, h Heard) Decision {
	if g.Manual {
		approval, approved := h.People.Approval(g.Name)
		switch {
		case approved:
			return Decision{Do: DoTell, Fact: Agreed{approval}}
		case s.Awaiting != g.Name:
			return Decision{Do: DoTell, Fact: Awaited{Gate: g.Name, Text: fmt.Sprintf("waiting for gate %s before %s", g.Name, g.Before())}}
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
	return Decision{Do: DoTell, Fact: Agreed{Passage{Gate: g.Name, By: answer.By}}}
}

// beginAnalysis says whether there is something to watch.
func (c Course) beginAnalysis(s State, h Heard) Decision {
	switch {
	case s.Phase != Standing:
		return Decision{Do: DoEnd, Why: NotStanding(s), Unbegun: true}
	case s.Held != "" && !c.Override:
		return Decision{Do: DoEnd, Why: Held(s), Unbegun: true}
	case h.People.Ear == Unheard:
		return Decision{Do: DoHear}
	}
	return Decision{Do: DoTell, Fact: Resumed{Run: c.Run, Gates: s.Gates, Override: c.Override}}
}

// analyze watches until there is a verdict or the time is over. A canary that is
// rejected gets no traffic any more; what becomes of it is for others to decide.
func (c Course) analyze(s State, h Heard) Decision {
	j := h.Judged
	switch {
	case j != nil && j.Verdict == analysis.Reject && s.Weight == 0:
		return Decision{Do: DoEnd}
	case s.Held != "" || s.Phase != Standing:
		return Decision{Do: DoEnd, Why: stopped(s.Held, nil)}
	case j != nil && j.Verdict == analysis.Reject:
		return Decision{Do: DoTell, Fact: Ended{Cause: Broken, Reason: j.Reason}}
	case h.unread():
		return Decision{Do: DoHear}
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
