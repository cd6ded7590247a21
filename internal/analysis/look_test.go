package analysis_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
)

// TestJoinIsSum checks that joining two observations adds their counts.
func TestJoinIsSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) analysis.Observation {
			n := func(what string) int64 { return rapid.Int64Range(0, 1000).Draw(t, name+" "+what) }
			pod := func(what string) analysis.Counts {
				bad := n(what)
				return analysis.Counts{Bad: bad, Total: bad + n(what)}
			}
			a, b := pod("a"), pod("b")
			arm := &analysis.Arm{Counts: analysis.Counts{Bad: a.Bad + b.Bad, Total: a.Total + b.Total}, Pods: map[string]analysis.Counts{"a": a, "b": b}}
			return analysis.Observation{Metrics: map[string]analysis.Pair{"errors": {Canary: arm}}}
		}
		one, two := draw("one"), draw("two")
		pair := one.Join(two).Metrics["errors"]
		x, y, have := one.Metrics["errors"].Canary, two.Metrics["errors"].Canary, pair.Canary
		want := analysis.Counts{Bad: x.Bad + y.Bad, Total: x.Total + y.Total}
		sum := analysis.Counts{Bad: have.Pods["a"].Bad + have.Pods["b"].Bad, Total: have.Pods["a"].Total + have.Pods["b"].Total}
		if have.Counts != want || sum != want || pair.Stable != nil {
			t.Errorf("%+v and %+v are %+v", x, y, have)
		}
	})
}

func TestJoin(t *testing.T) {
	first := analysis.Observation{
		Time: 1, Weight: 5,
		Metrics: map[string]analysis.Pair{"errors": {Canary: &analysis.Arm{Counts: analysis.Counts{Bad: 1, Total: 2}, Pods: map[string]analysis.Counts{"a": {Bad: 1, Total: 2}}}}},
		Latency: map[string]analysis.HistogramPair{"time": {Stable: &analysis.Histogram{Bounds: []float64{1, 2, 3}, Below: []int64{1, 2, 3}, Total: 4}}},
		Gauges:  map[string]analysis.Gauge{"cpu": {Canary: 1, Stable: math.NaN()}},
	}
	second := analysis.Observation{
		Time: 2, Weight: 10,
		Metrics: map[string]analysis.Pair{"errors": {Canary: &analysis.Arm{Counts: analysis.Counts{Total: 3}}}, "other": {}},
		Latency: map[string]analysis.HistogramPair{"time": {Stable: &analysis.Histogram{Bounds: []float64{1, 3}, Below: []int64{1, 1}, Total: 1}}},
		Gauges:  map[string]analysis.Gauge{"cpu": {Canary: 3, Stable: 4}},
	}
	want := analysis.Observation{
		Time: 2, Weight: 10,
		Metrics: map[string]analysis.Pair{"errors": {Canary: &analysis.Arm{Counts: analysis.Counts{Bad: 1, Total: 5}}}, "other": {}},
		Latency: map[string]analysis.HistogramPair{"time": {Stable: &analysis.Histogram{Bounds: []float64{1, 3}, Below: []int64{2, 4}, Total: 5}}},
		Gauges:  map[string]analysis.Gauge{"cpu": {Canary: 2, Stable: 4}},
	}
	if diff := cmp.Diff(want, first.Join(second)); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
	if diff := cmp.Diff(first, analysis.Observation{}.Join(first), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("of nothing and one: -want +have:\n%s", diff)
	}
}

// TestCatastrophe checks that only a catastrophe of the canary alone is
// reported within an interval, and that the check counts nothing.
func TestCatastrophe(t *testing.T) {
	counts := func(canaryBad, stableBad int64) analysis.Observation {
		return analysis.Observation{Time: 16, Weight: 1, Metrics: map[string]analysis.Pair{"errors": {
			Canary: &analysis.Arm{Counts: analysis.Counts{Bad: canaryBad, Total: 20}},
			Stable: &analysis.Arm{Counts: analysis.Counts{Bad: stableBad, Total: 594}},
		}}}
	}
	j, err := analysis.New(analysis.Default())
	if err != nil {
		t.Fatal(err)
	}
	j.Observe(analysis.Observation{Weight: 1})
	if j.Catastrophe(counts(5, 0)) || !j.Catastrophe(counts(20, 0)) {
		t.Error("a catastrophe in the first interval")
	}
	begin := counts(0, 1)
	begin.Time = 15
	j.Observe(begin)
	before, err := j.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		canary, stable int64
		want           bool
	}{{0, 0, false}, {5, 0, false}, {20, 0, true}, {20, 594, false}} {
		if have := j.Catastrophe(counts(c.canary, c.stable)); have != c.want {
			t.Errorf("%d of 20 bad, and %d of 594 of stable: %v", c.canary, c.stable, have)
		}
	}
	after, err := j.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the check changed the state: %s", diff)
	}
	if d := j.Observe(counts(20, 0)); d.Verdict != analysis.Reject {
		t.Errorf("the interval that was a catastrophe: %+v", d)
	}
}
