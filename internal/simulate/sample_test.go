package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestSamplers compares a hundred thousand draws with the exact probabilities
// by Pearson's chi-squared, whose mean is the number of bins less one, and
// whose variance is twice that.
func TestSamplers(t *testing.T) {
	const draws = 100_000
	check := func(name string, draw func(*rand.Rand) int64, logProbability func(k float64) float64) {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			seen := map[int64]float64{}
			for range draws {
				seen[draw(r)]++
			}
			chi, bins, rest, restSeen := 0.0, 0.0, 1.0, float64(draws)
			for k := int64(0); k < 20_000; k++ {
				p := math.Exp(logProbability(float64(k)))
				if expected := p * draws; expected >= 10 {
					chi += (seen[k] - expected) * (seen[k] - expected) / expected
					bins, rest, restSeen = bins+1, rest-p, restSeen-seen[k]
				}
			}
			if expected := rest * draws; expected >= 1 {
				chi += (restSeen - expected) * (restSeen - expected) / expected
				bins++
			} else if restSeen > 5 {
				t.Errorf("%v draws where %v are expected", restSeen, expected)
			}
			if limit := bins - 1 + 4*math.Sqrt(2*bins) + 8; chi > limit {
				t.Errorf("chi squared %.1f in %v bins, more than %.1f", chi, bins, limit)
			}
		})
	}
	for _, mean := range []float64{0.01, 1, 9.9, 10.1, 40, 1500} {
		check(fmt.Sprintf("Poisson %v", mean), func(r *rand.Rand) int64 { return poisson(r, mean) },
			func(k float64) float64 { return k*math.Log(mean) - mean - logFactorial(k) })
	}
	for _, c := range []struct {
		n int64
		p float64
	}{{1, 0.3}, {75, 0.001}, {1425, 0.001}, {1000, 0.011}, {100, 0.4}, {100, 0.95}, {20, 0.5}, {5000, 0.3}, {300_000, 0.001}, {1500, 0.999}} {
		check(fmt.Sprintf("binomial %d %v", c.n, c.p), func(r *rand.Rand) int64 { return binomial(r, c.n, c.p) },
			func(k float64) float64 {
				n := float64(c.n)
				if k > n {
					return math.Inf(-1)
				}
				return logFactorial(n) - logFactorial(k) - logFactorial(n-k) + k*math.Log(c.p) + (n-k)*math.Log1p(-c.p)
			})
	}
}

func TestSamplersAtTheEdges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ have, want int64 }{
		{poisson(r, 0), 0}, {poisson(r, -1), 0}, {binomial(r, 0, 0.5), 0}, {binomial(r, 9, 0), 0},
		{binomial(r, 9, 1), 9}, {binomial(r, 9, 2), 9}, {binomial(r, 9, -1), 0}, {binomial(r, 1e15, 1e-30), 0},
	} {
		if c.have != c.want {
			t.Errorf("%d instead of %d", c.have, c.want)
		}
	}
}

func BenchmarkBinomial(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		n int64
		p float64
	}{{1425, 0.001}, {1425, 0.05}, {300_000, 0.001}} {
		b.Run(fmt.Sprintf("%d/%v", c.n, c.p), func(b *testing.B) {
			for b.Loop() {
				binomial(r, c.n, c.p)
			}
		})
	}
}
