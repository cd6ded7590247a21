package rollout

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
)

// agreement is the gate that agreed, and when the release began to which it did.
type agreement struct {
	began int64
	gate  string
}

// laws watches everything that processes do in a world. It fails when they break a law of
// docs/architecture.md ("The loop of a run").
type laws struct {
	t        *rapid.T
	tally    *tally
	idle     int             // decisions since the last look
	asked    map[string]bool // gates asked by this process
	agreed   map[agreement]bool
	answered map[string]bool // gates with a program that agreed at least once
	inForce  int             // the weight before the action
	taken    int             // the weight that the gateway had applied before the action
	seen     int             // the share last verified, by any process
	mine     int             // the share last verified, by this process
	proof    Proof           // how it was verified
	tried    string          // digest of the pods that became ready
	meddled  bool            // somebody else changed the weight, and no process has written one since
	stays    bool            // the user chose that the share stays after the process
	facts    []string        // for messages
}

// tally counts what the histories contained.
type tally struct {
	histories, processes, kills, looks, raises int
	ends, outcomes                             map[string]int
}

func (n tally) String() string {
	return fmt.Sprintf("%d histories, %d processes, %d of them killed, %d looks, %d larger shares and promotions; ended %v; left %v", n.histories, n.processes, n.kills, n.looks, n.raises, n.ends, n.outcomes)
}

// most bounds the decisions between two looks.
const most = 20

func (l *laws) fail(p *process, format string, args ...any) {
	l.t.Helper()
	for _, line := range l.facts {
		l.t.Log(line)
	}
	l.t.Fatalf("%s\nstate: %s\n%d %% in force, stable %s, heard %+v", fmt.Sprintf(format, args...), stateLine(p.state), p.weight, p.stable, p.heard)
}

func (l *laws) begin() {
	l.asked, l.idle, l.mine = map[string]bool{}, 0, 0
	l.tally.processes++
}

func (l *laws) decided(p *process, d Decision) {
	l.facts = append(l.facts, fmt.Sprintf("decides %s %v", d.Do, d.Why))
	l.idle++
	if l.idle > most {
		l.fail(p, "%d decisions without a look between: it spins", l.idle)
	}
	switch d.Do {
	case DoLook:
		l.idle = 0
		if e := p.heard; e.People.Status == NotRead && (e.People.Changed || e.Stale) {
			l.fail(p, "it looks on although somebody spoke, or may have, and nothing was read")
		}
	case DoAsk:
		if l.asked[d.Gate.Name] {
			l.fail(p, "gate %s is asked twice", d.Gate.Name)
		}
		l.asked[d.Gate.Name] = true
	case DoApply:
		if a, is := d.Fact.(Request); is {
			l.permitted(p, a)
		}
		if _, is := d.Fact.(HoldChanged); is && p.heard.People.Status != Current {
			l.fail(p, "it says what people want without having read it")
		}
	}
}

// permitted checks the law about larger shares and promotions. They need a judgement of
// this process at the current share, people's statements that were read and contain no
// objection, and the agreement of the gates.
func (l *laws) permitted(p *process, a Request) {
	s, h := p.state, p.heard
	if a.Verb != Promote && (a.Verb != Shift || a.Weight <= s.Weight) {
		return
	}
	l.tally.raises++
	first := a.Verb == Shift && s.Weight == 0 && a.Weight <= p.course.First
	own := h.Judged != nil && h.Judged.Own > 0 && h.Judged.Weight == s.Weight
	switch people := h.People; {
	case p.course.Analyze:
		l.fail(p, "analyze wants %s", a.Verb)
	case !first && !own:
		l.fail(p, "%s to %d %% without a judgement of its own", a.Verb, a.Weight)
	case h.Judged != nil && h.Judged.Verdict == analysis.Hold && h.Judged.Cause != analysis.NoData && h.Judged.Cause != analysis.LowTraffic:
		l.fail(p, "%s to %d %% while the judge holds: %s", a.Verb, a.Weight, h.Judged.Cause)
	case people.Status != Current || people.Hold != nil || people.Rejected != nil:
		l.fail(p, "%s to %d %% although people object, or were not read", a.Verb, a.Weight)
	case p.said.Hold != nil || p.said.Rejected != nil:
		l.fail(p, "%s to %d %% although people object, and could be read", a.Verb, a.Weight)
	}
	for _, g := range p.course.Gates {
		passed := slices.ContainsFunc(s.Passed, func(p Approval) bool { return p.Gate == g.Name })
		guards := a.Verb == Promote || g.Weight > 0 && a.Weight >= g.Weight
		if guards && (!passed || !l.agreed[agreement{s.Started.UnixNano(), g.Name}]) {
			l.fail(p, "%s to %d %% past gate %s", a.Verb, a.Weight, g.Name)
		}
	}
}

