package analysis

import "math"

// traffic is what is known of the requests of both arms, whatever metric counted
// them.
type traffic struct {
	Now      float64 `json:"now"`      // requests of both arms in the last interval
	Rate     float64 `json:"rate"`     // requests per second of both arms, lately
	Weight   float64 `json:"weight"`   // configured at the end of the last observation, percent
	Known    bool    `json:"known"`    // Weight is
	Canary   float64 `json:"canary"`   // requests of the canary, lately, without intervals in which the weight changed
	Expected float64 `json:"expected"` // what its weight would have made of them
	Unserved float64 `json:"unserved"` // expected since the canary's last request
	Waited   float64 `json:"waited"`   // seconds since then
	First    float64 `json:"first"`    // when it had its first one, in seconds since the release began
	Seen     bool    `json:"seen"`     // the canary had a request
}

// The past counts half after so many observations for Rate and for the share.
const forgets = 8

// rate learns how many requests of both arms there are.
func (t *traffic) rate(both, seconds float64) {
	if seconds <= 0 {
		return
	}
	now := both / seconds
	if t.Rate == 0 {
		t.Rate = now
	}
	t.Rate += (now - t.Rate) / 3
}

// add learns from one observation at a weight of at least least percent, which
// changed in it if mixed.
func (t *traffic) add(canary, both, seconds, least float64, mixed bool) {
	t.rate(both, seconds)
	t.Now = both
	t.Waited += seconds
	t.Unserved += least / 100 * both
	if canary > 0 {
		t.Waited, t.Unserved = 0, 0
	}
	if mixed {
		return
	}
	kept := math.Exp2(-1. / forgets)
	t.Canary = t.Canary*kept + canary
	t.Expected = t.Expected*kept + t.Weight/100*both
}

// unservedLimit is how many requests of the canary have to be missing until its
// route is to blame rather than chance (e^-12 is 6 in a million).
const unservedLimit = 12

// strayed says whether the canary's real share is at most half or at least twice
// its weight, by far more than chance would explain.
func (t *traffic) strayed() bool {
	if t.Unserved >= unservedLimit {
		return true
	}
	if t.Expected < 10 && t.Canary < 10 {
		return false
	}
	off := math.Abs(math.Sqrt(t.Canary+.375) - math.Sqrt(t.Expected+.375)) // standard deviation 1/2
	return off > 2 && (t.Canary < t.Expected/2 || t.Canary > 2*t.Expected)
}

// multiple is the canary's real share as a multiple of its weight, 1 unless it has
// strayed.
func (t *traffic) multiple() float64 {
	if !t.strayed() || t.Expected == 0 || t.Canary == 0 {
		return 1
	}
	return t.Canary / t.Expected
}
