package analysis

import (
	"fmt"
	"math"
)

// Bounds of an observation. Above 2^53 a float64 does not count one by one.
const (
	maxCount   = 1 << 53
	maxTime    = 1e11 // s
	maxSeries  = 50   // metrics, gauges, or latencies of a release
	maxBuckets = 300
	maxPodsSum = 2000
)

// check says what is impossible about an observation.
func (o Observation) check() error {
	if !(math.Abs(o.Time) <= maxTime) {
		return fmt.Errorf("time %v is not a number of seconds since the release began", o.Time)
	}
	if !(o.Weight >= 0 && o.Weight <= 100) {
		return fmt.Errorf("weight %v is not a percentage from 0 to 100", o.Weight)
	}
	if n := max(len(o.Metrics), len(o.Gauges), len(o.Latency)); n > maxSeries {
		return fmt.Errorf("%d metrics are more than the %d that can be judged at once", n, maxSeries)
	}
	// Which of several errors is told must not depend on the order of a map.
	var err error
	var where string
	blame := func(metric string, e error) {
		if e != nil && (err == nil || metric < where) {
			where, err = metric, fmt.Errorf("%s: %w", metric, e)
		}
	}
	for name, pair := range o.Metrics {
		blame(name, pair.Canary.check("canary"))
		blame(name, pair.Stable.check("stable"))
	}
	for name, pair := range o.Latency {
		blame(name, pair.Canary.check("canary"))
		blame(name, pair.Stable.check("stable"))
	}
	return err
}

func (a *Arm) check(arm string) error {
	if a == nil {
		return nil
	}
	if len(a.Pods) > maxPodsSum {
		return fmt.Errorf("%s: %d pods are more than %d; give totals", arm, len(a.Pods), maxPodsSum)
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

// sum is the total over the pods, where there is detail by pod.
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
		// Sums stop where they are too large anyway, before they overflow.
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
		return fmt.Errorf("%d bad of %d requests: counts are increments and not negative; after a restart of a counter its increment is its new value", c.Bad, c.Total)
	case c.Total > maxCount:
		return fmt.Errorf("%d requests are more than can be counted exactly (2^53)", c.Total)
	case c.Bad > c.Total:
		return fmt.Errorf("%d bad of %d requests: there cannot be more bad ones than all", c.Bad, c.Total)
	}
	return nil
}

func (h *Histogram) check(arm string) error {
	if h == nil {
		return nil
	}
	if len(h.Bounds) != len(h.Below) || len(h.Bounds) > maxBuckets {
		return fmt.Errorf("%s: %d bounds and %d counts of requests below them: give one count for each, at most %d", arm, len(h.Bounds), len(h.Below), maxBuckets)
	}
	if h.Total < 0 || h.Total > maxCount {
		return fmt.Errorf("%s: %d requests are not from 0 to 2^53", arm, h.Total)
	}
	bound, below := math.Inf(-1), int64(0)
	for i := range h.Bounds {
		if !(h.Bounds[i] > bound) || h.Below[i] < below || h.Below[i] > h.Total {
			return fmt.Errorf("%s: bucket %d: bounds have to grow, and counts may neither shrink nor exceed the total", arm, i)
		}
		bound, below = h.Bounds[i], h.Below[i]
	}
	return nil
}
