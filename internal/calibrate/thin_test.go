package calibrate

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
)

// TestShares checks that the canary gets its weight, and that one arm keeps everything.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.Float64Range(.001, .999).Draw(t, "weight")
		canary, stable := rapid.Float64Range(1, 1e6).Draw(t, "canary"), rapid.Float64Range(1, 1e6).Draw(t, "stable")
		c, s := shares(weight, canary, stable)
		if max(c, s) != 1 || min(c, s) < 0 {
			t.Errorf("%v and %v", c, s)
		}
		if got := c * canary / (c*canary + s*stable); math.Abs(got-weight) > 1e-9 {
			t.Errorf("the share is %v, want %v", got, weight)
		}
	})
}

// TestThinning checks that no request is invented, that metrics of the same requests agree,
// and that histograms stay histograms.
func TestThinning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		total := rapid.Int64Range(0, 20_000).Draw(t, "total")
		c := analysis.Counts{Bad: rapid.Int64Range(0, total).Draw(t, "bad"), Total: total}
		part, luck := rapid.Float64Range(0, 1).Draw(t, "part"), rapid.Float64Range(0, .999).Draw(t, "luck")
		thinned := thin(r, c, part, luck)
		if thinned.Bad < 0 || thinned.Bad > min(c.Bad, thinned.Total) || thinned.Total-thinned.Bad > c.Total-c.Bad || math.Abs(float64(thinned.Total)-part*float64(total)) > 1 {
			t.Errorf("%+v of %+v, part %v", thinned, c, part)
		}
		below := []int64{c.Bad / 3, c.Bad, total}
		sum := make([]int64, 3)
		thinBelow(r, below, part, luck, sum)
		if sum[2] != thinned.Total || sum[0] > sum[1] || sum[1] > sum[2] || sum[0] < 0 || sum[0] > below[0] || sum[1]-sum[0] > below[1]-below[0] {
			t.Errorf("%v of %v, want %d in all", sum, below, thinned.Total)
		}
	})
}

// TestHypergeometric compares the mean and the variance with those of the law, also where
// the numbers are large.
func TestHypergeometric(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	for _, c := range []struct{ all, marked, drawn int64 }{
		{20, 5, 7}, {100, 90, 40}, {1000, 3, 990}, {300, 200, 200}, {1_000_000, 100_000, 300_000},
	} {
		const n = 20_000
		var sum, squares float64
		for range n {
			k := float64(hypergeometric(r, c.all, c.marked, c.drawn))
			sum, squares = sum+k, squares+k*k
		}
		all, p, drawn := float64(c.all), float64(c.marked)/float64(c.all), float64(c.drawn)
		mean, variance := drawn*p, drawn*p*(1-p)*(all-drawn)/(all-1)
		if got := sum / n; math.Abs(got-mean) > 5*math.Sqrt(variance/n) {
			t.Errorf("%+v: the mean is %v, want %v", c, got, mean)
		}
		if got := squares/n - sum/n*sum/n; math.Abs(got/variance-1) > .06 {
			t.Errorf("%+v: the variance is %v, want %v", c, got, variance)
		}
	}
}
