package analysis

import "math"

// brake detects a catastrophe within one interval. It bets that four in five
// requests are bad against one in five. It is an e-process as long as the
// canary's requests fail independently with a probability of at most one in
// five.
type brake struct {
	Wealth float64 `json:"wealth"`
	Begun  float64 `json:"begun"`
	// Bad and Total count stable's requests since the bets last began to win. If
	// stable has the same catastrophe, the canary did not cause it.
	Bad   float64 `json:"bad"`
	Total float64 `json:"total"`
}

const (
	brakeShare  = .1  // of α
	brakeStable = .05 // largest ratio of bad requests at which stable is healthy
	brakeAlive  = 5   // requests of stable needed to know whether it is healthy
)

func (b *brake) add(t table, begun, dispersion float64) {
	fresh := max(0, begun-b.Begun)
	b.Begun += fresh
	b.Wealth = min((b.Wealth+fresh)*math.Exp(min((2*t.bad-t.n)*math.Log(4)/dispersion, 50)), most)
	if b.Wealth <= 1 {
		b.Bad, b.Total = 0, 0
	}
	b.Bad += t.allBad - t.bad
	b.Total += t.N - t.n
}

// fires reports whether there is a catastrophe of the canary alone.
func (b *brake) fires(alpha float64) bool {
	return b.Wealth >= 1/(brakeShare*alpha) && b.Total >= brakeAlive && b.Bad < brakeStable*b.Total
}
