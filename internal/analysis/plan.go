package analysis

import "math"

// divergence returns the Kullback–Leibler divergence of two Bernoulli laws, in
// nats.
func divergence(p, q float64) float64 {
	sum := 0.0
	if p > 0 {
		sum += p * math.Log(p/q)
	}
	if p < 1 {
		sum += (1 - p) * (math.Log1p(-p) - math.Log1p(-q))
	}
	return sum
}

// Information returns the mean evidence, in nats, of one canary request
// together with stable's requests in the same time. stable and canary are the
// ratios of bad requests and share is the canary's share of the requests, all
// from 0 to 1. The evidence is the likelihood of two ratios against that of one
// for both. No test with a false-alarm probability α needs fewer than about
// ln(1/α)/Information requests on average (Wald, Annals of Mathematical
// Statistics 16, 1945).
func Information(stable, canary, share float64) float64 {
	both := share*canary + (1-share)*stable
	return divergence(canary, both) + (1-share)/share*divergence(stable, both)
}

// Needed returns the evidence of harm that rejects, and the evidence of health
// that every metric needs for a promotion.
func (c Config) Needed() (reject, promote float64) {
	return 1 / ((1 - brakeShare) * c.Alpha), 1 / c.Beta
}

// overBound is in the middle of the range that simulations gave.
const overBound = 1.7

// ToAlarm returns how many canary requests a rejection is expected to need.
// stable and canary are the ratios of bad requests, from 0 to 1; weight is the
// canary's percentage of the requests. It returns +Inf if the canary is no
// worse. The judge does not know the harm beforehand and allows for clusters of
// bad requests. Therefore it needs more requests than the bound of Information:
// 1.4 to 2.3 times as many in simulations with only a few bad requests in an
// interval.
func (c Config) ToAlarm(stable, canary, weight float64) float64 {
	if canary <= stable || weight <= 0 {
		return math.Inf(1)
	}
	share := min(weight/100, .99)
	return max(overBound*math.Log(1/c.Alpha)/Information(stable, canary, share), leastExcess/(canary-stable)/(1-share))
}

// ToPromote returns how many requests a healthy canary is expected to need for
// its promotion. stable is stable's ratio of bad requests, from 0 to 1; weight
// is the canary's percentage of the requests.
func (c Config) ToPromote(metric string, stable, weight float64) float64 {
	margin := c.margin(metric)
	s := safe{Beside: 1, Alone: 1, Begun: 1}
	return s.needed(1, c.Beta, marginRatio(stable, margin), stable, margin, weight/100)
}

// marginRatio returns the ratio of bad requests at which harm begins: twice
// stable's, and at least the margin more.
func marginRatio(usual, margin float64) float64 {
	return max(2, 1+margin/max(usual, 1e-9))
}
