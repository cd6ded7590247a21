package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
)

// FuzzSaid reads annotations that anybody may have written. Nothing panics, and what is
// kept is small.
func FuzzSaid(f *testing.F) {
	at := start.Format(time.RFC3339Nano)
	said := Statements{Hold: &Statement{Text: "wait", By: "ada", At: start}, Rejected: &Statement{Text: "no"}, Resumed: &Statement{Text: "done", By: "eva"}, Approved: []Approval{{Gate: "qa", By: "ada", At: start}}}
	for key, text := range said.Annotations(start) {
		f.Add(text, key)
	}
	for _, text := range []string{"", at, at + " ", at + " wait", at + ` {"text":""}`, at + ` {"text":7}`, at + ` [{"gate":"a"},{"gate":"a"}]`, at + " a b a", at + " [", at + ` [null]`, at + ` null`, at + " \xff \xfe", "x y"} {
		f.Add(text, HoldAnnotation)
		f.Add(text, ApproveAnnotation)
	}
	names := at
	for i := range 3 * maxApprovals {
		names += fmt.Sprint(" gate-", i)
	}
	f.Add(names, ApproveAnnotation)
	f.Fuzz(func(t *testing.T, text, key string) {
		said := ParseStatements(map[string]string{HoldAnnotation: text, RejectAnnotation: text, ResumeAnnotation: text, ApproveAnnotation: text, key: text}, start)
		for _, word := range []*Statement{said.Hold, said.Rejected, said.Resumed} {
			if word != nil && (word.Text == "" || len(word.Text) > 2*maxText || len(word.By) > 2*maxText) {
				t.Errorf("word of %d bytes by %d bytes", len(word.Text), len(word.By))
			}
		}
		if len(said.Approved) > maxApprovals {
			t.Errorf("%d approvals", len(said.Approved))
		}
		for i, p := range said.Approved {
			if len(p.Gate) > 2*maxText || len(p.By) > 2*maxText {
				t.Errorf("approval of %d bytes by %d bytes", len(p.Gate), len(p.By))
			}
			if first, ok := said.Approval(p.Gate); !ok || first != said.Approved[i] {
				t.Errorf("gate %q is approved twice", p.Gate)
			}
		}
		again := ParseStatements(said.Annotations(start), start)
		if (again.Hold == nil) != (said.Hold == nil) || (again.Rejected == nil) != (said.Rejected == nil) || (again.Resumed == nil) != (said.Resumed == nil) || len(again.Approved) != len(said.Approved) {
			t.Errorf("%+v is written and read as %+v", said, again)
		}
	})
}

// everything returns all facts and requests a process may get.
func everyFact() []Fact {
	word := &Statement{Text: "wait"}
	facts := []Fact{
		Finished{}, Finished{Tested: "pods", Proof: SeenOnGateways}, Moved{Weight: 7}, Edited{Routes: []string{"Mapping shop"}},
		HoldChanged{Hold: word}, HoldChanged{Resumed: word}, GatePassed{Approval{Gate: "qa"}}, ApprovalAwaited{Gate: "qa"}, Resumed{Guarded: true}, Resumed{Override: true, Untouched: true, Found: new(7)},
		Judged{Look: Look{Verdict: analysis.Hold}, Inconclusive: true, Recommended: 5}, Judged{Look: Look{Verdict: analysis.Promote}, Recommended: 100},
	}
	for _, verb := range []Verb{Deploy, Shift, Promote, Reject, "other"} {
		facts = append(facts, Request{Verb: verb, Weight: 30, Version: "12345678"}, Request{Verb: verb, Weight: 30, Override: true, Untested: true, Unverified: true, Untouched: true, Tested: "pods"})
	}
	for _, cause := range []EndCause{Done, Interrupted, Handover, LockLost, Broken} {
		facts = append(facts, Ended{Cause: cause}, Ended{Cause: cause, Keep: true, Untouched: true, Reason: "so"})
	}
	for _, kind := range []ActionKind{SetWeight, Verify, Scale, Resync, ApplyCanary, WaitCanary, ApplyStable, WaitStable, Drain, DeleteCanary} {
		facts = append(facts, Failed{Action: Action{Kind: kind, Weight: 5}, Reason: "no"}, Failed{Action: Action{Kind: kind}, Reason: "no", Untouched: true})
	}
	return facts
}

