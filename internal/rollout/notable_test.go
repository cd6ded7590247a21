package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// withRoutes returns metrics of which some are routes.
func withRoutes(routes int) []Metric {
	all := []Metric{{Name: "errors", Harm: .2}}
	for i := range routes {
		ratio := 1.2345678901234
		all = append(all, Metric{Name: fmt.Sprintf("errors{route=/a/long/path/%02d}", i), Harm: float64(i*7%routes) / 9, Ratio: &ratio, Low: &ratio, High: &ratio, Canary: Count{Total: 123456}, Stable: Count{Bad: 12345, Total: 1234567}})
	}
	return append(all, Metric{Name: "latency>1s", Harm: .1})
}

// TestNotable checks that no metric is left out that counts all requests, nor a part with more
// evidence of harm than one that is shown.
func TestNotable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := withRoutes(rapid.IntRange(0, 40).Draw(t, "routes"))
		for i := range all {
			all[i].Harm = rapid.SampledFrom([]float64{0, 1, 2, 5}).Draw(t, "harm")
		}
		most := rapid.IntRange(0, 5).Draw(t, "parts")
		shown := Notable(all, most)
		at, parts, least := 0, 0, 10.
		for _, m := range all {
			if at < len(shown) && shown[at].Name == m.Name {
				at++
				if m.IsPart() {
					parts, least = parts+1, min(least, m.Harm)
				}
			}
		}
		for _, m := range all {
			hidden := !slices.ContainsFunc(shown, func(s Metric) bool { return s.Name == m.Name })
			if hidden && (!m.IsPart() || parts > 0 && m.Harm > least) {
				t.Fatalf("%s is left out", m.Name)
			}
		}
		if at != len(shown) || parts != min(most, len(all)-2) {
			t.Fatalf("%d parts of %d, at most %d", parts, len(all), most)
		}
	})
}

// TestSentenceOfRoutes checks that a sentence about forty routes names the worst.
func TestSentenceOfRoutes(t *testing.T) {
	text := Judged{Look: Look{Metrics: withRoutes(40)}}.Sentence()
	if strings.Count(text, "canary ") != 4 || !strings.Contains(text, " errors: ") || !strings.Contains(text, "/17}: ") || !strings.HasSuffix(text, " 38 more with less evidence of harm.") {
		t.Error(text)
	}
}

// TestLooksOfRoutesAreBounded checks that the looks of a long release with forty routes leave
// room in the record for the evidence of the judge.
func TestLooksOfRoutesAreBounded(t *testing.T) {
	tr := transition{State: State{Phase: Standing}}
	for i := range 200 {
		tr.judged(Judged{Look: Look{Time: time.Unix(int64(i), 0), Verdict: "continue", Metrics: withRoutes(40)}})
	}
	text, err := json.Marshal(tr.Judged)
	if err != nil || len(text) > 200_000 || len(tr.Judged.Metrics) != 42 {
		t.Errorf("%d bytes, %d metrics, %v", len(text), len(tr.Judged.Metrics), err)
	}
}
