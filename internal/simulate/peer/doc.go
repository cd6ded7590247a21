// Package peer holds the rules by which other tools decide about a canary,
// written from their documentation and public sources, for comparison with the
// judge on the same traffic. Every tool is taken at its best: its metrics are
// rates over whole windows, it acts on the tick, and nothing of it fails.
package peer

import (
	"github.com/canarize/canarize/internal/analysis"
)

// sample is what was counted of one metric by one observation.
type sample struct {
	time           float64
	canary, stable analysis.Counts
}

// window remembers the samples of every metric since a time.
type window map[string][]sample

// add takes what an observation counted. What is missing counts nothing, as a
// rate over a window would see it.
func (w window) add(o analysis.Observation) {
	for name, pair := range o.Metrics {
		s := sample{time: o.Time}
		if pair.Canary != nil {
			s.canary = pair.Canary.Counts
		}
		if pair.Stable != nil {
			s.stable = pair.Stable.Counts
		}
		w[name] = append(w[name], s)
	}
}

// forget drops what was counted at a time or before.
func (w window) forget(until float64) {
	for name, samples := range w {
		kept := 0
		for kept < len(samples) && samples[kept].time <= until {
			kept++
		}
		w[name] = samples[:copy(samples, samples[kept:])]
	}
}

// healthy says whether every metric has canary requests and at most the limit of
// bad ones among them. 0 of 0 is NaN to the tools, which is not healthy; so is
// nothing at all.
func (w window) healthy(limit float64) bool {
	for _, samples := range w {
		var sum analysis.Counts
		for _, s := range samples {
			sum.Bad += s.canary.Bad
			sum.Total += s.canary.Total
		}
		if sum.Total == 0 || float64(sum.Bad) > limit*float64(sum.Total) {
			return false
		}
	}
	return len(w) > 0
}

// due says whether a tick of an interval, in seconds, has come since the last.
func due(last *float64, now, interval float64) bool {
	if now < *last+interval {
		return false
	}
	*last += interval
	return true
}

// before answers what comes before the release's first interval.
func before(time, weight float64) analysis.Decision {
	if time < 0 {
		weight = 0
	}
	return analysis.Decision{Verdict: analysis.Continue, Weight: weight}
}
