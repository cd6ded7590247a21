// Package analysis judges a canary: counts of requests in, a verdict with its
// evidence out. It does no I/O and knows no clock; the same observations give the
// same decisions.
package analysis

// Counts are increments over one interval: requests, and those among them that
// were bad (an error, or slower than a boundary).
type Counts struct{ Bad, Total int64 }

// Arm is one version's part of a metric in one interval. When Pods is not empty,
// Counts is their sum.
type Arm struct {
	Counts
	Pods map[string]Counts
}

// Pair is one metric in one interval. A nil arm was not measured.
type Pair struct{ Canary, Stable *Arm }

// Observation is what was measured in the interval that ends at Time.
type Observation struct {
	Time    float64 // seconds since the release began; negative: history, of stable only
	Weight  float64 // percent configured for the canary at the end of the interval
	Metrics map[string]Pair
	Gauges  map[string]Gauge
}

// Gauge is the mean of a measured quantity over one interval; NaN was not measured.
type Gauge struct{ Canary, Stable float64 }

// Verdict is what the evidence so far says.
type Verdict string

// The verdicts. Reject and Promote are final.
const (
	Continue Verdict = "continue"
	Hold     Verdict = "hold"
	Reject   Verdict = "reject"
	Promote  Verdict = "promote"
)

// Cause says why a release is held.
type Cause string

// The causes of a hold.
const (
	NoData     Cause = "no-data"
	LowTraffic Cause = "low-traffic"
	Routing    Cause = "routing"
	Source     Cause = "source"
	BadPod     Cause = "bad-pod"
)

// Decision answers one observation.
type Decision struct {
	Verdict  Verdict
	Cause    Cause   // of a hold
	Pod      string  // of BadPod
	Weight   float64 // percent recommended from now on
	Reason   string  // one sentence for a person
	Evidence map[string]Evidence
}

// Evidence is what one metric says.
type Evidence struct {
	Harm, Safe       float64 // e-values against "no worse" and against "harmful"
	Canary, Stable   Counts  // totals that were counted
	Ratio, Low, High float64 // of the bad ratios, canary to stable, with an anytime-valid interval
	Needed           float64 // requests of the canary still expected before a verdict; +Inf: unknown
}
