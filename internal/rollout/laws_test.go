package rollout

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/manifest"
)

// facts draws any facts, in any order, sensible or not.
func facts() *rapid.Generator[Fact] {
	digest := rapid.SampledFrom([]string{"", "a", "b"})
	weight := rapid.IntRange(-10, 120)
	kinds := rapid.SampledFrom([]ActionKind{SetWeight, Verify, Scale, Resync, ApplyCanary, WaitCanary, ApplyStable, WaitStable, Drain, DeleteCanary})
	return rapid.Custom(func(t *rapid.T) Fact {
		switch rapid.IntRange(0, 11).Draw(t, "fact") {
		case 0, 1, 2, 3:
			return Request{
				Verb:   rapid.SampledFrom([]Verb{Deploy, Shift, Promote, Reject}).Draw(t, "verb"),
				Fresh:  Fresh{Plan: digest.Draw(t, "plan"), Objects: []manifest.ID{{Kind: "Deployment", Name: digest.Draw(t, "object")}}},
				Weight: weight.Draw(t, "weight"), Override: rapid.Bool().Draw(t, "override"), IfActive: rapid.Bool().Draw(t, "if active"),
				Guarded: rapid.Bool().Draw(t, "guarded"), Untested: rapid.Bool().Draw(t, "untested"), Unverified: rapid.Bool().Draw(t, "unverified"),
				Tested:  digest.Draw(t, "tested"),
				Changed: rapid.SampledFrom([][]string{nil, {"Service shop"}}).Draw(t, "changed"),
			}
		case 4, 5:
			return Finished{Tested: digest.Draw(t, "tested"), Proof: rapid.SampledFrom([]Proof{"", SeenOnGateways, ByModelAlone}).Draw(t, "proof")}
		case 6:
			return Failed{Action: Action{Kind: kinds.Draw(t, "kind"), Weight: weight.Draw(t, "of action")}, Reason: "no", Unready: rapid.Bool().Draw(t, "unready"), Untouched: rapid.Bool().Draw(t, "untouched")}
		case 7:
			return Ended{Cause: rapid.SampledFrom([]EndCause{Done, Interrupted, Handover, LockLost, Broken}).Draw(t, "cause"), Keep: rapid.Bool().Draw(t, "keep"), Untouched: rapid.Bool().Draw(t, "untouched"), Reason: "no"}
		case 8:
			return Moved{Weight: weight.Draw(t, "moved")}
		case 9:
			return judgements().Draw(t, "judged")
		case 10:
			r := Resumed{Override: rapid.Bool().Draw(t, "override"), Guarded: rapid.Bool().Draw(t, "guarded"), Untouched: rapid.Bool().Draw(t, "untouched")}
			if rapid.Bool().Draw(t, "read") {
				r.Found = new(weight.Draw(t, "found"))
			}
			return r
		}
		return rapid.SampledFrom([]Fact{HoldChanged{}, Edited{Routes: []string{"Mapping shop"}}}).Draw(t, "other")
	})
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// step is one observation and its result.
type step struct {
	before  State
	fact    Fact
	after   State
	actions []Action
}

// walk applies random facts to a release.
func walk(t *rapid.T, spec Spec) []step {
	var s State
	var steps []step
	for i, fact := range rapid.SliceOfN(facts(), 0, 40).Draw(t, "facts") {
		after, actions := Next(spec, s, Observation{Time: start.Add(time.Duration(i) * time.Second), Fact: fact})
		steps = append(steps, step{s, fact, after, actions})
		s = after
	}
	return steps
}

// law checks a property of every step of every walk.
func law(t *testing.T, check func(t *rapid.T, spec Spec, s step)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		spec := Spec{Limit: rapid.SampledFrom([]int{50, 100}).Draw(t, "limit")}
		for _, s := range walk(t, spec) {
			check(t, spec, s)
		}
	})
}

