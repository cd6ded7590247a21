package analysis

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// failing is a *testing.T or a *rapid.T.
type failing interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func newJudge(t failing, change func(*Config)) *Judge {
	t.Helper()
	c := Default()
	if change != nil {
		change(&c)
	}
	j, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// errorsOf returns an observation of one metric.
func errorsOf(time, weight float64, bad, n, stableBad, stable int64) Observation {
	return Observation{Time: time, Weight: weight, Metrics: map[string]Pair{"errors": {
		Canary: &Arm{Counts: Counts{bad, n}}, Stable: &Arm{Counts: Counts{stableBad, stable}},
	}}}
}

func stateOf(t failing, j *Judge) string {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatalf("the state cannot be stored: %v", err)
	}
	return string(text)
}

var anyCount = rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 2000), rapid.Int64Range(0, maxCount))

func drawCounts(t *rapid.T, label string) Counts {
	total := anyCount.Draw(t, label)
	return Counts{Bad: min(anyCount.Draw(t, label+" bad"), total), Total: total}
}

func drawArm(t *rapid.T, label string) *Arm {
	switch rapid.IntRange(0, 5).Draw(t, label) {
	case 0:
		return nil
	case 1, 2:
		pods := rapid.MapOfN(rapid.StringMatching("[a-h]"), rapid.Custom(func(t *rapid.T) Counts {
			total := rapid.Int64Range(0, 1<<50).Draw(t, "total")
			return Counts{Bad: rapid.Int64Range(0, total).Draw(t, "bad"), Total: total}
		}), 1, 5).Draw(t, label)
		return &Arm{Pods: pods}
	}
	return &Arm{Counts: drawCounts(t, label)}
}

func drawObservation(t *rapid.T, time float64) Observation {
	o := Observation{Time: time, Weight: rapid.SampledFrom([]float64{0, 1, 1, 5, 35, 100}).Draw(t, "weight"), Metrics: map[string]Pair{}, Gauges: map[string]Gauge{}, Latency: map[string]HistogramPair{}}
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"errors", "slow", "other"}), rapid.ID).Draw(t, "metrics") {
		o.Metrics[name] = Pair{Canary: drawArm(t, "canary"), Stable: drawArm(t, "stable")}
	}
	if rapid.Bool().Draw(t, "gauge") {
		o.Gauges["cpu"] = Gauge{Canary: rapid.Float64().Draw(t, "canary cpu"), Stable: rapid.Float64().Draw(t, "stable cpu")}
	}
	if rapid.Bool().Draw(t, "latency") {
		histogram := func() *Histogram {
			c, s := drawCounts(t, "fast"), drawCounts(t, "slow")
			return &Histogram{Bounds: []float64{.1, 1}, Below: []int64{c.Bad / 2, c.Bad/2 + s.Bad/2}, Total: c.Total/2 + s.Total/2}
		}
		o.Latency["latency"] = HistogramPair{Canary: histogram(), Stable: histogram()}
	}
	if rapid.Bool().Draw(t, "events") {
		o.Events = map[string]Events{"orders": {Canary: anyCount.Draw(t, "orders") - 1, Stable: anyCount.Draw(t, "stable orders") - 1}}
	}
	return o
}

// drawRelease draws the observations of a random release.
func drawRelease(t *rapid.T) []Observation {
	time := rapid.SampledFrom([]float64{-60, 0, 15}).Draw(t, "begin")
	var all []Observation
	for range rapid.IntRange(1, 25).Draw(t, "observations") {
		all = append(all, drawObservation(t, time))
		time += rapid.SampledFrom([]float64{1, 15, 15, 600}).Draw(t, "step")
	}
	return all
}

func drawConfig(t *rapid.T) Config {
	c := Default()
	c.Warmup = rapid.SampledFrom([]float64{0, 60}).Draw(t, "warmup")
	c.Alpha = rapid.SampledFrom([]float64{1e-9, .01, .5}).Draw(t, "alpha")
	c.Limits = []Limit{{Metric: "errors", Max: 50, Requests: 100}}
	if rapid.Bool().Draw(t, "manual") {
		c.Ramp.Steps = []Step{{1, 0}, {5, 60}, {50, 60}}
	}
	return c
}

// TestNumbersStayFinite checks that the numbers stay finite, the weight stays
// within its bounds, and a final verdict stands. It also checks that there is
// no verdict without requests of both arms, except for a limit, which is about
// the canary alone.
func TestNumbersStayFinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		j, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		canary, stable := int64(0), int64(0)
		var final *Decision
		weight := j.Standing().Weight
		for _, o := range drawRelease(t) {
			d := j.Observe(o)
			for _, p := range o.Metrics {
				canary, stable = canary+requests(p.Canary), stable+requests(p.Stable)
			}
			for _, h := range o.Latency {
				canary, stable = canary+min(h.Canary.Total, 1), stable+min(h.Stable.Total, 1)
			}
			if _, err := json.Marshal(j); err != nil {
				t.Fatalf("after %+v: %v", o, err)
			}
			for name, e := range d.Evidence {
				if !(e.Harm >= 0) || !(e.Safe >= 0) || math.IsInf(e.Harm, 0) || math.IsInf(e.Safe, 0) || !(e.Needed >= 0) || !(e.Low >= 0) || !(e.High >= e.Low) {
					t.Fatalf("%s: %+v", name, e)
				}
			}
			if d.Verdict == Hold && !d.Cause.EndsByMore() && d.Weight > weight {
				t.Fatalf("a hold with cause %s raises the weight from %g to %g", d.Cause, weight, d.Weight)
			}
			weight = d.Weight
			if !(d.Weight >= 0 && d.Weight <= 100) {
				t.Fatalf("weight %v", d.Weight)
			}
			if final != nil && (d.Verdict != final.Verdict || d.Reason != final.Reason || d.Weight != final.Weight) {
				t.Fatalf("%+v became %+v", *final, d)
			}
			if d.Verdict == Reject || d.Verdict == Promote {
				limited := d.Verdict == Reject && strings.Contains(d.Reason, "more than the limit")
				if canary == 0 || stable == 0 && !limited {
					t.Fatalf("%s without requests of one arm", d.Verdict)
				}
				final = &d
			}
		}
	})
}

