package analysis

import "math"

// table holds the requests of both arms in one interval: bad of n requests of
// the canary were bad, and allBad of N requests of both arms.
type table struct{ bad, n, allBad, N float64 }

// share returns the canary's share of the requests.
func (t table) share() float64 { return t.n / t.N }

// exactTerms limits the work of an exact sum. Beyond it the bounds are close.
const exactTerms = 64

// logMeans fills means with ln E[ρ^X] for every ρ of odds. X is the canary's
// number of bad requests given all totals. It is hypergeometric: trouble that
// both arms share hits requests of the canary and of stable alike. For a large
// table it uses the smaller of two upper bounds, so that e-values stay valid:
// the hypergeometric law is below the binomial laws with the same mean in
// convex order (Hoeffding, Journal of the American Statistical Association 58,
// 1963).
func (t table) logMeans(odds, means []float64) {
	if t.exactLogMeans(odds, means) {
		return
	}
	for i, ρ := range odds {
		means[i] = min(t.allBad*math.Log1p((ρ-1)*t.share()), t.n*math.Log1p((ρ-1)*t.allBad/t.N))
	}
}

// exactLogMeans sums over the support if that is small, and reports whether it
// did. Each term of the law is a simple multiple of the term before, and the
// normalising constant is the same sum with ρ = 1.
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

// sharedAtMost fills means with an upper bound of ln E[ρ^X] for a share that is
// only known to have been at most q in the interval. Then every bad request
// came from the canary with a probability of at most q.
func (t table) sharedAtMost(q float64, odds, means []float64) {
	for i, ρ := range odds {
		means[i] = t.allBad * math.Log1p((ρ-1)*q)
	}
}
