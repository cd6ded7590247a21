package rollout

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSaidIsKept: whatever people and gates say while a canary stands is in the State with
// its author, in order and bounded, also after the release is over.
func TestSaidIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := State{Phase: Standing, Weight: 5, Verified: 5, Started: start}
		apply := func(f Fact) { s, _ = Next(Spec{Limit: 100}, s, Observation{Time: start, Fact: f}) }
		name := rapid.SampledFrom([]string{"", "ada", strings.Repeat("é\x00", 5000)})
		statement := func() *Statement {
			return &Statement{Text: name.Draw(t, "text"), By: name.Draw(t, "by"), At: start}
		}
		var want []SayingKind
		for range rapid.IntRange(0, 3*maxSaid).Draw(t, "sayings") {
			switch kind := rapid.SampledFrom([]SayingKind{SaidHold, SaidResume, SaidApprove}).Draw(t, "kind"); kind {
			case SaidHold:
				apply(HoldChanged{Hold: statement()})
				want = append(want, kind)
			case SaidResume:
				if s.Paused != nil {
					want = append(want, kind)
				}
				apply(HoldChanged{Resumed: statement()})
			default:
				apply(GatePassed{Approval{Gate: "qa", By: name.Draw(t, "by")}})
				want = append(want, kind)
			}
		}
		apply(Request{Verb: Reject, Reason: Reason{By: ByPerson, Text: "no"}, Statement: statement()})
		apply(Finished{Proof: SeenOnGateways})
		want = append(want, SaidReject)
		want = want[max(0, len(want)-maxSaid):]
		if s.Phase != Rejected || len(s.Said) != len(want) {
			t.Fatalf("%s, said %d things, expected %d", s.Phase, len(s.Said), len(want))
		}
		for i, said := range s.Said {
			if said.Kind != want[i] || said.At.IsZero() || len(said.Text) > maxKeptText || len(said.By) > maxKeptName {
				t.Fatalf("%d: %+v, expected %s", i, said, want[i])
			}
		}
	})
}

// TestRunIsBounded: every event may name its run, so a run's texts from a CI system are
// bounded.
func TestRunIsBounded(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	s, _ := Next(Spec{Limit: 100}, State{}, Observation{Time: start, Fact: Request{Verb: Deploy, Run: Run{Commit: long, Author: long}}})
	if run := s.History[0].Run; len(run.Commit) > maxRunText || len(run.Author) > maxRunText || run.Commit == "" || run != s.Run {
		t.Errorf("%+v", run)
	}
}

// TestShareKeepsItsProof: the event that says that the canary has a share says how that was
// verified.
func TestShareKeepsItsProof(t *testing.T) {
	for _, proof := range []Proof{SeenOnGateways, ByModelAlone} {
		s, _ := Next(Spec{Limit: 100}, State{Phase: Shifting, Weight: 5, Started: start}, Observation{Time: start, Fact: Finished{Proof: proof}})
		if last := s.History[len(s.History)-1]; last.Proof != proof || last.Weight != 5 {
			t.Errorf("%+v, expected %s", last, proof)
		}
	}
}
