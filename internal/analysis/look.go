package analysis

import (
	"maps"
	"math"
	"slices"
)

// Catastrophe reports whether the judge would reject the release if the current
// interval ended now. o holds the counts of the interval so far. Nothing is
// counted: evidence needs whole intervals, but the brake can add up single
// requests.
func (j *Judge) Catastrophe(o Observation) bool {
	if j.s.Over || o.check() != nil {
		return false
	}
	o, _ = o.possible()
	since := 0.0
	if j.s.Traffic.Seen {
		since = j.s.Clock.Elapsed + max(0, o.Time-j.s.Clock.Time) - j.s.Traffic.First
	}
	begun := j.begun(since)
	for name, p := range considered(j.config, o.Metrics) {
		if p.Canary == nil || p.Stable == nil {
			continue
		}
		r := &ratio{} // of a metric that no whole interval had yet
		if at := slices.IndexFunc(j.s.Ratios, func(r *ratio) bool { return r.Name == name }); at >= 0 {
			r = j.s.Ratios[at]
		}
		canary, _ := p.Canary.sum() // checked before
		stable, _ := p.Stable.sum()
		all, b := r.Pending, r.Brake
		all.add(canary, stable, interval{})
		if all.Canary.All == 0 || all.Stable.All == 0 {
			continue
		}
		b.add(all.table(), begun, r.noise(r.usual()*r.PerPod).fast)
		if b.fires(j.config.Alpha) {
			return true
		}
	}
	return false
}

// Join makes one observation of two consecutive ones. It adds counts, averages
// gauges, and keeps the later time and weight. It keeps what only one of them
// has. Of a latency it keeps the bounds that both have.
func (o Observation) Join(next Observation) Observation {
	out := next
	out.Uncertain, out.Mended = o.Uncertain || next.Uncertain, o.Mended || next.Mended
	out.Metrics = joined(o.Metrics, next.Metrics, func(a, b Pair) Pair {
		return Pair{Canary: a.Canary.join(b.Canary), Stable: a.Stable.join(b.Stable)}
	})
	out.Latency = joined(o.Latency, next.Latency, func(a, b HistogramPair) HistogramPair {
		return HistogramPair{Canary: a.Canary.join(b.Canary), Stable: a.Stable.join(b.Stable)}
	})
	out.Restarts = o.Restarts.join(next.Restarts)
	out.Events = joined(o.Events, next.Events, Events.plus)
	out.Gauges = joined(o.Gauges, next.Gauges, func(a, b Gauge) Gauge {
		return Gauge{Canary: mean(a.Canary, b.Canary), Stable: mean(a.Stable, b.Stable)}
	})
	return out
}

func joined[T any](a, b map[string]T, join func(a, b T) T) map[string]T {
	if len(a) == 0 {
		return b
	}
	out := maps.Clone(a)
	for name, value := range b {
		if before, found := out[name]; found {
			value = join(before, value)
		}
		out[name] = value
	}
	return out
}

// mean returns the mean of the known values.
func mean(a, b float64) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	}
	return (a + b) / 2
}

func (a *Arm) join(b *Arm) *Arm {
	if a == nil || b == nil {
		return either(a, b)
	}
	out := &Arm{Counts: a.Counts.plus(b.Counts)}
	if len(a.Pods) > 0 && len(b.Pods) > 0 { // else the detail by pod is incomplete
		out.Pods = joined(a.Pods, b.Pods, Counts.plus)
	}
	return out
}

func (c Counts) plus(d Counts) Counts { return Counts{Bad: c.Bad + d.Bad, Total: c.Total + d.Total} }

func (h *Histogram) join(b *Histogram) *Histogram {
	if h == nil || b == nil {
		return either(h, b)
	}
	out := &Histogram{Total: h.Total + b.Total}
	for i, bound := range h.Bounds {
		for k, other := range b.Bounds {
			if bound == other {
				out.Bounds = append(out.Bounds, bound)
				out.Below = append(out.Below, h.Below[i]+b.Below[k])
			}
		}
	}
	return out
}

func either[T any](a, b *T) *T {
	if a == nil {
		return b
	}
	return a
}