func TestWeightsStayWithinBounds(t *testing.T) {
	law(t, func(t *rapid.T, spec Spec, s step) {
		weights := []int{s.after.Weight, s.after.Peak}
		for _, a := range s.actions {
			weights = append(weights, a.Weight)
		}
		if slices.Min(weights) < 0 || slices.Max(weights) > spec.Limit {
			t.Fatalf("%+v leads to weights %v", s.fact, weights)
		}
	})
}

func TestRejectTakesTrafficOffFirst(t *testing.T) {
	law(t, func(t *rapid.T, spec Spec, s step) {
		after, actions := Next(spec, s.after, Observation{Time: start, Fact: Request{Verb: Reject, IfActive: true}})
		if after.Weight != 0 {
			t.Fatalf("weight %d after reject in %s", after.Weight, s.after.Phase)
		}
		if s.after.Phase.Active() && (len(actions) == 0 || actions[0] != Action{Kind: SetWeight}) {
			t.Fatalf("reject in phase %s begins with %v", s.after.Phase, actions)
		}
	})
}

func TestCancelTakesTrafficOffFirst(t *testing.T) {
	law(t, func(t *rapid.T, spec Spec, s step) {
		after, actions := Next(spec, s.after, Observation{Time: start, Fact: Ended{Cause: Interrupted}})
		if !s.after.Phase.Active() {
			return
		}
		if after.Weight != 0 || len(actions) == 0 || actions[0] != (Action{Kind: SetWeight}) {
			t.Fatalf("cancel in phase %s: weight %d, %v", s.after.Phase, after.Weight, actions)
		}
		for _, a := range actions[1:] { // there is time for nothing else
			if a != (Action{Kind: Verify}) && a != (Action{Kind: Brake}) {
				t.Fatalf("cancel in phase %s: %v", s.after.Phase, actions)
			}
		}
	})
}

// TestWeightWrittenIsNotTheEnd: where a gateway is seen not to take a weight of 0, the next
// action but for that weight takes the requests off without it, and no request is let to
// the canary again before the gateway has taken the weight.
func TestWeightWrittenIsNotTheEnd(t *testing.T) {
	law(t, func(t *rapid.T, spec Spec, s step) {
		refused := Observation{Time: start, Fact: Failed{Action: Action{Kind: Verify}, Reason: "the gateway does something else"}}
		p := s.after.Phase
		leaving := p == Rejecting || p == Retiring || p == Shifting && s.after.Weight == 0 || p == Deploying && s.after.Peak > 0
		if leaving && !s.after.Braked {
			after, actions := Next(spec, s.after, refused)
			if !after.Braked || len(actions) < 2 || actions[0] != (Action{Kind: SetWeight}) || actions[1] != (Action{Kind: Brake}) {
				t.Fatalf("phase %s, and the gateway does not take the weight: %v", s.after.Phase, actions)
			}
		}
		if !s.after.Braked {
			return
		}
		verified := false
		for _, a := range s.actions {
			verified = verified || a == Action{Kind: Verify}
			if (a.Kind == ApplyCanary && !verified) || a.Weight > 0 {
				t.Fatalf("braked, and %+v leads to %v", s.fact, s.actions)
			}
		}
	})
}

func TestReplayGivesTheSameState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := Spec{Limit: 100}
		steps := walk(t, spec)
		var s State
		for i, recorded := range steps {
			var actions []Action
			s, actions = Next(spec, s, Observation{Time: start.Add(time.Duration(i) * time.Second), Fact: recorded.fact})
			if !reflect.DeepEqual(s, recorded.after) || !reflect.DeepEqual(actions, recorded.actions) {
				t.Fatalf("replaying %d steps gives another state", i+1)
			}
		}
	})
}

