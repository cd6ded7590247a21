package rollout

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
)

// TestHistories checks the laws over random histories. In each, several processes run one
// after the other, with any verb. Anything may happen to them before, during and after
// every write, and between two looks. Use -rapid.checks=10000 for the full run.
func TestHistories(t *testing.T) {
	n := &tally{ends: map[string]int{}, outcomes: map[string]int{}}
	rapid.Check(t, func(t *rapid.T) { history(t, n) })
	t.Log(n)
}

func history(t *rapid.T, n *tally) {
	n.histories++
	w := newWorld(Spec{Limit: rapid.SampledFrom([]int{100, 50}).Draw(t, "limit")})
	l := &laws{t: t, tally: n, agreed: map[agreement]bool{}, answered: map[string]bool{}}
	w.watch, w.fate = l, func(p *process, _ moment) fate { return fates(t, p) }
	course := Course{First: rapid.SampledFrom([]int{5, 1, 20}).Draw(t, "first")}
	for _, g := range []Gate{{Name: "qa", Weight: 20, Manual: true}, {Name: "load", Weight: 40}, {Name: "sign", Manual: true}, {Name: "cab"}} {
		if rapid.SampledFrom([]bool{false, false, true}).Draw(t, g.Name) {
			course.Gates = append(course.Gates, g)
		}
	}
	for range rapid.IntRange(1, 6).Draw(t, "processes") {
		l.begin()
		c := course
		c.Override, c.Unverified = rapid.Bool().Draw(t, "override"), rapid.Bool().Draw(t, "unverified")
		c.Keep = rare(t, "keep", "yes", "yes", "yes", "yes", "yes") != ""
		switch verb := rapid.SampledFrom([]string{"run", "run", "run", "run", "run", "analyze", "deploy", "shift", "promote", "reject"}).Draw(t, "verb"); verb {
		case "run", "analyze":
			c.Plan, c.Analyze = w.plan, verb == "analyze"
			live(t, w.start(c), l)
		default:
			w.start(Course{}).verb(Request{
				Verb: Verb(verb), Weight: rapid.SampledFrom([]int{5, 30, 50, 100, 0}).Draw(t, "weight"), Override: c.Override, Keep: c.Keep,
				Untested: rapid.Bool().Draw(t, "untested"), Unverified: c.Unverified,
				Version: rapid.SampledFrom([]string{"", "plan-aaaaaaaa", "plan-bbbbbbbb"}).Draw(t, "version"),
			})
		}
		between(t, w, l)
	}
}

// live runs a process: its looks, and what happens in between.
func live(t *rapid.T, p *process, l *laws) {
	p.run()
	for range rapid.IntRange(12, 40).Draw(t, "looks") {
		if p.over != "" {
			return
		}
		l.tally.looks++
		var j *Judged
		switch rapid.SampledFrom([]string{"judge", "judge", "judge", "judge", "judge", "judge", "judge", "judge", "judge", "people", "stale", "over", "kill", "end"}).Draw(t, "event") {
		case "judge":
			j = judgement(t, p.state, p.course.First)
		case "people":
			between(t, p.world, l)
		case "stale":
			p.heard.Stale = true
		case "over":
			p.heard.Over = true
		case "kill":
			_ = p.die("killed")
			return
		case "end":
			p.end(*ending(t))
			return
		}
		p.look(j)
		if p.over == "" {
			p.run()
		}
	}
	if p.over == "" {
		p.end(Ended{Cause: Interrupted})
	}
}

// between draws what happens in the world outside the processes.
func between(t *rapid.T, w *world, l *laws) {
	switch rapid.SampledFrom([]string{"nothing", "approve", "agree", "hold", "resume", "unreadable", "silent", "reject", "refuse", "proof", "weight", "pods", "changed", "plan", "freeze", "thaw"}).Draw(t, "happens") {
	case "approve":
		for _, gate := range []string{"qa", "sign"} {
			w.said.Approve(Approval{Gate: gate, By: "ada"})
		}
	case "agree":
		for _, gate := range []string{"load", "cab"} {
			w.answers[gate] = Answer{By: "ci"}
			l.answered[gate] = true
		}
	case "refuse":
		w.answers["load"] = Answer{Refusal: "no"}
	case "hold":
		w.said.Hold = &Statement{Text: "wait", By: "ada"}
	case "resume":
		w.said.Hold = nil
	case "reject":
		w.said.Rejected = &Statement{Text: "no", By: "ada"}
	case "unreadable":
		w.unreadable = !w.unreadable
	case "silent":
		w.silent = !w.silent
	case "proof":
		w.proof = rapid.SampledFrom([]Proof{SeenOnGateways, ByModelAlone}).Draw(t, "proof")
	case "weight":
		if w.canary {
			w.weight = rapid.SampledFrom([]int{0, 30, 80}).Draw(t, "moved")
			l.inForce, l.meddled = w.weight, true
			w.take()
		}
	case "freeze":
		w.frozen = true
	case "thaw":
		w.frozen = false
		w.take()
	case "pods":
		w.pods += "x"
	case "changed":
		w.changed = []string{"Service/shop"}
	case "plan":
		w.plan, w.pods = "plan-bbbbbbbb", "pods-b"
	}
}

