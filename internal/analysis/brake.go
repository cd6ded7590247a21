package analysis

import "math"

// brake detects a catastrophe, also within one interval. It bets that a large part of the
// canary's requests is bad, against one in five. The bets are a mixture of likelihood
// ratios, an e-process as long as the canary's requests fail independently with a
// probability of at most one in five.
type brake struct {
	Wealth [len(crashes)]float64 `json:"wealth"`
	Begun  float64               `json:"begun"`
	// Bad and Total count stable's requests since the bets last began to win. If
	// stable has the same catastrophe, the canary did not cause it.
	Bad   float64 `json:"bad"`
	Total float64 `json:"total"`
}

// crashes are the ratios of bad requests that are bet on, with equal stakes. A bet wins
// crashBad with a bad request and crashGood, which is negative, with a good one.
var (
	crashes             = [...]float64{.5, .65, .8, .98}
	crashBad, crashGood = crashGains()
)

func crashGains() (bad, good [len(crashes)]float64) {
	for i, ratio := range crashes {
		bad[i], good[i] = math.Log(ratio/noCrash), math.Log((1-ratio)/(1-noCrash))
	}
	return bad, good
}

const (
	noCrash     = .2  // largest ratio of bad requests that is no catastrophe
	brakeShare  = .1  // of α
	brakeStable = .05 // largest ratio of bad requests at which stable is healthy
	brakeAlive  = 5   // requests of stable needed to know whether it is healthy
)

func (b *brake) add(t table, begun, dispersion float64) {
	fresh := max(0, begun-b.Begun)
	b.Begun += fresh
	for i := range crashes {
		won := t.bad*crashBad[i] + (t.n-t.bad)*crashGood[i]
		b.Wealth[i] = min((b.Wealth[i]+fresh)*math.Exp(min(won/dispersion, 50)), most)
	}
	if b.value() <= 1 {
		b.Bad, b.Total = 0, 0
	}
	b.Bad += t.allBad - t.bad
	b.Total += t.N - t.n
}

// value is the evidence of a catastrophe: the mean wealth of the bets that have begun.
func (b *brake) value() float64 {
	sum := 0.
	for _, w := range b.Wealth {
		sum += w / float64(len(crashes))
	}
	return sum
}

// toBrake returns how many canary requests the brake is expected to need; +Inf if it does not
// fire.
func (c Config) toBrake(stable, bad float64) float64 {
	gain := 0.
	for i := range crashes {
		gain = max(gain, bad*crashBad[i]+(1-bad)*crashGood[i])
	}
	if gain == 0 || stable >= brakeStable {
		return math.Inf(1)
	}
	return math.Ceil(math.Log(float64(len(crashes))/(origin*brakeShare*c.Alpha)) / gain)
}

// fires reports whether there is a catastrophe of the canary alone.
func (b *brake) fires(alpha float64) bool {
	return b.value() >= 1/(brakeShare*alpha) && b.Total >= brakeAlive && b.Bad < brakeStable*b.Total
}
