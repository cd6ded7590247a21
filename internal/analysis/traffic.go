package analysis

import "math"

// traffic holds the requests of both arms, whichever metric counted them.
type traffic struct {
	Now     float64   `json:"now"`               // requests of both arms in the last interval
	Rate    float64   `json:"rate"`              // recent requests per second of both arms
	Weight  float64   `json:"weight"`            // configured at the end of the last observation, percent
	Earlier []earlier `json:"earlier,omitempty"` // weights that may still be in force, oldest first
	portion
	Unserved    float64     `json:"unserved"` // expected since the canary's last request
	Waited      float64     `json:"waited"`   // seconds since the canary's last request
	Seen        bool        `json:"seen"`     // the canary has had a request
	First       float64     `json:"first"`    // time of its first request, in seconds since the release began
	Waiting     waiting     `json:"waiting"`
	SampleRatio sampleRatio `json:"sampleRatio"`
}

// waiting holds the requests since both arms were last measured.
type waiting struct {
	Canary  float64 `json:"canary"`
	Both    float64 `json:"both"`
	Seconds float64 `json:"seconds"`
	Mixed   bool    `json:"mixed"`
	Least   float64 `json:"least"` // range of weights meanwhile, percent
	Most    float64 `json:"most"`
	// Early means that earlier weights may have been in force meanwhile, from
	// Lowest to Highest percent.
	Early   bool    `json:"early,omitempty"`
	Lowest  float64 `json:"lowest,omitempty"`
	Highest float64 `json:"highest,omitempty"`
}

// flow holds the traffic of one observation.
type flow struct {
	canary, both float64
	measured     bool // both arms
	seen         bool // a metric has a canary request
}

// add learns from one observation. It returns the traffic and the weights since
// both arms were last measured. begun is the fraction of the bets that have begun. Blocks
// are at least block seconds long.
func (t *traffic) add(f flow, seconds, weight, begun, block float64) waiting {
	w := &t.Waiting
	if w.Seconds == 0 {
		w.Least, w.Most = t.Weight, t.Weight
	}
	w.Mixed = w.Mixed || weight != t.Weight
	w.Least, w.Most = min(w.Least, weight), max(w.Most, weight)
	w.Canary, w.Both, w.Seconds = w.Canary+f.canary, w.Both+f.both, w.Seconds+seconds
	for _, e := range t.Earlier {
		w.early(e.Least, e.Most)
	}
	t.age(seconds)
	t.change(weight)
	all := *w
	if f.measured {
		t.learn(all)
		t.SampleRatio.add(all, t.Weight, begun, block)
		*w = waiting{}
	}
	return all
}

func (t *traffic) learn(w waiting) {
	t.Now = w.Both
	t.rate(w.Both, w.Seconds)
	t.Waited += w.Seconds
	least, most := w.inForce()
	t.Unserved += least / 100 * w.Both
	if w.Canary > 0 {
		t.Waited, t.Unserved = 0, 0
	}
	t.compare(w.Canary, w.Both, least, most, w.Seconds)
}

// recent is the time in seconds over which the rate of requests is averaged.
const recent = 37

// rate updates the rate of requests of both arms.
func (t *traffic) rate(both, seconds float64) {
	if seconds <= 0 {
		return
	}
	now := both / seconds
	if t.Rate == 0 {
		t.Rate = now
	}
	t.Rate += (now - t.Rate) * -math.Expm1(-seconds/recent)
}

// flow returns the traffic of the metric with the most requests. Every request
// must be in some metric.
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

// CanaryRequests returns the number of canary requests in an observation: those
// of the metric with the most. If only gauges are measured, a gauge of the
// canary counts as one request.
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

// larger prefers measured traffic, then more traffic. The order of the calls
// does not matter.
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
