package analysis

import (
	"fmt"
	"math"
)

// gauge compares a measured quantity of the canary with stable's. Neighbouring
// intervals are correlated, so it bets once per batch on whether the mean
// logarithm of their ratio is above the margin. The correlation of batches is
// only an estimate, so the evidence is not exact. Therefore a gauge only holds
// a release, unless its rule lets it reject.
type gauge struct {
	Name    string               `json:"name"`
	Wealth  [len(stakes)]float64 `json:"wealth"`
	Sum     float64              `json:"sum"`     // over the running batch
	N       float64              `json:"n"`       // intervals in the batch
	Seconds float64              `json:"seconds"` // length of the batch so far
	Lag     correlation          `json:"lag"`
	Missing bool                 `json:"missing"`
	// Approved means that a person finds the difference right.
	Approved bool `json:"approved,omitempty"`
}

// stakes are the fractions of its wealth that a bet on a sign risks.
var stakes = [...]float64{.2, .5, .8, .95}

const (
	shortestBatch = 30  // s; the least length of a batch
	driftBar      = 20  // evidence that holds a release
	driftDoubt    = 3   // evidence that prevents a promotion
	mostDrift     = 1e4 // the most evidence of a gauge, so that a hold ends when the drift does
)

// correlation estimates the correlation of neighbours in a sequence.
type correlation struct {
	N       float64 `json:"n"`
	Sum     float64 `json:"sum"`
	Squares float64 `json:"squares"`
	Last    float64 `json:"last"`
	Product float64 `json:"product"` // Σ of products of neighbours
}

func (c *correlation) add(x float64) {
	if c.N > 0 {
		c.Product += x * c.Last
	}
	c.N, c.Sum, c.Squares, c.Last = c.N+1, c.Sum+x, c.Squares+x*x, x
}

// intervals returns the integrated autocorrelation time in intervals:
// (1+r)/(1-r) for a first-order process.
func (c *correlation) intervals() float64 {
	if c.N < 8 {
		return 1
	}
	mean := c.Sum / c.N
	variance := c.Squares/c.N - mean*mean
	if variance <= 1e-12 {
		return 1
	}
	r := min(max((c.Product/(c.N-1)-mean*mean)/variance, 0), .98)
	return (1 + r) / (1 - r)
}

func newGauge(name string) *gauge {
	g := &gauge{Name: name}
	for i := range g.Wealth {
		g.Wealth[i] = 1. / float64(len(stakes))
	}
	return g
}

// observe counts an interval of some seconds. While the canary is cold, it only records whether
// there are values.
func (g *gauge) observe(o Gauge, margin, seconds float64, cold bool) {
	d := math.Log(o.Canary / o.Stable)
	g.Missing = math.IsNaN(d) || math.IsInf(d, 0) || o.Canary <= 0
	if g.Missing || seconds <= 0 || cold {
		return
	}
	g.Lag.add(d)
	g.Sum, g.N, g.Seconds = g.Sum+d, g.N+1, g.Seconds+seconds
	if g.Seconds < max(shortestBatch, 2*g.Lag.intervals()*g.Seconds/g.N) {
		return
	}
	sign := 1.0
	if g.Sum/g.N <= math.Log1p(margin) {
		sign = -1
	}
	for i, stake := range stakes {
		g.Wealth[i] = min(g.Wealth[i]*(1+stake*sign), mostDrift)
	}
	g.Sum, g.N, g.Seconds = 0, 0, 0
}

// holds reports whether the evidence is at least a bar, and nobody has approved the difference.
func (g *gauge) holds(bar float64) bool { return g.value() >= bar && !g.Approved }

func (g *gauge) holdReason(margin float64) string {
	return fmt.Sprintf("%s: the canary's value is more than %g %% above stable's.", g.Name, 100*margin)
}

// value returns the evidence that the canary's quantity exceeds stable's by
// more than the margin.
func (g *gauge) value() float64 {
	sum := 0.0
	for _, w := range g.Wealth {
		sum += w
	}
	return sum
}
