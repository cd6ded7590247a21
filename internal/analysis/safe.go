package analysis

import "math"

// safe is the evidence against "the canary is worse by the margin or more". It
// is the mean of two e-processes: the first compares with stable, the second
// uses the canary alone. Like harm, some of its bets begin later, so that bad
// luck at the start does not count forever.
type safe struct {
	Beside float64    `json:"beside"`
	Alone  float64    `json:"alone"`
	Begun  float64    `json:"begun"`
	Before [2]float64 `json:"before"` // both, before the running block
	Block  block      `json:"block"`
}

// wins limits what one block can prove, as a fraction of ln(2/β). An unusual
// interval, such as an outage, must not prove health by itself.
const wins = 1. / 3

// add counts one interval. ratio is the odds ratio at the margin, mean is ln
// E[ratio^X] without a difference, usual is stable's usual ratio of bad
// requests, and usual and margin are from 0 to 1. The interval has some seconds; blocks are
// at least block seconds long. If the share is unknown, so
// that the arms are not comparable, only the canary itself counts.
func (s *safe) add(t table, fresh, dispersion, beta, seconds, block float64, comparable bool, ratio, mean, usual, margin float64) {
	bar := math.Log(2 / beta)
	beside := 0.0
	if comparable {
		beside = (mean - t.bad*math.Log(ratio)) / dispersion
	}
	healthy := min(usual, margin/2)
	alone := (t.n - t.bad) * (math.Log1p(-healthy) - math.Log1p(-margin)) / dispersion
	if t.bad > 0 {
		alone -= t.bad * math.Log(margin/healthy) / dispersion
	}
	if t.allBad-t.bad >= margin*(t.N-t.n) {
		alone = 0 // stable itself is above the margin now, so the canary cannot be shown to be below it
	}
	// Evidence beyond the bar is capped, so that harm that begins later can
	// outweigh it.
	top := math.Exp(bar + 2)
	if s.Block.begins(seconds, block) {
		s.Before = [2]float64{s.Beside, s.Alone}
	}
	highest := math.Exp(wins * bar)
	s.Before[0], s.Before[1] = s.Before[0]+fresh, s.Before[1]+fresh
	s.Beside = min((s.Beside+fresh)*math.Exp(beside), s.Before[0]*highest, top)
	s.Alone = min((s.Alone+fresh)*math.Exp(alone), s.Before[1]*highest, top)
	s.Begun += fresh
}

func (s *safe) value() float64 {
	return 1 - s.Begun + (s.Beside+s.Alone)/2
}

// needed returns how many requests a healthy canary is still expected to need,
// at a share q of the requests.
func (s *safe) needed(dispersion, beta, ratio, usual, margin, q float64) float64 {
	missing := math.Log(2/beta) - math.Log(1-s.Begun+max(s.Beside, s.Alone, 1e-300))
	if missing <= 0 {
		return 0
	}
	beside := 0.0
	if q > 0 {
		beside = usual / q * (math.Log1p((ratio-1)*q) - q*math.Log(ratio))
	}
	healthy := min(usual, margin/2)
	alone := divergence(healthy, margin)
	return missing * dispersion / max(beside, alone)
}