// FuzzState reads a record that anybody may have written. If it is accepted, every verb
// and every fact leads to possible weights, and a rejection takes the traffic off.
func FuzzState(f *testing.F) {
	full := State{
		Schema: Schema, Phase: Standing, Weight: 50, Verified: 50, Proof: SeenOnGateways, Step: 2, Plan: "plan-aaaaaaaa", Tested: "pods", Started: start,
		Guarded: true, Paused: &Statement{Text: "wait"}, Passed: []Approval{{Gate: "qa"}}, Reason: &Reason{By: ByJudge}, Left: &Left{Cause: Done}, Judged: &Judged{Judge: []byte("{}")},
	}
	for _, phase := range []Phase{Deploying, Standing, Shifting, Promoting, Retiring, Rejecting, Promoted, Rejected, "lost"} {
		s := full
		s.Phase, s.Peak = phase, 60
		text, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{"", "{}", "null", "[]", `{"schema":2}`, `{"schema":1}`, `{"schema":1,"phase":"standing","weight":-5}`, `{"schema":1,"phase":"shifting","weight":900,"peak":1000}`, `{"schema":1,"phase":"standing","verified":-7}`, `{"schema":1,"phase":"standing","total":-1,"history":[{}]}`, `{"schema":1,"phase":"shifting","peak":-3,"grow":true}`, `{"schema":1,"phase":"standing","corrections":-9}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseState(text)
		if err != nil {
			return
		}
		decideAll(t, s)
		for _, fact := range everyFact() {
			after, actions := Next(Spec{Limit: 100}, s, Observation{Time: start, Fact: fact})
			within(t, s, fact, after, actions)
			decideAll(t, after)
			if _, err := json.Marshal(after); err != nil {
				t.Fatalf("%+v cannot be stored: %v", fact, err)
			}
			rejected, actions := Next(Spec{Limit: 100}, after, Observation{Time: start, Fact: Request{Verb: Reject, IfActive: true}})
			if after.Phase.Active() && (rejected.Weight != 0 || len(actions) == 0 || actions[0] != Action{Kind: SetWeight}) {
				t.Fatalf("reject of %s after %+v leads to %d %% and %v", s.Phase, fact, rejected.Weight, actions)
			}
		}
	})
}

func decideAll(t *testing.T, s State) {
	t.Helper()
	course := Course{Plan: s.Plan, First: 5, Gates: []Gate{{Name: "qa", Manual: true, Weight: 10}, {Name: "cab"}}}
	judged := Judged{Look: Look{Verdict: analysis.Promote, Weight: s.Weight}, Recommended: 100, Own: 3}
	for _, h := range []Heard{
		{}, {People: People{Status: Current}}, {Begun: true}, {Begun: true, Stale: true}, {Begun: true, Judged: &judged, People: People{Status: Current}}, {Begun: true, Judged: &judged, People: People{Status: Unreadable}},
		{Begun: true, Failed: &Failed{Action: Action{Kind: Scale}}}, {Begun: true, Refused: &Refusal{Code: RefusedUntested}}, {Begun: true, People: People{Statements: Statements{Rejected: &Statement{Text: "no"}}, Status: Current}},
	} {
		for _, c := range []Course{course, {Plan: "other", First: 5}, {Analyze: true}} {
			d := Decide(Spec{Limit: 100}, c, s, h)
			if !slices.Contains([]Do{DoApply, DoLook, DoRead, DoAsk, DoEnd}, d.Do) || d.Do == DoApply && d.Fact == nil {
				t.Fatalf("decides %+v", d)
			}
		}
	}
}

func within(t *testing.T, before State, fact Fact, after State, actions []Action) {
	t.Helper()
	weights := []int{after.Weight, after.Peak}
	for _, a := range actions {
		weights = append(weights, a.Weight)
	}
	if slices.Min(weights) < 0 || slices.Max(weights) > 100 {
		t.Fatalf("%s, %+v leads to weights %v", stateLine(before), fact, weights)
	}
	if len(after.History) > maxHistory+1 {
		t.Fatalf("%d events are kept", len(after.History))
	}
}

// TestParseStateRefuses lists states that no release can have.
func TestParseStateRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                            "the stored state is damaged: ",
		`{"schema":1,"weight":"x"}`:    "the stored state is damaged: ",
		`{"schema":2}`:                 "version 2, but this canarize reads version 1",
		`{"schema":1,"phase":"gone"}`:  `phase is "gone"`,
		`{"schema":1}`:                 `phase is ""`,
		record(`"weight":101`):         "weight is 101, expected 0 to 100",
		record(`"weight":-1`):          "weight is -1",
		record(`"verified":-2`):        "verified is -2, expected -1 to 100",
		record(`"peak":700`):           "peak is 700",
		record(`"step":-1`):            "step is -1",
		record(`"corrections":-1000`):  "corrections is -1000",
		record(`"total":-1`):           "total is -1",
		record(`"judged":{"judge":}}`): "the stored state is damaged: ",
	} {
		if _, err := ParseState([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %s", text, err, want)
		}
	}
	if _, err := ParseState([]byte(record(`"weight":100,"verified":-1,"peak":100`))); err != nil {
		t.Error(err)
	}
}

func record(field string) string { return `{"schema":1,"phase":"standing",` + field + `}` }
