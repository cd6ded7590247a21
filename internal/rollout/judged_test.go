package rollout

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
)

// judgements draws what a judge may say.
func judgements() *rapid.Generator[Judged] {
	return rapid.Custom(func(t *rapid.T) Judged {
		j := Judged{
			Look:        Look{Verdict: rapid.SampledFrom([]analysis.Verdict{analysis.Continue, analysis.Hold, analysis.Reject, analysis.Promote}).Draw(t, "verdict"), Reason: "so"},
			Recommended: rapid.IntRange(0, 100).Draw(t, "recommended"), Judge: json.RawMessage(`{}`),
		}
		j.Inconclusive = j.Verdict == analysis.Hold && rapid.Bool().Draw(t, "inconclusive")
		return j
	})
}

// TestFollow: what a judgement asks for is never refused, is over when it is done,
// and a rejection is always followed.
func TestFollow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := Spec{Limit: rapid.SampledFrom([]int{50, 100}).Draw(t, "limit")}
		weight := rapid.IntRange(0, spec.Limit).Draw(t, "weight")
		s := State{Schema: Schema, Phase: Standing, Weight: weight, Verified: weight, Tested: "a"}
		s, actions := Next(spec, s, Observation{Time: start, Fact: judgements().Draw(t, "judged")})
		asked, follow := Follow(s, spec.Limit)
		if len(actions) > 0 || s.Weight != weight || s.Judged.Verdict == analysis.Reject && !follow {
			t.Fatalf("judged: %v, %+v", actions, s)
		}
		if !follow {
			return
		}
		asked.Tested = "a"
		s, actions = Next(spec, s, Observation{Time: start, Fact: asked})
		if len(actions) == 0 || actions[0].Kind == Refuse {
			t.Fatalf("%+v is refused: %+v", asked, actions)
		}
		for range 5 {
			s, _ = Next(spec, s, Observation{Time: start, Fact: Finished{}})
		}
		if again, more := Follow(s, spec.Limit); more {
			t.Fatalf("%+v is followed by %+v", asked, again)
		}
	})
}

func TestLooksAreBounded(t *testing.T) {
	s := State{Schema: Schema, Phase: Standing}
	for i := range 10_000 {
		s, _ = Next(Spec{Limit: 100}, s, Observation{Time: start, Fact: Judged{Look: Look{Time: start.Add(time.Duration(i) * time.Second), Verdict: analysis.Continue}}})
	}
	before := s.Judged.Before
	if len(before) > maxLooks || len(before) < maxLooks/2 || !before[0].Time.Equal(start) || !before[len(before)-1].Time.Equal(start.Add(9998*time.Second)) {
		t.Errorf("%d looks from %v to %v", len(before), before[0].Time, before[len(before)-1].Time)
	}
	if s.Total != 1 {
		t.Errorf("the same judgement is told %d times", s.Total)
	}
	s, _ = Next(Spec{Limit: 100}, s, Observation{Time: start, Fact: Judged{Look: Look{Verdict: analysis.Hold, Reason: "no data"}}})
	if e := s.History[len(s.History)-1]; e.Text != "hold: no data" {
		t.Errorf("the event of another judgement is %+v", e)
	}
}

func TestMetricsOf(t *testing.T) {
	two := 2.0
	want := []Metric{
		{Name: "errors", Canary: Count{1, 2}, Stable: Count{3, 4}, Ratio: &two, Low: &two, Harm: 5, Safe: 6},
		{Name: "slow"},
	}
	have := MetricsOf(map[string]analysis.Evidence{
		"slow":   {Ratio: math.NaN(), Low: math.NaN(), High: math.NaN()},
		"errors": {Canary: analysis.Counts{Bad: 1, Total: 2}, Stable: analysis.Counts{Bad: 3, Total: 4}, Ratio: 2, Low: 2, High: math.Inf(1), Harm: 5, Safe: 6},
	})
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	if _, err := json.Marshal(have); err != nil {
		t.Error(err)
	}
}
