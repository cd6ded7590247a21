package analysis

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestInformation(t *testing.T) {
	// By hand: p̄ = .05·.01 + .95·.001 = .00145; KL(.01‖.00145) = .010797 and
	// KL(.001‖.00145) = .0000785, of which there are 19.
	if have := Information(.001, .01, .05); math.Abs(have-.01229) > .00001 {
		t.Errorf("%v, want .01229", have)
	}
}

// TestToPromote uses the numbers of docs/analysis.md. Without errors, the
// canary alone must be shown to be below ½ point: ln 40 / -ln .995.
func TestToPromote(t *testing.T) {
	for stable, want := range map[float64]float64{0: 736, .001: 1381, .01: 1307} {
		if have := Default().ToPromote("errors", stable, 5); math.Abs(have-want) > 5 {
			t.Errorf("at %v: %v, want %v", stable, have, want)
		}
	}
}

// TestPlanLaws checks that less harm and a smaller margin need more requests.
func TestPlanLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Default()
		stable := rapid.Float64Range(0, .4).Draw(t, "stable")
		less := rapid.Float64Range(.001, .2).Draw(t, "less harm")
		more := less + rapid.Float64Range(.001, .2).Draw(t, "more harm")
		weight := rapid.Float64Range(.5, 50).Draw(t, "weight")
		if a, b := c.ToAlarm(stable, stable+less, weight), c.ToAlarm(stable, stable+more, weight); !(a >= b*(1-1e-9) && b > 0) {
			t.Fatalf("%v requests for less harm, %v for more", a, b)
		}
		if !math.IsInf(c.ToAlarm(stable, stable, weight), 1) {
			t.Fatal("an alarm without harm")
		}
		c.Margins = map[string]float64{"narrow": 100 * less, "wide": 100 * more}
		if a, b := c.ToPromote("narrow", stable, weight), c.ToPromote("wide", stable, weight); !(a >= b*(1-1e-9) && b > 0) {
			t.Fatalf("%v requests for a narrow margin, %v for a wide one", a, b)
		}
	})
}

// TestPlanHolds compares the closed form with the judge.
func TestPlanHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	binomial := func(n int, p float64) (k int64) {
		for range n {
			if r.Float64() < p {
				k++
			}
		}
		return k
	}
	const runs, weight = 200, 5
	for _, harm := range []struct{ stable, canary float64 }{{.001, .01}, {.01, .03}} {
		requests := 0.
		for range runs {
			j := newJudge(t, func(c *Config) {
				c.Warmup, c.Bake, c.Deadline, c.Beta, c.Ramp.Steps = 0, 1e6, 1e6, 1e-9, []Step{{Weight: weight}}
			})
			j.Observe(Observation{Weight: weight})
			for i := 1; ; i++ {
				requests += 10
				if j.Observe(errorsOf(float64(15*i), weight, binomial(10, harm.canary), 10, binomial(190, harm.stable), 190)).Verdict == Reject {
					break
				}
			}
		}
		want := Default().ToAlarm(harm.stable, harm.canary, weight)
		if have := requests / runs; have < want*.6 || have > want*1.5 {
			t.Errorf("%v → %v: %v requests to an alarm, planned %v", harm.stable, harm.canary, have, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"alpha is 0":           func(c *Config) { c.Alpha = 0 },
		"beta is NaN":          func(c *Config) { c.Beta = math.NaN() },
		"deadline is 60":       func(c *Config) { c.Deadline = 60 },
		"overtime":             func(c *Config) { c.Overtime = "never" },
		"margins.a is -1":      func(c *Config) { c.Margins = map[string]float64{"b": -2, "a": -1} },
		"gauges.cpu":           func(c *Config) { c.Gauges = map[string]GaugeRule{"cpu": {Margin: -1}} },
		"limits[0]":            func(c *Config) { c.Limits = []Limit{{Metric: "errors", Max: 1}} },
		"ramp.max is 0":        func(c *Config) { c.Ramp.Max = 0 },
		"ramp.steps[1]":        func(c *Config) { c.Ramp.Steps = []Step{{Weight: 5}, {Weight: 5}} },
		"ramp.steps[0]: the h": func(c *Config) { c.Ramp.Steps = []Step{{Weight: 5, Hold: -1}} },
	} {
		c := Default()
		change(&c)
		if err := c.Validate(); err == nil || len(err.Error()) < len(says) || err.Error()[:len(says)] != says {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if _, err := ForProfile("slow"); err == nil {
		t.Error("an unknown profile was accepted")
	}
}