func (l *laws) stepped(p *process, before State, fact Fact, actions []Action) {
	l.facts = append(l.facts, fmt.Sprintf("applies %s: %s; %v", factLine(fact), stateLine(p.state), actions))
	l.truthful(p)
	after := p.state
	switch f := fact.(type) {
	case GatePassed:
		_, approved := p.said.Approval(f.Approval.Gate)
		l.agreed[agreement{after.Started.UnixNano(), f.Approval.Gate}] = approved || l.answered[f.Approval.Gate]
	case Ended:
		l.ended(p, before, f, actions)
	case Failed:
		if f.Action.Kind == Verify && after.Verified >= 0 {
			l.fail(p, "a share is verified, and its verification failed")
		}
	case Request:
		if f.Verb == Promote && before.Phase == Standing && after.Phase == Promoting {
			l.tested(p, before, f)
		}
		refused := len(actions) > 0 && actions[0].Kind == Refuse
		if (f.Verb == Promote && before.Phase == Standing || f.Verb == Shift) && !refused && f.Version != "" && f.Version != before.Plan {
			l.fail(p, "%s was meant for %s", f.Verb, f.Version)
		}
	}
	_, end := fact.(Ended)
	shift, asked := fact.(Request) // step by step: the user chose this share
	if before.Guarded && !after.Guarded && after.Weight > 0 && !end && !(asked && shift.Verb == Shift) {
		l.fail(p, "nobody guards the share any more")
	}
	for _, passage := range after.Passed {
		if !l.agreed[agreement{after.Started.UnixNano(), passage.Gate}] {
			l.fail(p, "gate %s let nobody pass", passage.Gate)
		}
	}
}

// truthful checks the law about reports. Once a stable object was replaced, no canary
// stands again, and the final report of the release is true.
func (l *laws) truthful(p *process) {
	s := p.state
	switch {
	case !s.Started.Equal(p.began): // another release, not stored yet
		return
	case p.stable == isOld && s.Phase == Promoted, p.stable != isNew && s.Phase == Retiring:
		l.fail(p, "it says that stable is the new version")
	case p.stable == isOld:
	case s.Phase == Deploying || s.Phase == Standing || s.Phase == Shifting:
		l.fail(p, "stable was touched, and the canary stands again")
	case (s.Phase == Rejecting || s.Phase == Rejected) && !s.Mixed:
		l.fail(p, "stable was touched, and it says that stable is the old version")
	}
	if (s.Phase == Promoted || s.Phase == Rejected) && (s.Guarded || s.Weight != 0 || s.Left != nil) {
		l.fail(p, "it is over, and not all is forgotten")
	}
	if s.Phase != Promoting && s.Phase != Retiring && s.Phase != Promoted && s.Reason != nil && s.Phase.Active() && s.Phase != Rejecting {
		l.fail(p, "nobody has decided, and it says who did")
	}
}

// ended checks the law about endings: afterwards the weight is 0, written first, or the
// user wants the share to stay.
func (l *laws) ended(p *process, before State, e Ended, actions []Action) {
	after := p.state
	run := p.course.Plan != "" && !p.course.Analyze && p.heard.Begun && p.heard.Refused == nil
	if run && before.Phase.Active() && before.Phase != Rejecting && before.Phase != Retiring && !before.Guarded && before.Weight > 0 {
		l.fail(p, "a run works on a share that nobody guards")
	}
	l.stays = e.Cause == Handover || e.Cause == Interrupted && e.Keep || e.Cause == Done && (!before.Guarded || before.KeptForPerson())
	if l.stays || !before.Phase.Active() {
		return
	}
	gone := (before.Phase == Standing || before.Phase == Promoting && e.Untouched) && before.Weight == 0 && before.Verified == 0
	first := len(actions) > 0 && actions[0] == Action{Kind: SetWeight}
	if after.Weight != 0 || !first && !gone {
		l.fail(p, "%s leaves %d %%, and begins with %v", e.Cause, after.Weight, actions)
	}
	if after.Guarded {
		l.fail(p, "%s, and the state says that a run guards it", e.Cause)
	}
}

// tested checks the law about promotions: unless the user chose otherwise, only what was
// tested is promoted, at a verified share.
func (l *laws) tested(p *process, before State, a Request) {
	switch {
	case before.Tested == "" || a.Tested != before.Tested || p.pods != l.tried || len(a.Changed) > 0:
		l.fail(p, "promotes what was not tested")
	case before.Weight == 0 && !a.Untested:
		l.fail(p, "promotes what no request reached")
	case before.Weight > 0 && !a.Unverified && (l.proof != SeenOnGateways || l.seen != before.Weight):
		l.fail(p, "promotes at a share that no gateway was seen to give: %d %% by %s", l.seen, l.proof)
	}
}

