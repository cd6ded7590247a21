package simulate

import (
	"math"
	"math/rand/v2"
)

// Both samplers are exact. Below this mean they count single events; above it
// they use transformed rejection, whose cost does not grow with the mean.
const smallMean = 10

// poisson draws from the Poisson distribution. For small means it multiplies
// uniforms (Knuth, The Art of Computer Programming, vol. 2, 3.4.1), else it
// uses PTRS (Hörmann, Insurance: Mathematics and Economics 12, 1993).
func poisson(r *rand.Rand, mean float64) int64 {
	switch {
	case mean <= 0:
		return 0
	case mean < smallMean:
		k := int64(0)
		for limit, product := math.Exp(-mean), r.Float64(); product > limit; product *= r.Float64() {
			k++
		}
		return k
	}
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	inverseAlpha := 1.1239 + 1.1328/(b-3.4)
	accept := 0.9277 - 3.6224/(b-2)
	for {
		u, v := r.Float64()-0.5, r.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= accept {
			return int64(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		if math.Log(v*inverseAlpha/(a/(us*us)+b)) <= k*math.Log(mean)-mean-logFactorial(k) {
			return int64(k)
		}
	}
}

// binomial draws from the binomial distribution. For few successes it uses the
// waiting times between them (Devroye, Non-Uniform Random Variate Generation,
// X.4.3), else the transformed rejection BTRS (Hörmann, Journal of Statistical
// Computation and Simulation 46, 1993).
func binomial(r *rand.Rand, n int64, p float64) int64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - binomial(r, n, 1-p)
	case float64(n)*p < smallMean:
		return binomialByWaiting(r, n, p)
	}
	size := float64(n)
	spread := math.Sqrt(size * p * (1 - p))
	b := 1.15 + 2.53*spread
	a := -0.0873 + 0.0248*b + 0.01*p
	center := size*p + 0.5
	accept := 0.92 - 4.2/b
	alpha := (2.83 + 5.1/b) * spread
	mode := math.Floor((size + 1) * p)
	odds := math.Log(p / (1 - p))
	atMode := logFactorial(mode) + logFactorial(size-mode)
	for {
		u, v := r.Float64()-0.5, r.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + center)
		if us >= 0.07 && v <= accept {
			return int64(k)
		}
		if k < 0 || k > size {
			continue
		}
		if math.Log(v*alpha/(a/(us*us)+b)) <= atMode-logFactorial(k)-logFactorial(size-k)+(k-mode)*odds {
			return int64(k)
		}
	}
}

// binomialByWaiting counts the successes in n trials. It draws the geometric
// number of trials to each next success.
func binomialByWaiting(r *rand.Rand, n int64, p float64) int64 {
	failure := math.Log1p(-p)
	left, k := float64(n), int64(0)
	for {
		// 1-Float64 is in (0, 1], so that the logarithm is finite.
		left -= math.Floor(math.Log(1-r.Float64())/failure) + 1
		if left < 0 {
			return k
		}
		k++
	}
}

func logFactorial(k float64) float64 {
	v, _ := math.Lgamma(k + 1)
	return v
}
