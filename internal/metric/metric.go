// Package metric defines what a metric source must implement, and turns the
// counters that it reads into increments. A source only reads. A Tracker
// compares each reading with the one before; it does no I/O and reads no clock.
package metric

import (
	"context"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric/native"
)

// Source reads the counters of both versions of a release.
type Source interface {
	// Read returns the counters at now. A source that stores samples returns
	// those between from and now. ctx limits the time, and the source limits
	// the size. The error names the source and says what to do; it never
	// contains a secret.
	Read(ctx context.Context, from, now time.Time) (Reading, error)
}

// Arm is one of the two versions.
type Arm string

// The versions.
const (
	Canary Arm = "canary"
	Stable Arm = "stable"
)

// Arms returns both versions.
func Arms() []Arm { return []Arm{Canary, Stable} }

// Reading holds the counters of a source at a time.
type Reading struct {
	At      time.Time
	Targets []Target
	// Complete means that Targets lists all running targets. A target that was
	// not in the last reading has then started since, and counted from 0.
	Complete bool
	// Metrics are metrics that the source has discovered itself.
	Metrics []Metric
	Gauges  map[string]GaugePair
	// Troubles tell the user what was wrong with the reading.
	Troubles []string
}

// GaugePair holds the mean of a quantity since the last reading, for both
// versions. NaN means unknown.
type GaugePair struct{ Canary, Stable float64 }

// Target is a process with counters: a pod of the gateway or of the
// application.
type Target struct {
	Name string // unique and readable: "Pod shop/web-1"
	// Epoch changes when the process restarts and counts from 0. It may be
	// empty if the source does not know; a counter that decreases also shows a
	// restart.
	Epoch string
	// Arms are the versions whose requests the target counts. A version
	// without a series had no request.
	Arms    []Arm
	Scrapes []Scrape // in order of time; scrapes that were already read are ignored
	// Err says why the target could not be read. Its counts arrive with a
	// later reading.
	Err error
	// Optional means that an error is no reason to wait for the target: it is
	// not ready and gets no requests.
	Optional bool
}

// Scrape holds a target's counters at a time.
type Scrape struct {
	Time    time.Time
	Values  []Value
	Natives []Native
}

// Part is what a counter counts of a metric.
type Part string

// The parts. A ratio has Bad and Total, a latency Buckets.
const (
	Bad    Part = "bad"
	Total  Part = "total"
	Bucket Part = "bucket"
)

// Value is the state of one counter.
type Value struct {
	Metric string
	Arm    Arm
	Pod    string // of the arm; empty if the source does not know
	Part   Part
	Bound  float64 // of a Bucket, in seconds; +Inf counts all requests
	Series string  // distinguishes counters of the same part
	By     string  // the value of the label by which the metric is divided; "" if there is none
	Count  float64
}

// Native is the state of one native histogram, which counts a latency.
type Native struct {
	Metric    string
	Arm       Arm
	Pod       string // of the arm; empty if the source does not know
	Series    string // distinguishes histograms of the same metric
	PerSecond float64
	Histogram native.Histogram
}

// Kind determines how a metric is judged.
type Kind string

// The kinds of metrics.
const (
	KindRatio   Kind = "ratio"
	KindLatency Kind = "latency"
	KindGauge   Kind = "gauge"
	KindEvents  Kind = "events"
)

// ClientErrors is the name of the events that are responses of class 4xx.
const ClientErrors = analysis.ClientErrors

// Metric is a metric that a source reads.
type Metric struct {
	Name string
	Kind Kind
	By   string // a label of a ratio; the requests with each of its values are a metric, too
}

// The limits of one reading.
const (
	MaxTargets = 2_000
	MaxValues  = 200_000
)
