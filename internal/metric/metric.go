// Package metric is what a metric source fulfils, and what makes increments of the
// counters that it reads. A source only reads; a Tracker, which does no I/O and
// knows no clock, compares what was read with what was read before.
package metric

import (
	"context"
	"time"
)

// Source reads what was counted of both versions of a release.
type Source interface {
	// Read gives the state of the counters at now, or what they were from some time
	// on until now, where the source remembers that. It is bounded in time by ctx and
	// in size by the source. The error says which source failed and what to do; it
	// never holds a secret.
	Read(ctx context.Context, from, now time.Time) (Reading, error)
}

// Arm is one of the two versions.
type Arm string

// The versions.
const (
	Canary Arm = "canary"
	Stable Arm = "stable"
)

// Arms are both versions.
func Arms() []Arm { return []Arm{Canary, Stable} }

// Reading is what a source knows at a time.
type Reading struct {
	At      time.Time
	Targets []Target
	// Complete says that the targets are all that run. One that was not there in
	// the reading before has then begun since, and counted from 0.
	Complete bool
	Gauges   map[string]GaugePair
	// Troubles are what a person should know about the reading.
	Troubles []string
}

// GaugePair is the mean of a quantity since the reading before; NaN is unknown.
type GaugePair struct{ Canary, Stable float64 }

// Target is a process that counts: a pod of the gateway, or one of the application.
type Target struct {
	Name string // unique, for people: "Pod shop/web-1"
	// Epoch changes when the process begins anew, and counts from 0. It may be empty
	// where the source cannot tell; a counter that decreases tells it, too.
	Epoch string
	// Arms are the versions whose requests it counts. When it has no series of one
	// of them, that one had no request.
	Arms    []Arm
	Scrapes []Scrape // in order of time; those that were read before are ignored
	// Err is why it could not be read. What it counts is then counted later.
	Err error
	// Optional says that an error of it is no reason to wait for it: it is not ready,
	// and gets no requests.
	Optional bool
}

// Scrape is the state of a target's counters at a time.
type Scrape struct {
	Time   time.Time
	Values []Value
}

// Part is what a counter counts of a metric.
type Part string

// The parts. A ratio has Bad and Total, a latency Buckets.
const (
	Bad    Part = "bad"
	Total  Part = "total"
	Bucket Part = "bucket"
)

// Value is one counter's state.
type Value struct {
	Metric string
	Arm    Arm
	Pod    string // of the arm; empty where the source cannot tell
	Part   Part
	Bound  float64 // of a Bucket, in seconds; +Inf counts all requests
	Series string  // tells counters of the same part apart
	Count  float64
}

// Kind is how a metric is judged.
type Kind string

// The kinds of metrics.
const (
	KindRatio   Kind = "ratio"
	KindLatency Kind = "latency"
	KindGauge   Kind = "gauge"
)

// Metric is one that a source reads.
type Metric struct {
	Name string
	Kind Kind
}

// Bounds of what one reading may hold, whatever a source answers.
const (
	MaxTargets = 2_000
	MaxValues  = 200_000
)
