package analysis

import "math"

// brake finds catastrophes within one interval: it bets on four bad requests in
// five against one in five. While the canary's requests fail independently with
// at most one in five, it is an e-process.
type brake struct {
	Wealth float64 `json:"wealth"`
	Begun  float64 `json:"begun"`
	// Stable's requests since the bets last began to win; a catastrophe that it
	// shares is not the canary's.
	Bad   float64 `json:"bad"`
	Total float64 `json:"total"`
}

const (
	brakeShare  = .1  // of α
	brakeStable = .05 // largest ratio of bad requests at which stable is well
	brakeAlive  = 5   // requests of stable that show whether it is well
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

// fires says whether there is a catastrophe of the canary alone.
func (b *brake) fires(alpha float64) bool {
	return b.Wealth >= 1/(brakeShare*alpha) && b.Total >= brakeAlive && b.Bad < brakeStable*b.Total
}
