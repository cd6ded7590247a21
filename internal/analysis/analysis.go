// Package analysis judges a canary: counts of requests in, a verdict with its
// evidence out. It does no I/O and knows no clock; the same observations give the
// same decisions. docs/analysis.md explains the methods and names their sources.
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

// Observation is what was measured in the interval that ends at Time. An
// observation without metrics is a gap: the next one covers a longer interval.
type Observation struct {
	Time    float64 // seconds since the release began; negative: history, of stable only
	Seq     *int64  // orders observations when clocks jump; nil: Time does
	Weight  float64 // percent configured for the canary at the end of the interval
	Metrics map[string]Pair
	Gauges  map[string]Gauge
	Latency map[string]HistogramPair
}

// Gauge is the mean of a measured quantity over one interval; NaN was not measured.
type Gauge struct{ Canary, Stable float64 }

// HistogramPair is one latency metric in one interval. A nil arm was not measured.
type HistogramPair struct{ Canary, Stable *Histogram }

// Histogram is a classic histogram's increments over one interval: Below[i]
// requests took at most Bounds[i] seconds, of Total. Bounds increase, and so does
// Below.
type Histogram struct {
	Bounds []float64
	Below  []int64
	Total  int64
}

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
	NoData     Cause = "no-data"     // the canary had no request
	LowTraffic Cause = "low-traffic" // too few requests to decide before the deadline
	Routing    Cause = "routing"     // the canary's real share is far from its weight
	Source     Cause = "source"      // a metric was not measured
	BadPod     Cause = "bad-pod"     // one pod of the canary is bad, the others are not
	Drift      Cause = "gauge"       // a gauge of the canary drifts from stable's
)

// Decision answers one observation. Evidence belongs to the judge and is
// overwritten by the next observation.
type Decision struct {
	Verdict      Verdict
	Cause        Cause   // of a hold
	Pod          string  // of BadPod
	Weight       float64 // percent recommended from now on
	Reason       string  // one sentence for a person
	Inconclusive bool    // held, and the deadline is over
	Error        string  // why the observation was not counted; empty: it was
	Evidence     map[string]Evidence
}

// Evidence is what one metric says.
type Evidence struct {
	Harm, Safe       float64 // e-values against "no worse" and against "harmful"
	Canary, Stable   Counts  // totals, the warm-up included
	Ratio, Low, High float64 // of the bad ratios, canary to stable, with an anytime-valid interval; NaN and +Inf: unknown
	Needed           float64 // requests of the canary still expected before a verdict; +Inf: unknown
}
