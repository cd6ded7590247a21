package analysis

import "math"

// divergence is the Kullback–Leibler divergence of two Bernoulli laws, in nats.
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

// Information is the mean evidence, in nats, that one request of the canary brings
// together with stable's requests beside it, when the ratios of bad requests are
// those given and share is the canary's share of the requests, all from 0 to 1:
// the likelihood of two ratios against that of one for both. No test with a chance
// α of a false alarm needs fewer than about ln(1/α)/Information requests on
// average (Wald, Annals of Mathematical Statistics 16, 1945).
func Information(stable, canary, share float64) float64 {
	both := share*canary + (1-share)*stable
	return divergence(canary, both) + (1-share)/share*divergence(stable, both)
}

// Needed is the evidence of harm that rejects, and the evidence of health that every
// metric has to have for a promotion.
func (c Config) Needed() (reject, promote float64) {
	return 1 / ((1 - brakeShare) * c.Alpha), 1 / c.Beta
}

// overBound is in the middle of what simulations gave.
const overBound = 1.7

// ToAlarm is how many requests of the canary a rejection is expected to need, when
// its ratio of bad requests is canary beside stable's, from 0 to 1, and weight is
// the percentage of requests that it gets. +Inf when it is no worse. The
// judge does not know the harm beforehand and allows for clusters of bad requests,
// so that it needs more than the bound of Information: 1.4 to 2.3 times as many in
// simulations, if an interval has only a few of them.
func (c Config) ToAlarm(stable, canary, weight float64) float64 {
	if canary <= stable || weight <= 0 {
		return math.Inf(1)
	}
	share := min(weight/100, .99)
	return max(overBound*math.Log(1/c.Alpha)/Information(stable, canary, share), leastExcess/(canary-stable)/(1-share))
}

// ToPromote is how many requests of a healthy canary are expected to be needed
// for its promotion, when stable's ratio of bad requests is the one given, from 0
// to 1, and weight is the percentage of requests that the canary gets.
func (c Config) ToPromote(metric string, stable, weight float64) float64 {
	margin := c.margin(metric)
	s := safe{Beside: 1, Alone: 1, Begun: 1}
	return s.needed(1, c.Beta, marginRatio(stable, margin), stable, margin, weight/100)
}

// marginRatio is the ratio of bad requests to stable's at which harm begins: twice
// as many, and at least the margin more.
func marginRatio(usual, margin float64) float64 {
	return max(2, 1+margin/max(usual, 1e-9))
}
