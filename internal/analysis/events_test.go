package analysis

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestEventsExpectNothing sums over the law of the canary's events and checks that no bet has
// an expected gain: neither that against fewer events while there are as many or more, nor
// that against more while there are as many or fewer.
func TestEventsExpectNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		canary := float64(rapid.IntRange(1, 500).Draw(t, "the canary's requests"))
		stable := float64(rapid.IntRange(1, 2000).Draw(t, "stable's requests"))
		both := rapid.IntRange(1, 60).Draw(t, "events") // there may be more than requests
		odds := rapid.SampledFrom([]float64{.3, .9, 1, 1, 1.2, 4}).Draw(t, "times as likely on the canary")
		q := canary / (canary + stable)
		p := odds * q / (1 - q + odds*q)
		fewer, more := 0., 0.
		for n := range both + 1 {
			e := events{}
			e.count(pendingEvents{Canary: Total{Bad: float64(n), All: canary}, Stable: Total{Bad: float64(both - n), All: stable}}, interval{begun: 1}, noise{fast: 1, vote: 1}, Default())
			ln := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
			chance := math.Exp(ln(both) - ln(n) - ln(both-n) + float64(n)*math.Log(p) + float64(both-n)*math.Log1p(-p))
			fewer, more = fewer+chance*e.Fewer.value(), more+chance*e.More.value()
		}
		if odds >= 1 && fewer > 1+1e-9 || odds <= 1 && more > 1+1e-9 {
			t.Fatalf("expected wealth %g against fewer, %g against more", fewer, more)
		}
	})
}

// shop is a release of a shop in which every fifth request is an order, and errors are rare.
func shop(t *testing.T, seed uint64, times float64) (Decision, int) {
	g := gateway{r: rand.New(rand.NewPCG(18, seed)), rate: 100, lag: 2, multiple: 1}
	j := newJudge(t, nil)
	d := j.Observe(Observation{})
	g.setTo(0, d.Weight)
	for i := 1; i <= 240; i++ {
		o := g.observe(float64(i-1)*15, float64(i)*15)
		canary, stable := float64(o.Metrics["errors"].Canary.Total), float64(o.Metrics["errors"].Stable.Total)
		o.Events = map[string]Events{"orders": {Canary: int64(g.poisson(canary * .2 * times)), Stable: int64(g.poisson(stable * .2))}}
		if d = j.Observe(o); d.Verdict == Reject || d.Verdict == Promote {
			return d, i
		}
		g.setTo(float64(i)*15, d.Weight)
	}
	return d, 240
}

// TestEvents checks that a canary on which people order less is rejected although it has no
// errors, that one on which they order more is held, and that a healthy one is promoted.
func TestEvents(t *testing.T) {
	for _, c := range []struct {
		name   string
		times  float64
		want   Verdict
		least  int // of 100 releases
		reason string
	}{
		{"as many orders", 1, Promote, 99, ""},
		{"half of the orders", .5, Reject, 99, "orders: the canary had "},
		{"no order", 0, Reject, 100, "orders: the canary had 0"},
		{"twice as many orders", 2, Hold, 99, "orders: the canary had "},
	} {
		t.Run(c.name, func(t *testing.T) {
			right, intervals := 0, 0
			for seed := range uint64(100) {
				d, n := shop(t, seed, c.times)
				if intervals += n; d.Verdict == c.want && strings.Contains(d.Reason, c.reason) {
					right++
				}
			}
			t.Logf("%d right, after %d intervals", right, intervals/100)
			if right < c.least {
				t.Errorf("%d of 100", right)
			}
		})
	}
}
