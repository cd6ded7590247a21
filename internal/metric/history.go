package metric

import (
	"context"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/analysis"
)

// History returns observations of stable from before the release, one for each
// interval, at negative times. The judge learns from them what is usual for
// stable. Most sources keep no history and return nothing.
func (r *Reader) History(ctx context.Context, begin time.Time, length, interval time.Duration) ([]analysis.Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	reading, err := r.Source.Read(ctx, begin.Add(-length), begin)
	if err == nil {
		err = reading.check()
	}
	if err != nil {
		return nil, err
	}
	tracker := NewTracker(r.Tracker.metrics, begin)
	tracker.parts = r.Tracker.parts // both choose the same
	return history(reading, tracker, begin, length, interval), nil
}

// history replays a reading as if it had been read after every interval.
func history(r Reading, tracker *Tracker, begin time.Time, length, interval time.Duration) (all []analysis.Observation) {
	for at := begin.Add(-length); at.Before(begin); at = at.Add(interval) {
		out := tracker.Observe(r.until(at), Weight{})
		if o := ofStable(out.Observation); out.Ready && len(o.Metrics)+len(o.Latency) > 0 {
			all = append(all, o)
		}
	}
	return all
}

// until returns the part of a reading that was known at a time.
func (r Reading) until(at time.Time) Reading {
	then := Reading{At: at}
	for _, t := range r.Targets {
		later := slices.IndexFunc(t.Scrapes, func(s Scrape) bool { return s.Time.After(at) })
		if later >= 0 {
			t.Scrapes = t.Scrapes[:later]
		}
		if len(t.Scrapes) > 0 {
			then.Targets = append(then.Targets, t)
		}
	}
	return then
}

// ofStable removes the canary and what was not measured from an observation.
func ofStable(o analysis.Observation) analysis.Observation {
	out := analysis.Observation{Time: o.Time}
	for name, pair := range o.Metrics {
		if pair.Stable == nil {
			continue
		}
		if out.Metrics == nil {
			out.Metrics = map[string]analysis.Pair{}
		}
		out.Metrics[name] = analysis.Pair{Stable: pair.Stable}
	}
	for name, pair := range o.Latency {
		if pair.Stable == nil {
			continue
		}
		if out.Latency == nil {
			out.Latency = map[string]analysis.HistogramPair{}
		}
		out.Latency[name] = analysis.HistogramPair{Stable: pair.Stable}
	}
	return out
}
