package analysis

import "math"

// grid holds the odds ratios that are bet on: the canary's odds of a bad
// request divided by stable's. prior holds the initial wealth of each bet.
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

// The shares of the wealth in the two lanes.
const voteShare, fastShare = .5, .5

// harm is the evidence against "the canary is no worse". It is an e-process: a
// wealth whose expectation does not grow while the canary is no worse, however
// often one looks. By Ville's inequality the probability that it ever reaches
// 1/α is at most α. It is a mixture of bets on the ratios of grid, in two
// lanes, begun at several times.
type harm struct {
	Vote  [len(grid)]float64 `json:"vote"` // wealth of bets on which version served a bad request
	Fast  [len(grid)]float64 `json:"fast"` // wealth of bets that requests fail independently
	Begun float64            `json:"begun"`
	// Before holds the wealth of both lanes before the running block.
	Before [2][len(grid)]float64 `json:"before"`
	Block  block                 `json:"block"`
	// Excess is the number of bad requests beyond the expected ones since it
	// was last 0. At a small share, three bad requests prove no more than bad
	// luck.
	Excess float64 `json:"excess"`
}

// most keeps wealth finite. Lowering the wealth keeps it valid.
const most = 1e12

// begin starts a part of the bets that have not begun, up to a total.
func (h *harm) begin(upTo float64) (fresh float64) {
	fresh = max(0, upTo-h.Begun)
	h.Begun += fresh
	return fresh
}

// add bets on one interval. The vote lane uses only that a bad request comes
// from the canary with the mean probability q, so clusters of bad requests
// within an interval do not disturb it (Waudby-Smith and Ramdas, arXiv
// 2010.09686). The fast lane treats bad requests as independent except for
// their noise. What it wins in an interval of some seconds has a limit, and so has what it
// wins in a block of block seconds: bad requests of one burst are not independent. If blocks
// are longer than the interval, that limits the vote lane, too. A block of short
// intervals has the limit of half a usual interval: its bets are more, but share their bursts.
//
// Dividing a logarithm by a noise known beforehand keeps the expected gain at
// zero or below (Jensen's inequality). The noise measured in the interval
// itself may only reduce the gain.
func (h *harm) add(t table, q, fresh float64, was, now noise, c Config, seconds, block float64, means []float64) {
	if h.Block.begins(seconds, block) {
		h.Before = [2][len(grid)]float64{h.Vote, h.Fast}
	}
	long := !whole(seconds, seconds, block)
	limit, highest := c.most(seconds), math.Exp(c.most(max(seconds, min(block, c.Interval)/2)))
	var s float64
	if t.allBad > 0 {
		s = t.bad / t.allBad
	} else {
		q = 0 // no bad request, nothing to bet on
	}
	for i, ρ := range grid {
		vote := (1 + (ρ-1)*s) / (1 + (ρ-1)*q)
		if was.vote > 1 || now.vote > 1 {
			vote = min(math.Pow(vote, 1/was.vote), math.Pow(vote, 1/now.vote))
		}
		won := t.bad*logGrid[i] - means[i]
		h.Before[0][i], h.Before[1][i] = h.Before[0][i]+fresh, h.Before[1][i]+fresh
		h.Vote[i] = min((h.Vote[i]+fresh)*vote, most)
		if long {
			h.Vote[i] = min(h.Vote[i], h.Before[0][i]*highest)
		}
		h.Fast[i] = min((h.Fast[i]+fresh)*math.Exp(min(won/was.fast, won/now.fast, limit)), h.Before[1][i]*highest, most)
	}
	h.Excess = max(0, h.Excess+t.bad-t.allBad*q)
}

// value returns the whole wealth. Bets that have not begun keep theirs.
func (h *harm) value() float64 {
	sum := 1 - h.Begun
	for i, share := range prior {
		sum += share * (voteShare*h.Vote[i] + fastShare*h.Fast[i])
	}
	return sum
}
