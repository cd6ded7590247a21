package analysis

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// drawRequests draws the counts of a version that had requests, up to 1e9.
func drawRequests(t *rapid.T, label string) Counts {
	total := rapid.OneOf(rapid.Int64Range(1, 30), rapid.Int64Range(1, 20_000), rapid.Int64Range(1, 1e9)).Draw(t, label)
	bad := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, total), rapid.Just(total)).Draw(t, label+" bad")
	return Counts{Bad: min(bad, total), Total: total}
}

func differenceOf(t failing, canary, stable Counts, alpha float64) Difference {
	t.Helper()
	d, known := DifferenceOf(canary, stable, alpha)
	if !known {
		t.Fatalf("the difference of %v and %v is unknown", canary, stable)
	}
	return d
}

// inside reports whether an interval contains another one but for rounding.
func (d Difference) inside(low, high float64) bool {
	const rounding = 1e-12
	return low <= d.Low+rounding && d.High <= high+rounding
}

// TestDifferenceLaws: the interval is within -1 and 1, contains the difference of the counts,
// is antisymmetric, is wider for a smaller alpha, and is wider than one that holds at a single
// moment.
func TestDifferenceLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		canary, stable := drawRequests(t, "canary"), drawRequests(t, "stable")
		alpha := rapid.Float64Range(1e-9, .5).Draw(t, "alpha")
		d := differenceOf(t, canary, stable, alpha)
		if rate := float64(canary.Bad)/float64(canary.Total) - float64(stable.Bad)/float64(stable.Total); d.Value != rate || !(-1 <= d.Low && d.Low <= rate && rate <= d.High && d.High <= 1) {
			t.Fatalf("%+v of %v and %v", d, canary, stable)
		}
		if turned := differenceOf(t, stable, canary, alpha); turned != (Difference{-d.Value, -d.High, -d.Low}) {
			t.Fatalf("%+v, and %+v if the versions are exchanged", d, turned)
		}
		if surer := differenceOf(t, canary, stable, alpha*rapid.Float64Range(.01, 1).Draw(t, "part")); !d.inside(surer.Low, surer.High) {
			t.Fatalf("%+v is wider than %+v with a smaller alpha", d, surer)
		}
		if d := differenceOf(t, canary, stable, .05); !newcombe(canary, stable).inside(d.Low, d.High) {
			t.Fatalf("%+v does not contain Newcombe's %+v", d, newcombe(canary, stable))
		}
	})
}

// TestDifferenceOfCounts: counts that are none, and counts for which the interval can be
// computed by hand.
func TestDifferenceOfCounts(t *testing.T) {
	for _, c := range []struct{ canary, stable Counts }{
		{Counts{}, Counts{0, 5}}, {Counts{0, 5}, Counts{}}, {Counts{6, 5}, Counts{0, 5}}, {Counts{0, 5}, Counts{-1, 5}}, {Counts{0, -1}, Counts{0, 5}},
	} {
		if d, known := DifferenceOf(c.canary, c.stable, .05); known {
			t.Errorf("%v and %v: %+v", c.canary, c.stable, d)
		}
	}
	const most = math.MaxInt64
	if d := differenceOf(t, Counts{0, most}, Counts{most / 3, most}, .05); !(-1 <= d.Low && d.Low <= d.Value && d.Value <= d.High && d.High < -.3) {
		t.Errorf("as many requests as there are numbers: %+v", d)
	}
	for _, n := range []float64{1, 7, 1000} {
		// The likelihood of no bad request of k under Beta(1/4, 1) is the product of i/(i+1/4).
		none := func(k float64) (product float64) {
			product = 1
			for i := 1.0; i <= k; i++ {
				product *= i / (i + .25)
			}
			return product
		}
		mean := none(n)*none(n)/2 + none(2*n)/2
		d, want := differenceOf(t, Counts{0, int64(n)}, Counts{0, int64(n)}, .05), 1-math.Pow(mean/20, 1/n)
		if math.Abs(d.High-want) > 1e-11 || d.Low != -d.High {
			t.Errorf("no bad request of %v each: %+v instead of ±%v", n, d, want)
		}
		if d := differenceOf(t, Counts{int64(n), int64(n)}, Counts{0, int64(n)}, .05); d.Value != 1 || d.High != 1 || !(d.Low < 1) {
			t.Errorf("only bad requests of %v: %+v", n, d)
		}
	}
	// With many requests the likelihood is normal, and Laplace's method gives that under the
	// prior: the same rate has nearly all of it.
	const n, p = 1e9, .2
	loss := .5*math.Log(2*n/(2*math.Pi*p*(1-p))) - math.Log(.25*math.Pow(p, -.75)) + math.Ln2
	want := math.Sqrt(2*(math.Log(20)+loss)) * math.Sqrt(2*p*(1-p)/n)
	if d := differenceOf(t, Counts{n * p, n}, Counts{n * p, n}, .05); math.Abs(d.High/want-1) > 1e-4 || d.Low != -d.High {
		t.Errorf("many requests: %+v instead of ±%v", d, want)
	}
}

