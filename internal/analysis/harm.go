package analysis

import "math"

// grid are the ratios of the canary's odds of a bad request to stable's that are
// betted on, and prior the wealth that each bet begins with.
var (
	grid    = [...]float64{1.5, 2, 3, 5, 10, 30, 100}
	prior   = [...]float64{.1, .2, .18, .16, .16, .1, .1}
	logGrid = logs(grid)
)

func logs(of [len(grid)]float64) (l [len(grid)]float64) {
	for i, v := range of {
		l[i] = math.Log(v)
	}
	return l
}

// Shares of the wealth in the two lanes.
const voteShare, fastShare = .5, .5

// harm is the evidence against "the canary is no worse": an e-process, that is a
// wealth that nobody can expect to grow while the canary is no worse, however
// often one looks (Ville's inequality: the chance that it ever reaches 1/α is at
// most α). It is a mixture of bets on the ratios of grid, in two lanes, begun at
// several times.
type harm struct {
	Vote  [len(grid)]float64 `json:"vote"` // wealth of bets on where a bad request was served
	Fast  [len(grid)]float64 `json:"fast"` // wealth of bets that requests fail one by one
	Begun float64            `json:"begun"`
	// Excess is how many more requests were bad than expected, since it was last
	// nothing: three bad requests prove no more than bad luck at a small share.
	Excess float64 `json:"excess"`
}

// most keeps wealth finite; less than what was won is a valid wealth.
const most = 1e12

// begin starts a part of the bets that have not begun, up to a total.
func (h *harm) begin(upTo float64) (fresh float64) {
	fresh = max(0, upTo-h.Begun)
	h.Begun += fresh
	return fresh
}

// add bets on one interval. The vote lane uses only that a bad request is the
// canary's with the mean chance q, so that it does not mind clusters of bad
// requests inside of an interval (Waudby-Smith and Ramdas, arXiv 2010.09686). The
// fast lane takes bad requests as independent but for their noise, and wins at
// most limit, a logarithm, in an interval.
//
// To divide a logarithm by a noise known before keeps an expected gain of nothing
// (Jensen's inequality); the noise that the interval itself shows may only make
// the gain smaller.
func (h *harm) add(t table, q, fresh float64, was, now noise, limit float64, means []float64) {
	var s float64
	if t.allBad > 0 {
		s = t.bad / t.allBad
	} else {
		q = 0 // nothing to bet on
	}
	for i, ρ := range grid {
		vote := (1 + (ρ-1)*s) / (1 + (ρ-1)*q)
		if was.vote > 1 || now.vote > 1 {
			vote = min(math.Pow(vote, 1/was.vote), math.Pow(vote, 1/now.vote))
		}
		won := t.bad*logGrid[i] - means[i]
		h.Vote[i] = min((h.Vote[i]+fresh)*vote, most)
		h.Fast[i] = min((h.Fast[i]+fresh)*math.Exp(min(won/was.fast, won/now.fast, limit)), most)
	}
	h.Excess = max(0, h.Excess+t.bad-t.allBad*q)
}

// value is the whole wealth. What has not begun yet is kept as it is.
func (h *harm) value() float64 {
	sum := 1 - h.Begun
	for i, share := range prior {
		sum += share * (voteShare*h.Vote[i] + fastShare*h.Fast[i])
	}
	return sum
}