func (l *laws) stored(*process) {}

func (l *laws) acted(p *process, a Action, err error) {
	l.facts = append(l.facts, fmt.Sprintf("does %s %d: %v", a.Kind, a.Weight, err))
	run := p.course.Plan != "" && !p.course.Analyze
	l.meddled = l.meddled && a.Kind != SetWeight
	known := min(l.inForce, l.seen) // what is in force, as far as it was verified
	switch {
	case a.Kind == SetWeight && run && p.weight > known:
		own := p.heard.Judged != nil && p.heard.Judged.Own > 0
		first := known == 0 && p.weight <= p.course.First
		back := p.weight <= l.mine // as this process set it, before somebody else changed it
		if !own && !first && !back {
			l.fail(p, "the weight grows from %d %% to %d %%, and this process has judged nothing", known, p.weight)
		}
	case a.Kind == Verify && err == nil:
		l.seen, l.mine, l.proof = a.Weight, a.Weight, p.proof
	case a.Kind == WaitCanary && err == nil:
		l.tried = p.pods
	case a.Kind == DeleteCanary && p.state.Kept:
		l.fail(p, "deletes a canary that somebody wants to keep")
	case a.Kind == DeleteCanary && l.taken > 0 && err == nil:
		l.fail(p, "deletes the canary while the gateway sends it %d %%", l.taken)
	case a.Kind == ApplyCanary && p.taken > 0 && !l.meddled && err == nil:
		l.fail(p, "the gateway sends %d %% to a canary that nobody has tested", p.taken)
	case a.Kind == ApplyStable && p.stable != isOld && p.pods != l.tried && err == nil:
		l.fail(p, "replaces stable by what was not tested")
	}
	l.inForce, l.taken = p.weight, p.taken
}

func (l *laws) gone(p *process, how string) {
	l.tally.ends[how]++
	l.tally.outcomes[outcome(p.world)]++
	l.facts = append(l.facts, "gone: "+how)
	switch how {
	case "killed":
		l.tally.kills++
	case "refused":
	default:
		traffic := p.traffic()
		if how == string(LockLost) { // whoever has the lock now looks after the gateway
			traffic = p.weight
		}
		if traffic > 0 && !l.stays && !l.meddled && p.failed == "" {
			l.fail(p, "%s leaves %d %% of the requests on the canary", how, p.traffic())
		}
	}
}

// outcome describes how a release ended, or where it waits.
func outcome(w *world) string {
	if w.record == nil {
		return "nothing"
	}
	s, err := ParseState(w.record)
	switch {
	case err != nil:
		return err.Error()
	case s.Phase == Rejected && s.Mixed:
		return "rejected, mixed"
	case s.Phase == Standing && s.Held != "":
		return "held"
	}
	return string(s.Phase)
}

// rare usually draws "" and sometimes one of the words. rapid draws 0 most often, and a
// large number about as often as any other.
func rare(t *rapid.T, label string, words ...string) string {
	if i := rapid.IntRange(0, 80).Draw(t, label) - 50; i >= 0 && i < len(words) {
		return words[i]
	}
	return ""
}

// judgement draws the next judgement: usually a good one.
func judgement(t *rapid.T, s State, first int) *Judged {
	next := map[bool]int{true: first, false: min(2*s.Weight+5, 100)}[s.Weight == 0]
	j := &Judged{Look: Look{Verdict: analysis.Continue, Reason: "so"}, Recommended: next, Own: 10}
	word := rare(t, "judge", "unseen", "same", "less", "reject", "hold", "hold 0", "waits", "waits, and wants more", "promote")
	if word == "" && s.Weight >= 30 && rapid.Bool().Draw(t, "healthy") {
		word = "promote"
	}
	switch word {
	case "promote":
		j.Verdict, j.Recommended = analysis.Promote, 100
		j.Own = rapid.SampledFrom([]int64{10, 10, 0}).Draw(t, "own")
	case "unseen":
		j.Own = 0
	case "same":
		j.Recommended = s.Weight
	case "less":
		j.Recommended = s.Weight / 2
	case "reject":
		j.Verdict, j.Recommended = analysis.Reject, 0
	case "hold":
		j.Verdict, j.Recommended, j.Inconclusive = analysis.Hold, s.Weight, true
	case "hold 0":
		j.Verdict, j.Recommended, j.Inconclusive = analysis.Hold, 0, true
	case "waits":
		j.Verdict, j.Recommended = analysis.Hold, s.Weight
	case "waits, and wants more":
		j.Verdict, j.Cause = analysis.Hold, rapid.SampledFrom([]analysis.Cause{analysis.Source, analysis.Routing, analysis.Drift, analysis.BadPod, analysis.NoData, analysis.LowTraffic}).Draw(t, "cause")
	}
	return j
}