// TestDifferenceIsMartingale: whatever the true rates are, the mean of the martingale is 1 after
// any numbers of requests, because the prior gives all outcomes a probability of 1 together.
func TestDifferenceIsMartingale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, m := rapid.Int64Range(1, 60).Draw(t, "canary"), rapid.Int64Range(1, 60).Draw(t, "stable")
		ways := func(bad, n int64) float64 { return -math.Log(float64(n)+1) - logBeta(float64(bad)+1, float64(n-bad)+1) }
		mean := 0.0
		for x := range n + 1 {
			for y := range m + 1 { // in the chance of x and y times the martingale, the true rates cancel out
				mean += math.Exp(ways(x, n) + ways(y, m) + mixed(Counts{x, n}.outcomes(), Counts{y, m}.outcomes()))
			}
		}
		if math.Abs(mean-1) > 1e-9 {
			t.Fatalf("%v", mean)
		}
	})
}

// TestDifferenceCoverage: looked at again and again, at most 5 % of the releases ever have an
// interval without the truth. Newcombe's interval, which holds at one moment, fails this test.
func TestDifferenceCoverage(t *testing.T) {
	const paths, looks = 2000, 35
	most := paths*.05 + 3*math.Sqrt(paths*.05*.95)
	for i, rates := range [][2]float64{{.001, .001}, {.05, .05}, {.01, .05}} {
		random := rand.New(rand.NewPCG(uint64(i), 7))
		truth := rates[0] - rates[1]
		missed, missedByNewcombe := 0, 0
		for range paths {
			var canary, stable Counts
			out, outOfNewcombe := false, false
			for batch := 10.0; batch < 10*math.Pow(1.2, looks); batch *= 1.2 {
				canary.Bad += failed(random, int64(batch), rates[0])
				canary.Total += int64(batch)
				stable.Bad += failed(random, 3*int64(batch), rates[1])
				stable.Total += 3 * int64(batch)
				d, n := differenceOf(t, canary, stable, .05), newcombe(canary, stable)
				out = out || truth < d.Low || d.High < truth
				outOfNewcombe = outOfNewcombe || truth < n.Low || n.High < truth
			}
			missed += bit(out)
			missedByNewcombe += bit(outOfNewcombe)
		}
		t.Logf("%v: ever without the truth in %.2f %%, Newcombe's in %.1f %%", rates, 100*float64(missed)/paths, 100*float64(missedByNewcombe)/paths)
		if float64(missed) > most {
			t.Errorf("%v: %d of %d releases were ever without the truth, at most %.0f are right", rates, missed, paths, most)
		}
		if float64(missedByNewcombe) <= most {
			t.Errorf("%v: Newcombe's interval passes, so this test proves nothing", rates)
		}
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// failed draws how many of n requests fail: the gaps between failures are geometric.
func failed(random *rand.Rand, n int64, rate float64) (bad int64) {
	for at := int64(0); ; bad++ {
		if at += 1 + int64(math.Log(1-random.Float64())/math.Log1p(-rate)); at > n {
			return bad
		}
	}
}

// newcombe returns the hybrid score interval of 95 % (Newcombe, Statistics in Medicine 17,
// 1998, method 10), which holds at one moment.
func newcombe(canary, stable Counts) Difference {
	const z = 1.959964
	wilson := func(c Counts) (p, low, high float64) {
		n := float64(c.Total)
		p = float64(c.Bad) / n
		middle := (p + z*z/(2*n)) / (1 + z*z/n)
		width := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n)) / (1 + z*z/n)
		return p, max(middle-width, 0), min(middle+width, 1)
	}
	c, cLow, cHigh := wilson(canary)
	s, sLow, sHigh := wilson(stable)
	return Difference{c - s, c - s - math.Hypot(c-cLow, sHigh-s), c - s + math.Hypot(cHigh-c, s-sLow)}
}

func BenchmarkDifference(b *testing.B) {
	for b.Loop() {
		DifferenceOf(Counts{5, 1000}, Counts{19, 19000}, .05)
	}
}
