package analysis

import "math"

// Difference is the canary's rate of bad requests minus stable's, from -1 to 1, with an
// interval.
type Difference struct{ Value, Low, High float64 }

// DifferenceOf returns the difference of the rates of two versions, and false if a version had
// no request or the counts are no part of the requests. While all requests are independent and
// each version has a rate that does not change, the intervals contain the true difference at
// all times at once with a probability of at least 1-alpha: somebody may look after every
// request and stop at any of them. Unlike the intervals of the judge, they know nothing of
// noise between intervals and pods.
//
// The likelihood of all requests under a prior, over that under the true rates, is a martingale
// that begins at 1 (Robbins, Annals of Mathematical Statistics 41, 1970; Howard, Ramdas,
// McAuliffe and Sekhon, Annals of Statistics 49, 2021). By Ville's inequality it ever reaches
// 1/alpha with a probability of at most alpha. The interval holds the differences of all pairs
// of rates for which it is below.
func DifferenceOf(canary, stable Counts, alpha float64) (Difference, bool) {
	if !canary.countable() || !stable.countable() {
		return Difference{}, false
	}
	c, s := canary.outcomes(), stable.outcomes()
	d := Difference{Value: c.bad/(c.bad+c.good) - s.bad/(s.bad+s.good)}
	least := mixed(c, s) - math.Log(1/alpha)
	d.High = max(farthest(c, s, least), d.Value)
	d.Low = min(-farthest(s, c, least), d.Value)
	return d, true
}

func (c Counts) countable() bool { return c.Total > 0 && c.Bad >= 0 && c.Bad <= c.Total }

func (c Counts) outcomes() outcomes { return outcomes{float64(c.Bad), float64(c.Total - c.Bad)} }

// outcomes are the requests of a version.
type outcomes struct{ bad, good float64 }

// mixed returns the logarithm of the likelihood of all requests under the prior: with a
// probability of one half both versions have the same rate, otherwise each has its own.
// Compared with rates that are always each version's own, this makes the intervals of equal
// versions up to 20 % narrower, and those of others 3 % wider.
func mixed(c, s outcomes) float64 {
	own, same := c.mixed()+s.mixed(), outcomes{c.bad + s.bad, c.good + s.good}.mixed()
	return max(own, same) + math.Log1p(math.Exp(-math.Abs(own-same))) - math.Ln2
}

// mixed returns the logarithm of the likelihood under the prior of a rate.
func (o outcomes) mixed() float64 {
	return logBeta(priorBad+o.bad, priorGood+o.good) - logBeta(priorBad, priorGood)
}

// priorBad and priorGood are the parameters of the prior of a rate, a beta law. It favours
// small rates: up to 5 % the intervals are narrower than with Krichevsky and Trofimov's
// Beta(1/2, 1/2), by a quarter where there are few bad requests.
const priorBad, priorGood = .25, 1

func logBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

// likelihood returns the logarithm of the likelihood of a rate p; rest is 1-p.
func (o outcomes) likelihood(p, rest float64) float64 {
	return weighted(o.bad, p) + weighted(o.good, rest)
}

// weighted returns n·ln p, and 0 if n is 0.
func weighted(n, p float64) float64 {
	if n == 0 {
		return 0
	}
	return n * math.Log(p)
}

// farthest returns the largest difference p - q of a rate p of one version and a rate q of the
// other whose log-likelihood is at least least. This set of pairs is convex. At the pair that
// is farthest, the log-likelihood falls as fast with p as it rises with q. So farthest searches
// this slope, not the pair: the larger the slope, the smaller the likelihood.
func farthest(one, other outcomes, least float64) float64 {
	low, high := math.Log(flattest), math.Log(steepest)
	difference := 0.0
	for range halvings {
		middle := (low + high) / 2
		slope := math.Exp(middle)
		p, rest := one.rate(slope)
		up, q := outcomes{other.good, other.bad}.rate(slope) // a smaller rate of bad requests is a larger one of good ones
		if one.likelihood(p, rest)+other.likelihood(q, up) > least {
			low = middle
		} else {
			high = middle
		}
		difference = p - q
	}
	return difference
}

// The slopes between which farthest searches. The first is flatter, the last steeper than any
// that counts up to 1e12 have. The halvings leave an error below 1e-12 of the slope.
const (
	flattest = 1e-6
	steepest = 1e30
	halvings = 47
)

// rate returns the rate p at which the log-likelihood falls with a slope, and 1-p. The equation
// -bad/p + good/(1-p) = slope is quadratic. Both results are exact where they are small.
func (o outcomes) rate(slope float64) (p, rest float64) {
	n := o.bad + o.good
	root := math.Sqrt((n-slope)*(n-slope) + 4*slope*o.bad)
	if n > slope {
		p = 2 * o.bad / (n - slope + root)
	} else {
		p = (slope - n + root) / (2 * slope)
	}
	return min(p, 1), 2 * o.good / (n + slope + root)
}
