package analysis

import "math"

// table is what both arms did in one interval: bad of n requests of the canary,
// and Bad of N requests of both, were bad.
type table struct{ bad, n, allBad, N float64 }

// share is the canary's share of the requests.
func (t table) share() float64 { return t.n / t.N }

// exactTerms bounds the work of an exact sum; beyond it the bounds are close.
const exactTerms = 64

// logMeans fills means with ln E[ρ^X] for every ρ of odds, where X, the canary's
// bad requests given all totals, is hypergeometric: whatever trouble both arms
// share, it falls on requests of the canary as blindly as on those of stable. A
// large table gets the smaller of two upper bounds: the hypergeometric law is
// below the binomial ones with the same mean in convex order (Hoeffding, Journal
// of the American Statistical Association 58, 1963), so that e-values stay valid.
func (t table) logMeans(odds, means []float64) {
	if t.exactLogMeans(odds, means) {
		return
	}
	for i, ρ := range odds {
		means[i] = min(t.allBad*math.Log1p((ρ-1)*t.share()), t.n*math.Log1p((ρ-1)*t.allBad/t.N))
	}
}

// exactLogMeans sums over the support, if that is small. It uses that each term
// of the law is a simple multiple of the one before, and that the normalising
// constant is the same sum with ρ = 1.
func (t table) exactLogMeans(odds, means []float64) bool {
	least := max(0, t.allBad-(t.N-t.n))
	terms := min(t.allBad, t.n) - least
	if terms > exactTerms {
		return false
	}
	var powers, sums [len(grid) + 1]float64
	for i := range odds {
		powers[i], sums[i] = 1, 1
	}
	term, sum := 1.0, 1.0
	for x := least; x < least+terms; x++ {
		term *= (t.allBad - x) * (t.n - x) / ((x + 1) * (t.N - t.allBad - t.n + x + 1))
		sum += term
		for i, ρ := range odds {
			powers[i] *= ρ
			sums[i] += term * powers[i]
		}
	}
	for i, ρ := range odds {
		means[i] = least*math.Log(ρ) + math.Log(sums[i]/sum)
		if math.IsNaN(means[i]) || math.IsInf(means[i], 0) {
			return false
		}
	}
	return true
}

// sharedAtMost fills means with an upper bound of ln E[ρ^X] when all that is
// known of the canary's share is that it was never above q in the interval: every
// bad request was the canary's with a chance of at most q.
func (t table) sharedAtMost(q float64, odds, means []float64) {
	for i, ρ := range odds {
		means[i] = t.allBad * math.Log1p((ρ-1)*q)
	}
}
