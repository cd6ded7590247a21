package analysis

import "math"

// traffic is what is known of the requests of both arms, whatever metric counted
// them.
type traffic struct {
	Now      float64 `json:"now"`      // requests of both arms in the last interval
	Rate     float64 `json:"rate"`     // requests per second of both arms, lately
	Weight   float64 `json:"weight"`   // configured at the end of the last observation, percent
	Canary   float64 `json:"canary"`   // requests of the canary, lately, at constant weights
	Expected float64 `json:"expected"` // what its weight would have made of them
	Unserved float64 `json:"unserved"` // expected since the canary's last request
	Waited   float64 `json:"waited"`   // seconds since then
	Seen     bool    `json:"seen"`     // the canary had a request
	First    float64 `json:"first"`    // when, in seconds since the release began
	Waiting  waiting `json:"waiting"`
}

// waiting is what was not measured of both arms yet.
type waiting struct {
	Canary  float64 `json:"canary"`
	Both    float64 `json:"both"`
	Seconds float64 `json:"seconds"`
	Mixed   bool    `json:"mixed"`
	Least   float64 `json:"least"` // weights meanwhile, percent
	Most    float64 `json:"most"`
}

// forgets is after how many observations the past counts half for the real share.
const forgets = 8

// flow is the traffic of one observation.
type flow struct {
	canary, both float64
	measured     bool // of both arms
	seen         bool // some metric has a request of the canary
}

// add learns from one observation, and returns the traffic since the last one that
// had both arms, with the weights in that time.
func (t *traffic) add(f flow, seconds, weight float64) waiting {
	w := &t.Waiting
	if w.Seconds == 0 {
		w.Least, w.Most = t.Weight, t.Weight
	}
	w.Mixed = w.Mixed || weight != t.Weight
	w.Least, w.Most = min(w.Least, weight), max(w.Most, weight)
	w.Canary, w.Both, w.Seconds = w.Canary+f.canary, w.Both+f.both, w.Seconds+seconds
	t.Weight = weight
	all := *w
	if f.measured {
		t.learn(all)
		*w = waiting{}
	}
	return all
}

func (t *traffic) learn(w waiting) {
	t.Now = w.Both
	t.rate(w.Both, w.Seconds)
	t.Waited += w.Seconds
	t.Unserved += w.Least / 100 * w.Both
	if w.Canary > 0 {
		t.Waited, t.Unserved = 0, 0
	}
	if w.Mixed {
		return
	}
	kept := math.Exp2(-1. / forgets)
	t.Canary = t.Canary*kept + w.Canary
	t.Expected = t.Expected*kept + w.Most/100*w.Both
}

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

// unservedLimit is how many requests of the canary have to be missing until its
// route is to blame rather than chance (e^-12 is 6 in a million).
const unservedLimit = 12

// strayed says whether the canary's real share is at most half or at least twice
// its weight, by far more than chance would explain.
func (t *traffic) strayed() bool {
	if t.Unserved >= unservedLimit {
		return true
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

// flow is the traffic of the metric that saw most of it; every request has to be in
// some metric.
func (o Observation) flow() flow {
	var f flow
	for _, p := range o.Metrics {
		var canary, stable Counts
		if p.Canary != nil {
			canary, _ = p.Canary.sum() // checked before
		}
		if p.Stable != nil {
			stable, _ = p.Stable.sum()
		}
		f = f.larger(canary.Total, stable.Total, p.Canary != nil && p.Stable != nil)
	}
	for _, p := range o.Latency {
		var canary, stable int64
		if p.Canary != nil {
			canary = p.Canary.Total
		}
		if p.Stable != nil {
			stable = p.Stable.Total
		}
		f = f.larger(canary, stable, p.Canary != nil && p.Stable != nil)
	}
	return f
}

// CanaryRequests is how many requests of the canary are in an observation: those of the
// metric that saw most. Where only gauges are measured, one that the canary has counts
// as one.
func (o Observation) CanaryRequests() int64 {
	if f := o.flow(); f.canary > 0 {
		return int64(f.canary)
	}
	for _, g := range o.Gauges {
		if len(o.Metrics)+len(o.Latency) == 0 && !math.IsNaN(g.Canary) {
			return 1
		}
	}
	return 0
}

// larger prefers what is measured, then what is more; the order does not matter.
func (f flow) larger(canary, stable int64, measured bool) flow {
	g := flow{float64(canary), float64(canary) + float64(stable), measured, f.seen || canary > 0}
	f.seen = g.seen
	switch {
	case g.measured != f.measured:
		if f.measured {
			return f
		}
		return g
	case g.both > f.both, g.both == f.both && g.canary > f.canary:
		return g
	}
	return f
}
