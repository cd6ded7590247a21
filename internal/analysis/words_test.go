package analysis

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestNoSignIsTrue checks on random counts that nobody reads "no sign of harm" while many more
// of the canary's requests are bad than stable's.
func TestNoSignIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := newJudge(t, func(c *Config) { c.Ramp.Steps = []Step{{Weight: 5}} })
		ratio := rapid.SampledFrom([]float64{1, 10, 30, 50}).Draw(t, "the canary's percent")
		canary := rapid.Int64Range(1, 90).Draw(t, "the canary's requests in an interval")
		total, bad := int64(0), int64(0)
		j.Observe(Observation{Weight: 5})
		for i := 1; i <= rapid.IntRange(1, 12).Draw(t, "intervals"); i++ {
			n := rapid.Int64Range(0, max(1, int64(ratio*float64(canary)/50))).Draw(t, "bad")
			n = min(n, canary)
			d := j.Observe(errorsOf(float64(15*i), 5, n, canary, 1, 19*canary))
			if total, bad = total+canary, bad+n; d.Verdict != Continue {
				return
			}
			e := d.Evidence["errors"]
			if strings.Contains(d.Reason, "There is no sign of harm") && bad >= 10 && float64(bad)/float64(total) > 10*float64(e.Stable.Bad+1)/float64(e.Stable.Total) {
				t.Fatalf("%d of %d bad, stable %+v: %q", bad, total, e.Stable, d.Reason)
			}
		}
	})
}

// TestPodRecovers checks that a pod which was bad for a time ends the hold when its requests
// show that it is well, and that it is named again when it is bad again.
func TestPodRecovers(t *testing.T) {
	j := newJudge(t, func(c *Config) { c.Ramp.Steps, c.Ramp.HoldBudget = []Step{{Weight: 20}}, 1e6 })
	pods := func(bad int64) *Arm {
		return &Arm{Pods: map[string]Counts{"a": {Bad: bad, Total: 100}, "b": {Total: 100}, "c": {Total: 100}}}
	}
	j.Observe(Observation{Weight: 20})
	var causes []Cause
	for i := 1; i <= 40; i++ {
		bad := int64(0)
		if i >= 5 && i < 8 || i >= 20 && i < 23 {
			bad = 50
		}
		d := j.Observe(Observation{Time: float64(15 * i), Weight: 20, Metrics: map[string]Pair{"errors": {Canary: pods(bad), Stable: &Arm{Counts: Counts{Bad: 1, Total: 1200}}}}})
		if n := len(causes); n == 0 || causes[n-1] != d.Cause {
			causes = append(causes, d.Cause)
		}
		if d.Verdict == Reject {
			t.Fatalf("interval %d: %s", i, d.Reason)
		}
	}
	if len(causes) != 5 || causes[1] != BadPod || causes[2] != "" || causes[3] != BadPod || causes[4] != "" {
		t.Errorf("the causes are %q", causes)
	}
}

// TestHoldBudget checks that a hold takes the weight to 0 once it has cost its budget, that
// the weight stays 0 while the hold lasts, and that a canary without that pod goes on.
func TestHoldBudget(t *testing.T) {
	for name, steps := range map[string][]Step{"automatic": nil, "steps": {{Weight: 1}, {Weight: 50}}} {
		t.Run(name, func(t *testing.T) {
			j := newJudge(t, func(c *Config) { c.Ramp.Steps, c.Ramp.HoldBudget = steps, 10 })
			spent, cost := 0, int64(0)
			d := j.Observe(Observation{})
			for i := 1; i <= 60; i++ {
				n := int64(25 * d.Weight)
				bad := n / 2
				a := Counts{Bad: bad, Total: n}
				pods := map[string]Counts{"a": a, "b": {Total: n}, "c": {Total: n}}
				if i > 40 { // somebody replaced it
					pods = map[string]Counts{"b": {Total: n}, "c": {Total: n}, "d": {Total: n}}
				}
				before := d
				d = j.Observe(Observation{Time: float64(15 * i), Weight: d.Weight, Metrics: map[string]Pair{"errors": {Canary: &Arm{Pods: pods}, Stable: &Arm{Counts: Counts{Bad: 1, Total: 7500 - 3*n}}}}})
				if d.Verdict == Reject {
					t.Fatalf("interval %d: %s", i, d.Reason)
				}
				if before.Verdict == Hold && i <= 40 {
					cost += bad
				}
				if d.Verdict == Hold && d.Weight == 0 && spent == 0 {
					spent = i
				}
				if spent > 0 && i <= 40 && (d.Weight != 0 || d.Cause != BadPod) {
					t.Fatalf("interval %d: %s %s, weight %g", i, d.Verdict, d.Cause, d.Weight)
				}
			}
			if spent == 0 || cost > 40 {
				t.Errorf("weight 0 in interval %d, after %d bad requests in holds", spent, cost)
			}
			if d.Cause == BadPod || d.Weight == 0 {
				t.Errorf("without the pod: %s %s, weight %g: %s", d.Verdict, d.Cause, d.Weight, d.Reason)
			}
		})
	}
}