// fates draws what happens to a process before a write: nothing, most of the time.
func fates(t *rapid.T, p *process) fate {
	var f fate
	word := rare(t, "fate", "kill", "fail", "end", "catastrophe", "kill")
	if p.state.Phase == Promoting { // promotions are rare
		word = rapid.SampledFrom([]string{"", "", "", "", "kill", "fail", "end"}).Draw(t, "fate of promotion")
	}
	switch word {
	case "":
		return f
	case "kill":
		f.kill = true
	case "fail":
		f.fail = "it failed"
	case "end":
		f.end = ending(t)
	case "catastrophe":
		f.judged = &Judged{Look: Look{Verdict: analysis.Reject, Reason: "most requests fail"}}
	}
	f.done = rapid.Bool().Draw(t, "half")
	return f
}

func ending(t *rapid.T) *Ended {
	return &Ended{
		Cause: rapid.SampledFrom([]EndCause{Interrupted, LockLost, Broken, Handover}).Draw(t, "cause"), Reason: "so",
		Keep: rapid.SampledFrom([]bool{false, false, true}).Draw(t, "keep"),
	}
}

// TestDecideAlone checks what Decide permits for anything a process may know, including
// what no history leads to: a judgement of another share, or any statements.
func TestDecideAlone(t *testing.T) {
	n := &tally{ends: map[string]int{}, outcomes: map[string]int{}}
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			decideAlone(t, n)
		}
	})
	t.Log(n.raises, "larger shares and promotions")
}

func decideAlone(t *rapid.T, n *tally) {
	weights := rapid.SampledFrom([]int{0, 5, 30, 50, 100})
	gates := []Gate{{Name: "qa", Weight: 20, Manual: true}, {Name: "load", Weight: 40}, {Name: "sign", Manual: true}, {Name: "cab"}}
	p := newWorld(Spec{Limit: 100}).start(Course{Plan: "plan-aaaaaaaa", First: 5, Gates: rapid.SliceOfNDistinct(rapid.SampledFrom(gates), 0, 4, func(g Gate) string { return g.Name }).Draw(t, "gates")})
	p.course.Analyze = rapid.SampledFrom([]bool{false, false, true}).Draw(t, "analyze")
	p.state = State{Schema: Schema, Phase: rapid.SampledFrom([]Phase{Standing, Standing, Standing, Shifting, Promoting, Rejected}).Draw(t, "phase"), Plan: "plan-aaaaaaaa", Weight: weights.Draw(t, "weight"), Verified: weights.Draw(t, "verified"), Guarded: true}
	p.heard = Heard{Begun: rapid.SampledFrom([]bool{true, true, false}).Draw(t, "begun"), Stale: rapid.Bool().Draw(t, "stale"), Over: rapid.Bool().Draw(t, "over"), Answers: map[string]Answer{}}
	p.heard.People = People{Status: rapid.SampledFrom([]ReadStatus{Current, Current, Unreadable, NotRead}).Draw(t, "ear"), Changed: rapid.Bool().Draw(t, "spoke")}
	if rapid.SampledFrom([]bool{false, false, true}).Draw(t, "hold") {
		p.heard.People.Hold = &Statement{Text: "wait"}
	}
	if rapid.SampledFrom([]bool{true, false}).Draw(t, "judged") {
		at := rapid.SampledFrom([]int{p.state.Weight, p.state.Weight, 50, 5, 0}).Draw(t, "judged at")
		p.heard.Judged = judgement(t, State{Weight: at}, 5)
		p.heard.Judged.Weight = at
	}
	l := &laws{t: t, tally: n, agreed: map[agreement]bool{}, asked: map[string]bool{}}
	for _, g := range gates {
		switch rapid.SampledFrom([]string{"", "passed", "agrees", "refuses"}).Draw(t, g.Name) {
		case "passed":
			p.state.Passed, l.agreed[agreement{p.state.Started.UnixNano(), g.Name}] = append(p.state.Passed, Approval{Gate: g.Name}), true
		case "agrees":
			p.heard.Answers[g.Name] = Answer{By: "ci"}
		case "refuses":
			p.heard.Answers[g.Name] = Answer{Refusal: "no"}
		}
	}
	l.decided(p, Decide(p.spec, p.course, p.state, p.heard))
}
