package analysis

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestWorkedExample checks three methods to judge one interval against numbers
// computed by hand: 4 of 75 canary requests and 14 of 1,425 stable requests
// were bad.
func TestWorkedExample(t *testing.T) {
	tb := table{bad: 4, n: 75, allBad: 18, N: 1500}
	shares := [...]float64{.14, .2, .18, .14, .1, .1, .14}
	var exact [len(grid)]float64
	tb.logMeans(grid[:], exact[:])
	vote, binomial, hypergeometric := 0.0, 0.0, 0.0
	for i, ρ := range grid {
		q, s := tb.share(), tb.bad/tb.allBad
		vote += shares[i] * (1 + (ρ-1)*s) / (1 + (ρ-1)*q)
		binomial += shares[i] * math.Exp(tb.bad*math.Log(ρ)-tb.allBad*math.Log1p((ρ-1)*q))
		hypergeometric += shares[i] * math.Exp(tb.bad*math.Log(ρ)-exact[i])
	}
	for _, c := range []struct {
		name       string
		have, want float64
	}{{"vote", vote, 1.89}, {"binomial", binomial, 8.95}, {"hypergeometric", hypergeometric, 9.43}} {
		if math.Abs(c.have-c.want) > .005 {
			t.Errorf("%s: %v, want %v", c.name, c.have, c.want)
		}
	}
}

// chances returns the probabilities of a hypergeometric X, from logarithms of
// factorials.
func chances(tb table) map[float64]float64 {
	choose := func(n, k float64) float64 {
		a, _ := math.Lgamma(n + 1)
		b, _ := math.Lgamma(k + 1)
		c, _ := math.Lgamma(n - k + 1)
		return a - b - c
	}
	of := map[float64]float64{}
	for x := max(0, tb.allBad-(tb.N-tb.n)); x <= min(tb.allBad, tb.n); x++ {
		of[x] = math.Exp(choose(tb.n, x) + choose(tb.N-tb.n, tb.allBad-x) - choose(tb.N, tb.allBad))
	}
	return of
}

func drawTable(t *rapid.T, most int) table {
	n, m := rapid.IntRange(1, most).Draw(t, "canary"), rapid.IntRange(1, most).Draw(t, "stable")
	tb := table{n: float64(n), N: float64(n + m)}
	tb.allBad = float64(rapid.IntRange(0, n+m).Draw(t, "bad"))
	tb.bad = float64(rapid.IntRange(max(0, int(tb.allBad)-m), min(n, int(tb.allBad))).Draw(t, "canary bad"))
	return tb
}

// TestLogMeans compares the recursion with the law itself, and checks that a
// larger table gets an upper bound that is close.
func TestLogMeans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb := drawTable(t, 300)
		var means [len(grid)]float64
		tb.logMeans(grid[:], means[:])
		exact := min(tb.allBad, tb.n)-max(0, tb.allBad-(tb.N-tb.n)) <= exactTerms
		for i, ρ := range grid {
			want := 0.0
			for x, p := range chances(tb) {
				want += p * math.Pow(ρ, x)
			}
			want = math.Log(want)
			slack := 1e-6 * max(1, math.Abs(want))
			if means[i] < want-slack {
				t.Fatalf("%+v, ρ=%v: %v is below ln E = %v", tb, ρ, means[i], want)
			}
			if exact && means[i] > want+slack {
				t.Fatalf("%+v, ρ=%v: %v is not ln E = %v", tb, ρ, means[i], want)
			}
		}
	})
}

// TestSharedAtMost checks that the bound for an interval with a changed weight
// is above the mean at every smaller share.
func TestSharedAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb := drawTable(t, 1000)
		most := rapid.Float64Range(tb.share(), 1).Draw(t, "largest share")
		var bound, mean [len(grid)]float64
		tb.sharedAtMost(most, grid[:], bound[:])
		tb.logMeans(grid[:], mean[:])
		for i := range grid {
			if bound[i] < mean[i]-1e-9*math.Abs(mean[i])-1e-9 {
				t.Fatalf("%+v: %v is below %v", tb, bound[i], mean[i])
			}
		}
	})
}

// TestBetsExpectNothing sums over the law and checks that the gain of every lane
// in an interval has a mean of at most 1 while the canary is no worse.
func TestBetsExpectNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb := drawTable(t, 60)
		was := noise{fast: rapid.Float64Range(1, 5).Draw(t, "fast"), vote: rapid.Float64Range(1, 5).Draw(t, "vote")}
		now := noise{fast: was.fast * rapid.Float64Range(.5, 4).Draw(t, "×"), vote: was.vote * rapid.Float64Range(.5, 4).Draw(t, "×")}
		q := tb.share()
		if rapid.Bool().Draw(t, "mixed") {
			q = rapid.Float64Range(q, 1).Draw(t, "largest share")
		}
		var means [len(grid)]float64
		if q == tb.share() {
			tb.logMeans(grid[:], means[:])
		} else {
			tb.sharedAtMost(q, grid[:], means[:])
		}
		burst := rapid.SampledFrom(blockLengths[:]).Draw(t, "burst")
		mean := 0.0
		for x, p := range chances(tb) {
			h := harm{Begun: 1}
			for i := range grid {
				h.Vote[i], h.Fast[i] = 1, 1
			}
			tb.bad = x
			h.add(tb, q, 0, was, now, Default(), 15, burst, means[:])
			mean += p * h.value()
		}
		if mean > 1+1e-7 {
			t.Fatalf("%+v: the mean wealth is %v", tb, mean)
		}
	})
}
