package analysis

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestNextLaws checks that more requests of the canary never make the next interval longer, and
// that it stays between the least length and the usual interval.
func TestNextLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		interval := rapid.Float64Range(.5, 120).Draw(t, "interval")
		weight := rapid.Float64Range(1, 100).Draw(t, "weight")
		next := func(requests int64) float64 {
			j := newJudge(t, func(c *Config) {
				c.Interval, c.Ramp.Steps = interval, []Step{{Weight: weight}}
			})
			j.Observe(Observation{Weight: weight})
			return j.Observe(errorsOf(15, weight, 0, requests*int64(weight)/100, 0, requests-requests*int64(weight)/100)).Next
		}
		few := rapid.Int64Range(0, 1e6).Draw(t, "requests")
		more := few + rapid.Int64Range(1, 1e6).Draw(t, "more")
		a, b := next(few), next(more)
		if a < b || a > interval || b < min(leastLook, interval) {
			t.Fatalf("%v s with %d requests, %v s with %d; the interval is %v s", a, few, b, more, interval)
		}
	})
}

// TestShortIntervalsWinNoMore checks that splitting the intervals of a catastrophe that is
// shorter than a block wins no more evidence of harm than the limit of that block.
func TestShortIntervalsWinNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.IntRange(1, 15).Draw(t, "parts")
		tb := drawTable(t, 60)
		h := harm{}
		h.begin(1)
		for i := range grid {
			h.Vote[i], h.Fast[i] = 1, 1
		}
		c := Default()
		block := c.Interval
		for range parts {
			var means [len(grid)]float64
			tb.logMeans(grid[:], means[:])
			h.add(tb, tb.share(), 0, noise{fast: 1, vote: 1}, noise{fast: 1, vote: 1}, c, block/float64(parts), block, means[:])
		}
		if parts == 1 { // only the fast lane has a limit in one interval
			h.Vote = [len(grid)]float64{}
		}
		if ln := math.Log(h.value()); ln > c.most(block)+1e-9 {
			t.Fatalf("e^%v in one block, at most e^%v", ln, c.most(block))
		}
	})
}
