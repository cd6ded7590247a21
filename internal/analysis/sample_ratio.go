package analysis

import "math"

// odds are the ratios that are bet on: the canary's real odds of getting a request, divided
// by those of its weight. oddsStakes holds the initial wealth of each bet.
var (
	odds       = [...]float64{.5, .65, .8, 1.25, 1.5, 2}
	oddsStakes = [len(odds)]float64{.1, .15, .25, .25, .15, .1}
)

const (
	// splitBar is the evidence from which the split counts as wrong. By Ville's inequality
	// at most 1 of 1,000 right splits ever reaches it.
	splitBar = 1000
	// splitDoubt is the evidence from which there is no verdict.
	splitDoubt = 10
	// splitPause is the evidence from which the weight does not grow: at another weight the
	// bets have to wait until it is in force, and meanwhile the canary would be compared with
	// requests that are not its own.
	splitPause = 3
	// splitGain is the most that a bet wins in a block, a logarithm. A source may count
	// the versions at different moments; one block must then not decide.
	splitGain = 4
	// splitFloor is the least share that the split is compared with, and its complement the
	// largest: at a weight of 0 a late request is not unexpected.
	splitFloor = .001
	// arrived is the logarithm of the likelihood ratio from which requests show that a new
	// weight is in force.
	arrived = 3
)

// sampleRatio is the evidence that the gateway does not split the counted requests by the
// canary's weight: that other callers reach one version alone, or that the route is wrong.
// All other evidence rests on the split being random.
//
// Given the number of requests of both versions, those of the canary are binomial with the
// weight as probability, if the gateway draws each request. The evidence is a mixture of
// likelihood ratios against other odds, an e-process (Ramdas et al., arXiv 2210.01948). If
// several weights may have been in force, every bet is against the nearest of them, so that
// it does not win with any of them; it is only made if that is the present weight, because
// it would lose in all other cases.
type sampleRatio struct {
	Wealth [len(odds)]float64 `json:"wealth"`
	Begun  float64            `json:"begun"`
	Before [len(odds)]float64 `json:"before"` // wealth before the running block
	Block  block              `json:"block"`
	// Least and Most are the weights, in percent, that may still be in force for Left
	// seconds although they were replaced.
	Least float64 `json:"least,omitempty"`
	Most  float64 `json:"most,omitempty"`
	Left  float64 `json:"left,omitempty"`
	// Canary, Expected and Both count the requests since the evidence was last small.
	Canary   float64 `json:"canary"`
	Expected float64 `json:"expected"`
	Both     float64 `json:"both"`
}

// replace notes that weights were replaced.
func (s *sampleRatio) replace(least, most, left float64) {
	if s.Left > 0 {
		least, most = min(least, s.Least), max(most, s.Most)
	}
	s.Least, s.Most, s.Left = least, most, left
}

// add bets on the requests of an interval in which the weights of w were set, and the last
// one is weight. begun is the fraction of the bets that have begun. Blocks are at least block
// seconds long.
func (s *sampleRatio) add(w waiting, weight, begun, block float64) {
	low, high := w.Least, w.Most
	if s.Left > 0 {
		low, high = min(low, s.Least), max(high, s.Most)
	}
	low, high = low/100, high/100
	fresh := max(0, begun-s.Begun)
	s.Begun += fresh
	if s.Block.begins(w.Seconds, block) {
		s.Before = s.Wealth
	}
	highest := math.Exp(splitGain)
	for i, ratio := range odds {
		nearest := low
		if ratio > 1 {
			nearest = high
		}
		base, won := min(nearest, 1-splitFloor), 0.
		if ratio > 1 {
			base = max(nearest, splitFloor)
		}
		if base > 0 && base < 1 && nearest == weight/100 {
			won = logLikelihoodRatio(w.Canary, w.Both, ratio*base/(1-base+ratio*base), base)
		}
		s.Before[i] += fresh
		s.Wealth[i] = min((s.Wealth[i]+fresh)*math.Exp(min(won, splitGain)), s.Before[i]*highest, most)
	}
	if s.value() <= 1 {
		s.Canary, s.Expected, s.Both = 0, 0, 0
	}
	s.Canary, s.Both = s.Canary+w.Canary, s.Both+w.Both
	s.Expected += min(max(w.Canary, low*w.Both), high*w.Both)
	s.settle(w, weight)
}

// settle forgets replaced weights once the requests show that the new one is in force.
// From the next interval on it is so in all of the interval.
func (s *sampleRatio) settle(w waiting, weight float64) {
	if s.Left <= 0 {
		return
	}
	if !w.Mixed {
		s.Left -= w.Seconds
	}
	// With several replaced weights it is not certain which one is in force.
	if s.Least == s.Most && s.Least != weight && logLikelihoodRatio(w.Canary, w.Both, within(weight/100), within(s.Least/100)) >= arrived {
		s.Left = 0
	}
}

// logLikelihoodRatio compares two shares by the canary's requests among those of both.
func logLikelihoodRatio(canary, both, share, other float64) float64 {
	return canary*math.Log(share/other) + (both-canary)*math.Log((1-share)/(1-other))
}

// within keeps a share away from 0 and 1.
func within(share float64) float64 { return min(max(share, splitFloor), 1-splitFloor) }

// value is the evidence: the mean wealth of the bets.
func (s *sampleRatio) value() float64 {
	sum := 1 - s.Begun
	for i, stake := range oddsStakes {
		sum += stake * s.Wealth[i]
	}
	return sum
}
