package calibrate

import (
	"math"
	"math/rand/v2"

	"github.com/canarize/canarize/internal/analysis"
)

// A pseudo-canary gets its pods' share of the requests, not the weight of the ramp. So
// its requests are thinned to the share: a random part of them is kept, drawn without
// regard to whether they were bad. Given how many are kept, the bad ones among them are
// hypergeometric, and so is their division between the arms if the pods do not differ.
// That is the law the judge's evidence rests on, and thinning one arm says nothing about
// the other. Repeating requests to get a larger share would not do: copies are not
// independent.

// shares returns the part of the requests that each arm keeps, so that the canary's share
// of all is the weight, from 0 to 1. At least one arm keeps all. The requests of both arms
// are given.
func shares(weight, canary, stable float64) (ofCanary, ofStable float64) {
	if canary <= 0 || stable <= 0 {
		return 1, 1
	}
	odds := weight * stable / ((1 - weight) * canary)
	switch {
	case weight <= 0:
		return 0, 1
	case weight >= 1:
		return 1, 0
	case odds <= 1:
		return odds, 1
	}
	return 1, 1 / odds
}

// kept returns how many of some requests are kept. luck, from 0 to 1, rounds at random.
// Metrics that count the same requests use the same luck, so that they still agree.
func kept(requests int64, part, luck float64) int64 {
	if part >= 1 {
		return requests
	}
	return min(int64(math.Floor(float64(requests)*part+luck)), requests)
}

// thin keeps a random part of the requests.
func thin(r *rand.Rand, c analysis.Counts, part, luck float64) analysis.Counts {
	keep := kept(c.Total, part, luck)
	return analysis.Counts{Bad: hypergeometric(r, c.Total, c.Bad, keep), Total: keep}
}

// thinBelow does the same with the requests within each boundary, of which the last is
// infinite. It adds what it keeps to sum.
func thinBelow(r *rand.Rand, below []int64, part, luck float64, sum []int64) {
	left, before := below[len(below)-1], int64(0)
	keep := kept(left, part, luck)
	so := int64(0)
	for i, n := range below {
		bucket := n - before
		before = n
		k := hypergeometric(r, left, bucket, keep)
		left, keep, so = left-bucket, keep-k, so+k
		sum[i] += so
	}
}

// mostDrawn is the largest number of single draws. Larger numbers are drawn from the
// normal distribution, which then differs little.
const mostDrawn = 5_000

// hypergeometric draws how many of the marked ones are among some that are drawn without
// replacement from all.
func hypergeometric(r *rand.Rand, all, marked, drawn int64) int64 {
	switch {
	case marked <= 0 || drawn <= 0:
		return 0
	case drawn >= all:
		return marked
	case marked >= all:
		return drawn
	case drawn > all-drawn:
		return marked - hypergeometric(r, all, marked, all-drawn)
	case marked > all-marked:
		return drawn - hypergeometric(r, all, all-marked, drawn)
	}
	few, many := min(marked, drawn), max(marked, drawn) // the law is symmetric in them
	if few > mostDrawn {
		n, p := float64(few), float64(many)/float64(all)
		spread := math.Sqrt(n * p * (1 - p) * float64(all-few) / float64(all-1))
		return min(max(int64(math.Round(n*p+spread*r.NormFloat64())), 0), few)
	}
	found := int64(0)
	for i := range few {
		if r.Float64()*float64(all-i) < float64(many-found) {
			found++
		}
	}
	return found
}
