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

// judgements draws any judgement.
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
