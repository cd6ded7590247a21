// Package analysis judges a canary: it takes counts of requests and returns a
// verdict with its evidence. It does no I/O and reads no clock; the same
// observations give the same decisions. docs/statistics.md explains the methods
// and names their sources.
package analysis

// Counts holds the increments of one interval: the number of requests, and how
// many of them were bad (an error, or slower than a boundary).
type Counts struct{ Bad, Total int64 }

// Requests returns the requests of the canary and of both versions in an observation:
// those of the metric with the most.
func (o Observation) Requests() (canary, all int64) {
	f := o.flow()
	return int64(f.canary), int64(f.both)
}

// Arm holds one version's counts of a metric in one interval. If Pods is not
// empty, Counts is its sum.
type Arm struct {
	Counts
	Pods map[string]Counts
}

// Pair holds both versions' counts of a metric in one interval. A nil arm was
// not measured.
type Pair struct{ Canary, Stable *Arm }

// Observation holds what was measured in the interval that ends at Time. An
// observation without metrics is a gap: the next one covers a longer interval.
type Observation struct {
	Time    float64 // seconds since the release began; negative: history, stable only
	Seq     *int64  // orders observations even if clocks jump; nil: order by Time
	Weight  float64 // the canary's configured weight at the end of the interval, percent
	Metrics map[string]Pair
	Gauges  map[string]Gauge
	Latency map[string]HistogramPair
	Events  map[string]Events
	// Restarts is nil if the pods were not watched.
	Restarts *Restarts
	// Uncertain means that requests may have gone by any weight, such as those
	// from before somebody watched.
	Uncertain bool
	// Mended means that somebody else had changed the route or its weight, and
	// that it was set right in this interval.
	Mended bool
}

// Gauge holds the means of a measured quantity over one interval. NaN means not
// measured.
type Gauge struct{ Canary, Stable float64 }

// HistogramPair holds both versions' histograms of a latency metric in one
// interval. A nil arm was not measured.
type HistogramPair struct{ Canary, Stable *Histogram }

// Histogram holds the increments of a classic histogram over one interval: of
// Total requests, Below[i] took at most Bounds[i] seconds. Bounds and Below
// both increase.
type Histogram struct {
	Bounds []float64
	Below  []int64
	Total  int64
}

// Verdict is the judge's conclusion from the evidence so far.
type Verdict string

// The verdicts. Reject and Promote are final.
const (
	Continue Verdict = "continue"
	Hold     Verdict = "hold"
	Reject   Verdict = "reject"
	Promote  Verdict = "promote"
)

// Cause is the reason for a hold.
type Cause string

// The causes of a hold.
const (
	NoData     Cause = "no-data"     // the canary had no request
	LowTraffic Cause = "low-traffic" // too few requests to decide before the deadline
	Routing    Cause = "routing"     // the canary's real share is far from its weight
	Source     Cause = "source"      // a metric could not be measured
	BadPod     Cause = "bad-pod"     // one canary pod is bad, the others are not
	Drift      Cause = "gauge"       // a gauge of the canary drifts from stable's
	Crashing   Cause = "restarts"    // the canary's containers restart more often than stable's
	Differs    Cause = "events"      // something happens more often on the canary than on stable, or a guard less often
)

// EndsByMore reports whether more requests to the canary end a hold with this cause. No
// other hold raises the weight.
func (c Cause) EndsByMore() bool { return c == NoData || c == LowTraffic }

// Decision is the judge's answer to an observation. The judge reuses Evidence
// for the next observation.
type Decision struct {
	Verdict      Verdict
	Cause        Cause   // of a hold
	Pod          string  // of BadPod
	Metric       string  // of Drift and Differs: what Approve takes
	Weight       float64 // recommended from now on, percent
	Reason       string  // one sentence for the user
	Inconclusive bool    // held, and the deadline has passed
	Next         float64 // seconds until another observation is worthwhile; 0: not known, or final
	Error        string  // why the observation was ignored; "" if it was counted
	Evidence     map[string]Evidence
}

// Evidence holds the evidence of one metric.
type Evidence struct {
	Harm, Safe       float64 // e-values against "no worse" and against "harmful"
	Canary, Stable   Counts  // totals, including the warm-up
	Ratio, Low, High float64 // the canary's bad ratio ÷ stable's, and its anytime-valid interval; NaN and +Inf: unknown
	Needed           float64 // canary requests still expected before a verdict; +Inf: unknown
	// Events reports that the counts are events, of which more are no harm by themselves.
	Events bool
}