// requests returns 1 if an arm had requests, else 0.
func requests(a *Arm) int64 {
	if a == nil {
		return 0
	}
	c, err := a.sum()
	if err != nil {
		return 0
	}
	return min(c.Total, 1)
}

// TestRestore checks that a judge that is stored and restored at any time
// continues as if nothing had happened.
func TestRestore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		j, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range drawRelease(t) {
			again, err := Restore(c, []byte(stateOf(t, j)))
			if err != nil {
				t.Fatal(err)
			}
			if have, want := stateOf(t, again), stateOf(t, j); have != want {
				t.Fatalf("stored again:\n%s\nwant\n%s", have, want)
			}
			if have, want := again.Standing(), j.Standing(); !sameDecision(have, want) {
				t.Fatalf("restored: %+v\nwant %+v", have, want)
			}
			have, want := again.Observe(o), j.Observe(o)
			if !sameDecision(have, want) || stateOf(t, again) != stateOf(t, j) {
				t.Fatalf("restored: %+v\nwant %+v", have, want)
			}
		}
	})
}

func sameDecision(a, b Decision) bool {
	for name, e := range a.Evidence {
		if math.IsNaN(e.Ratio) && math.IsNaN(b.Evidence[name].Ratio) {
			e.Ratio = 0
			other := b.Evidence[name]
			other.Ratio = 0
			if e != other {
				return false
			}
		} else if e != b.Evidence[name] {
			return false
		}
	}
	a.Evidence, b.Evidence = nil, nil
	return reflect.DeepEqual(a, b)
}

// TestOrderInsideAnInterval checks that the order of metrics and pods does not
// matter. The order of maps is random.
func TestOrderInsideAnInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, release := drawConfig(t), drawRelease(t)
		var first string
		for i := range 3 {
			j, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range release {
				j.Observe(o)
			}
			if text := stateOf(t, j); i == 0 {
				first = text
			} else if text != first {
				t.Fatalf("%s\nis not\n%s", text, first)
			}
		}
	})
}

// TestNothingFromNothing checks that intervals in which the canary had at most
// its share of the bad requests give no evidence of harm, however they are
// split.
func TestNothingFromNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := newJudge(t, func(c *Config) { c.Warmup = 0 })
		for i := range rapid.IntRange(1, 20).Draw(t, "intervals") {
			n, m := rapid.Int64Range(1, 500).Draw(t, "canary"), rapid.Int64Range(1, 5000).Draw(t, "stable")
			bad := rapid.Int64Range(0, n).Draw(t, "bad")
			least := (bad*m + n - 1) / n
			j.Observe(errorsOf(float64(15*i+15), 5, bad, n, min(least, m), m))
			if h := j.harm(); h > 1+1e-9 {
				t.Fatalf("evidence of harm %v", h)
			}
		}
	})
}

// TestScale checks that more good requests of both arms in the same proportion
// do not change the vote lane, which uses only which version served a bad
// request.
func TestScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb := drawTable(t, 100)
		k := float64(rapid.IntRange(2, 50).Draw(t, "times"))
		var one, more harm
		none := noise{fast: 1, vote: 1}
		for h, u := range map[*harm]table{&one: tb, &more: {bad: tb.bad, n: tb.n * k, allBad: tb.allBad, N: tb.N * k}} {
			var means [len(grid)]float64
			u.logMeans(grid[:], means[:])
			h.add(u, u.share(), 1, none, none, Default(), 15, 0, means[:])
		}
		for i := range grid {
			if math.Abs(one.Vote[i]-more.Vote[i]) > 1e-9*one.Vote[i] {
				t.Fatalf("%v and %v", one.Vote[i], more.Vote[i])
			}
		}
	})
}

// TestFalseAlarms runs releases that are no worse, with shared trouble that
// comes and goes. The evidence must have a mean of at most 1 and may reach 1/α
// in at most a fraction α of the releases (Ville).
func TestFalseAlarms(t *testing.T) {
	const runs, alpha = 3000, .05
	r := rand.New(rand.NewPCG(1, 2))
	sum, squares, alarms := 0.0, 0.0, 0
	for range runs {
		j := newJudge(t, func(c *Config) { c.Warmup, c.Alpha, c.Bake, c.Deadline = 0, 1e-9, 86400, 86400 })
		most := 0.0
		j.Observe(Observation{Weight: 10})
		for i := range 20 {
			p := .02
			if r.IntN(5) == 0 {
				p = .3
			}
			count := func(n int) (bad int64) {
				for range n {
					if r.Float64() < p {
						bad++
					}
				}
				return bad
			}
			j.Observe(errorsOf(float64(15*i+15), 10, count(20), 20, count(180), 180))
			most = max(most, j.harm())
		}
		e := j.harm()
		sum, squares = sum+e, squares+e*e
		if most >= 1/alpha {
			alarms++
		}
	}
	mean := sum / runs
	deviation := math.Sqrt((squares/runs - mean*mean) / runs)
	if mean > 1+3*deviation {
		t.Errorf("the mean evidence is %v ± %v", mean, deviation)
	}
	if limit := alpha*runs + 3*math.Sqrt(alpha*runs); float64(alarms) > limit {
		t.Errorf("%d of %d releases would be rejected, more than %.0f", alarms, runs, limit)
	}
}
