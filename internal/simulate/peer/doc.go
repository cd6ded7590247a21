// Package peer holds the rules by which other tools decide about a canary, for
// comparison with the judge on the same traffic. The rules follow the tools'
// documentation and public sources. Each tool is modelled at its best: its
// metrics are rates over whole windows, it acts exactly on its ticks, and no
// part of it fails.
package peer

import (
	"github.com/canarize/canarize/internal/analysis"
)

// sample holds the counts of one metric in one observation.
type sample struct {
	time           float64
	canary, stable analysis.Counts
}

// window keeps the samples of every metric since a time.
type window map[string][]sample

// add adds the counts of an observation. A missing metric adds none, as in a
// rate over a window.
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

// forget removes the samples up to and including a time.
func (w window) forget(until float64) {
	for name, samples := range w {
		kept := 0
		for kept < len(samples) && samples[kept].time <= until {
			kept++
		}
		w[name] = samples[:copy(samples, samples[kept:])]
	}
}

// healthy reports whether every metric has canary requests and at most the
// limit of bad ones among them. The tools see 0 of 0 as NaN, which is not
// healthy. No metric at all is not healthy either.
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

// due reports whether a new tick has passed since the last. interval is in
// seconds.
func due(last *float64, now, interval float64) bool {
	if now < *last+interval {
		return false
	}
	*last += interval
	return true
}

// before returns the decision for an observation before the release's first
// interval.
func before(time, weight float64) analysis.Decision {
	if time < 0 {
		weight = 0
	}
	return analysis.Decision{Verdict: analysis.Continue, Weight: weight}
}
