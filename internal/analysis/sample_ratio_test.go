package analysis

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// outside is a gateway beside which other callers reach stable alone.
type outside struct {
	gateway
	stable          float64 // their requests per second
	bad, stableOnly float64 // the ratio of bad answers: of both versions to the gateway's requests, and of stable to the others
	canaryTimes     float64 // how many times more often the canary fails

}

// observe returns the counts between two times.
func (g *outside) observe(from, to float64) Observation {
	o := g.gateway.observe(from, to)
	canary, stable := o.Metrics["errors"].Canary.Counts, o.Metrics["errors"].Stable.Counts
	inside := float64(stable.Total)
	others := g.poisson(g.stable * (to - from))
	bad := g.poisson(inside*g.bad) + g.poisson(others*g.stableOnly)
	return errorsOf(to, o.Weight, int64(min(g.poisson(float64(canary.Total)*g.bad*g.canaryTimes), float64(canary.Total))), canary.Total, int64(bad), stable.Total+int64(others))
}

// TestOtherCallers checks that requests which the gateway does not split end in a hold for
// the routing within 8 intervals, and in no verdict: neither against a healthy canary nor
// for a bad one.
func TestOtherCallers(t *testing.T) {
	for _, c := range []struct {
		name       string
		stable     float64 // other requests per second, beside 100 from the gateway
		stableOnly float64 // their ratio of bad answers
		times      float64 // the canary's ratio, times stable's
		multiple   float64 // the canary's share, times its weight
		most       int     // intervals
	}{
		{"80 good requests a second, a healthy canary", 80, 0, 1, 1, 6},
		{"20 good requests a second, a healthy canary", 20, 0, 1, 1, 20},
		{"80 requests a second with 3 % errors, a bad canary", 80, .03, 10, 1, 6},
		{"1.3 times its share", 0, 0, 1, 1.3, 9},
		{"three quarters of its share", 0, 0, 1, .75, 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			sum, last := 0, 0
			const releases = 100
			for n := range releases {
				g := &outside{gateway: gateway{r: rand.New(rand.NewPCG(11, uint64(n))), rate: 100, lag: 2, multiple: c.multiple}, stable: c.stable, bad: .01, stableOnly: c.stableOnly, canaryTimes: c.times}
				j := newJudge(t, func(c *Config) { c.Ramp.Steps = []Step{{Weight: 5}} })
				g.setTo(-1e6, 5)
				j.Observe(Observation{Weight: 5})
				held := 0
				for i := 1; i <= 160; i++ {
					d := j.Observe(g.observe(float64(i-1)*15, float64(i)*15))
					if d.Verdict == Reject || d.Verdict == Promote {
						t.Fatalf("release %d: %s after %d intervals: %s", n, d.Verdict, i, d.Reason)
					}
					if d.Cause == Routing && held == 0 {
						held = i
					}
				}
				if held == 0 {
					t.Fatalf("release %d is never held", n)
				}
				sum, last = sum+held, max(last, held)
			}
			t.Logf("held after %.1f intervals, at most %d", float64(sum)/releases, last)
			if last > c.most {
				t.Errorf("held after %d intervals, want at most %d", last, c.most)
			}
		})
	}
}

// TestSampleRatioIsFair checks the promise about a right split: the expected factor of a bet
// is at most 1 for every weight that may have been in force. It sums over all counts.
func TestSampleRatioIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Float64Range(.5, 50).Draw(t, "least weight")
		high := rapid.SampledFrom([]float64{low, low, low + rapid.Float64Range(0, 45).Draw(t, "more")}).Draw(t, "most weight")
		both := rapid.IntRange(1, 60).Draw(t, "requests")
		share := (low + (high-low)*rapid.Float64Range(0, 1).Draw(t, "position")) / 100
		var mean [len(odds)]float64
		for n := range both + 1 {
			s := sampleRatio{Begun: 1}
			for i := range s.Wealth {
				s.Wealth[i] = 1
			}
			s.add(waiting{Canary: float64(n), Both: float64(both), Seconds: 15, Least: low, Most: high}, high, 1, 15)
			ln := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
			p := math.Exp(ln(both) - ln(n) - ln(both-n) + float64(n)*math.Log(share) + float64(both-n)*math.Log1p(-share))
			for i := range mean {
				mean[i] += p * s.Wealth[i]
			}
		}
		for i, m := range mean {
			if m > 1+1e-9 {
				t.Fatalf("odds %g: the expected factor is %g", odds[i], m)
			}
		}
	})
}

// TestBrakePassesTheSplit checks that a catastrophe is rejected although the split is wrong.
func TestBrakePassesTheSplit(t *testing.T) {
	j := newJudge(t, func(c *Config) { c.Ramp.Steps = []Step{{Weight: 5}} })
	j.Observe(Observation{Weight: 5})
	d := Decision{}
	for i := 1; i <= 20; i++ {
		bad := int64(0)
		if i == 20 {
			bad = 60
		}
		if d = j.Observe(errorsOf(float64(15*i), 5, bad, 75, 10, 2600)); i == 19 && d.Cause != Routing {
			t.Fatalf("%s %s", d.Verdict, d.Cause)
		}
	}
	if d.Verdict != Reject {
		t.Errorf("%s %s: %s", d.Verdict, d.Cause, d.Reason)
	}
}

// TestMendedSplit checks that the hold ends when the gateway's requests alone are counted.
func TestMendedSplit(t *testing.T) {
	j := newJudge(t, func(c *Config) { c.Ramp.Steps = []Step{{Weight: 5}} })
	j.Observe(Observation{Weight: 5})
	d, held, ended := Decision{}, 0, 0
	for i := 1; i <= 200 && d.Verdict != Promote; i++ {
		stable := int64(2600)
		if i > 10 {
			stable = 1425
		}
		d = j.Observe(errorsOf(float64(15*i), 5, 0, 75, 10, stable))
		if d.Cause == Routing {
			held = i
		} else if held > 0 && ended == 0 {
			ended = i
		}
	}
	if ended == 0 || d.Verdict != Promote {
		t.Errorf("held until %d, ended at %d, then %s %s: %s", held, ended, d.Verdict, d.Cause, d.Reason)
	}
	t.Logf("right again from interval 11 on, no hold from %d on", ended)
}
