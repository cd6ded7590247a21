package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"math"
)

// Bounds of an observation. A float64 cannot represent every integer above
// 2^53.
const (
	maxCount   = 1 << 53
	maxTime    = 1e11 // s
	maxSeries  = 50   // metrics, gauges or latencies of a release
	maxBuckets = 300
	maxPodsSum = 2000
)

// check returns an error if the observation as a whole is impossible.
func (o Observation) check() error {
	if !(math.Abs(o.Time) <= maxTime) {
		return fmt.Errorf("time is %v; it must be a number of seconds since the release began", o.Time)
	}
	if !(o.Weight >= 0 && o.Weight <= 100) {
		return fmt.Errorf("weight is %v; it must be a percentage from 0 to 100", o.Weight)
	}
	if n := max(len(o.Metrics), len(o.Gauges), len(o.Latency), len(o.Events)); n > maxSeries {
		return fmt.Errorf("%d metrics are too many; at most %d can be judged at once", n, maxSeries)
	}
	return nil
}

// possible returns the observation with every impossible metric as not measured, so that
// one wrong counter does not silence the others. The error says which metric that is, the
// first one by name.
func (o Observation) possible() (Observation, error) {
	// Report the first error by name, so that it does not depend on the order
	// of a map.
	var err error
	var first string
	impossible := func(metric string, wrong error) bool {
		if wrong != nil && (err == nil || metric < first) {
			first, err = metric, fmt.Errorf("%s: %w; the metric counts as not measured", metric, wrong)
		}
		return wrong != nil
	}
	var ratios, latencies []string
	for name, pair := range o.Metrics {
		if impossible(name, cmp.Or(pair.Canary.check("canary"), pair.Stable.check("stable"))) {
			ratios = append(ratios, name)
		}
	}
	for name, pair := range o.Latency {
		if impossible(name, cmp.Or(pair.Canary.check("canary"), pair.Stable.check("stable"))) {
			latencies = append(latencies, name)
		}
	}
	var counts []string
	for name, e := range o.Events {
		if impossible(name, e.check()) {
			counts = append(counts, name)
		}
	}
	o.Events = uncounted(o.Events, counts)
	o.Metrics, o.Latency = unmeasured(o.Metrics, ratios), unmeasured(o.Latency, latencies)
	return o, err
}

// unmeasured returns a map in which the names have no value. It copies the map if it
// changes it.
func unmeasured[T any](all map[string]T, names []string) map[string]T {
	if len(names) == 0 {
		return all
	}
	all = maps.Clone(all)
	for _, name := range names {
		var none T
		all[name] = none
	}
	return all
}

// uncounted does the same for events.
func uncounted(all map[string]Events, names []string) map[string]Events {
	if len(names) == 0 {
		return all
	}
	all = maps.Clone(all)
	for _, name := range names {
		all[name] = Events{Canary: -1, Stable: -1}
	}
	return all
}

func (e Events) check() error {
	if max(e.Canary, e.Stable) > maxCount {
		return fmt.Errorf("%d events are too many; the limit is 2^53", max(e.Canary, e.Stable))
	}
	return nil
}

func (a *Arm) check(arm string) error {
	if a == nil {
		return nil
	}
	if len(a.Pods) > maxPodsSum {
		return fmt.Errorf("%s: %d pods are too many, the limit is %d; give totals without pods", arm, len(a.Pods), maxPodsSum)
	}
	counts, err := a.sum()
	if err == nil {
		err = counts.check()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", arm, err)
	}
	return nil
}

// sum returns the total over the pods if there are any, else Counts.
func (a *Arm) sum() (Counts, error) {
	if len(a.Pods) == 0 {
		return a.Counts, nil
	}
	var sum Counts
	var wrong string
	var err error
	for name, c := range a.Pods {
		if e := c.check(); e != nil && (err == nil || name < wrong) {
			wrong, err = name, e
		}
		// Limit the sums so that they cannot overflow. check rejects such
		// sums anyway.
		sum.Bad = min(sum.Bad+max(c.Bad, 0), maxCount+1)
		sum.Total = min(sum.Total+max(c.Total, 0), maxCount+1)
	}
	if err != nil {
		err = fmt.Errorf("pod %s: %w", wrong, err)
	}
	return sum, err
}

func (c Counts) check() error {
	switch {
	case c.Total < 0 || c.Bad < 0:
		return fmt.Errorf("%d bad of %d requests: counts are increments and cannot be negative; after a counter restarts, use its new value as the increment", c.Bad, c.Total)
	case c.Total > maxCount:
		return fmt.Errorf("%d requests are too many; the limit is 2^53", c.Total)
	case c.Bad > c.Total:
		return fmt.Errorf("%d bad of %d requests: there cannot be more bad requests than requests", c.Bad, c.Total)
	}
	return nil
}

func (h *Histogram) check(arm string) error {
	if h == nil {
		return nil
	}
	if len(h.Bounds) != len(h.Below) || len(h.Bounds) > maxBuckets {
		return fmt.Errorf("%s: %d bounds and %d counts; give one count for each bound, at most %d", arm, len(h.Bounds), len(h.Below), maxBuckets)
	}
	if h.Total < 0 || h.Total > maxCount {
		return fmt.Errorf("%s: total is %d requests; it must be from 0 to 2^53", arm, h.Total)
	}
	bound, below := math.Inf(-1), int64(0)
	for i := range h.Bounds {
		if !(h.Bounds[i] > bound) || h.Below[i] < below || h.Below[i] > h.Total {
			return fmt.Errorf("%s: bucket %d: bounds must increase, and counts must not decrease or exceed the total", arm, i)
		}
		bound, below = h.Bounds[i], h.Below[i]
	}
	return nil
}