func TestOnlyWhatWasTestedIsPromoted(t *testing.T) {
	law(t, func(t *rapid.T, _ Spec, s step) {
		if s.after.Phase != Promoting || s.before.Phase == Promoting {
			return
		}
		a, asked := s.fact.(Request)
		if !asked || a.Verb != Promote || s.before.Phase != Standing || s.before.Tested == "" || a.Tested != s.before.Tested || len(a.Changed) > 0 {
			t.Fatalf("%+v in %+v began a promotion", s.fact, s.before)
		}
	})
	law(t, func(t *rapid.T, _ Spec, s step) {
		for _, a := range s.actions {
			if a.Kind == ApplyStable && s.after.Phase != Promoting {
				t.Fatalf("stable is replaced in phase %s", s.after.Phase)
			}
		}
	})
}

// TestTermination checks that, whatever happened before, a release comes to rest if its
// actions succeed, and if all of them fail.
func TestTermination(t *testing.T) {
	const enough = 4
	law(t, func(t *rapid.T, spec Spec, s step) {
		for _, outcome := range []func(Action) Fact{
			func(Action) Fact { return Finished{Tested: "a"} },
			func(a Action) Fact { return Failed{Action: a, Reason: "no"} },
		} {
			state, actions := s.after, s.actions
			for n := 0; len(actions) > 0 && actions[0].Kind != Refuse; n++ {
				if n > enough {
					t.Fatalf("still at %v after %d rounds", actions, n)
				}
				state, actions = Next(spec, state, Observation{Time: start, Fact: outcome(actions[0])})
			}
		}
	})
}

// TestScaleBeforeWeight checks that the canary has the pods that its weight needs before
// the weight changes.
func TestScaleBeforeWeight(t *testing.T) {
	law(t, func(t *rapid.T, spec Spec, s step) {
		a, asked := s.fact.(Request)
		if !asked || a.Verb != Shift || s.after.Phase != Shifting || s.before.Phase != Standing {
			return
		}
		kinds := make([]string, 0, len(s.actions))
		for _, a := range s.actions {
			kinds = append(kinds, fmt.Sprintf("%s %d", a.Kind, a.Weight))
		}
		set := slices.Index(kinds, fmt.Sprintf("%s %d", SetWeight, a.Weight))
		scale := slices.Index(kinds, fmt.Sprintf("%s %d", Scale, a.Weight))
		switch {
		case set < 0:
			t.Fatalf("shift to %d does %v", a.Weight, kinds)
		case a.Weight > s.before.Weight && (scale < 0 || scale > set), a.Weight < s.before.Weight && scale < set:
			t.Fatalf("shift from %d to %d does %v", s.before.Weight, a.Weight, kinds)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	var s State
	for i := range 1000 {
		s, _ = Next(Spec{Limit: 100}, s, Observation{Time: start, Fact: Request{Verb: Deploy, Fresh: Fresh{Plan: fmt.Sprint(i)}}})
		s, _ = Next(Spec{Limit: 100}, s, Observation{Time: start, Fact: Failed{Reason: string(make([]byte, 10_000))}})
	}
	text, err := json.Marshal(s)
	if err != nil || len(text) > 100_000 || len(s.History) > maxHistory || s.Total < 2000 {
		t.Errorf("%d bytes, %d events kept of %d, error %v", len(text), len(s.History), s.Total, err)
	}
}

// TestReplicas lists the number of canary pods per share.
func TestReplicas(t *testing.T) {
	for _, c := range []struct {
		replicas       Replicas
		stable, weight int
		want           int
	}{
		{Replicas{}, 4, 0, 1}, {Replicas{}, 4, 1, 1}, {Replicas{}, 4, 25, 1}, {Replicas{}, 4, 26, 2}, {Replicas{}, 4, 100, 4}, {Replicas{}, 0, 50, 1},
		{Replicas{Same: true}, 7, 1, 7}, {Replicas{Same: true}, 0, 1, 1}, {Replicas{N: 3}, 7, 1, 3},
	} {
		if got := c.replicas.For(c.stable, c.weight); got != c.want {
			t.Errorf("%+v beside %d stable pods at %d %%: %d, expected %d", c.replicas, c.stable, c.weight, got, c.want)
		}
	}
}
