package calibrate

import (
	"math"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// observation returns the counts of both arms in some steps. Without pods that play the
// canary it has only stable, as history has.
func (r *release) observation(from, to int, s split) analysis.Observation {
	var o analysis.Observation
	pods := r.sums(from, to)
	lucks := make([]float64, len(pods))
	for i := range lucks {
		lucks[i] = r.random.Float64()
	}
	part := func(i int) float64 {
		if s.canary[i] {
			return s.part
		}
		return s.ofStable
	}
	if len(r.past.Ratios) > 0 {
		o.Metrics = map[string]analysis.Pair{}
	}
	for m, name := range r.past.Ratios {
		pair := analysis.Pair{Stable: &analysis.Arm{Pods: map[string]analysis.Counts{}}}
		if s.canary != nil {
			pair.Canary = &analysis.Arm{Pods: map[string]analysis.Counts{}}
		}
		for i, p := range pods {
			if p == nil {
				continue
			}
			arm := pair.Stable
			if s.canary[i] {
				arm = pair.Canary
			}
			c := thin(r.random, p.Ratios[m], part(i), lucks[i])
			arm.Pods[r.past.Pods[i].Name] = c
			arm.Bad, arm.Total = arm.Bad+c.Bad, arm.Total+c.Total
		}
		o.Metrics[name] = pair
	}
	if len(r.past.Latencies) > 0 {
		o.Latency = map[string]analysis.HistogramPair{}
	}
	for m, b := range r.past.Latencies {
		var arms [2][]int64
		for arm := range arms {
			arms[arm] = make([]int64, len(b.Bounds))
		}
		for i, p := range pods {
			if p == nil {
				continue
			}
			arm := 0
			if s.canary[i] {
				arm = 1
			}
			thinBelow(r.random, p.Below[m], part(i), lucks[i], arms[arm])
		}
		pair := analysis.HistogramPair{Stable: histogram(b, arms[0])}
		if s.canary != nil {
			pair.Canary = histogram(b, arms[1])
		}
		o.Latency[b.Name] = pair
	}
	return o
}

func histogram(b metric.Buckets, below []int64) *analysis.Histogram {
	finite := len(b.Bounds)
	if math.IsInf(b.Bounds[finite-1], 1) {
		finite--
	}
	return &analysis.Histogram{Bounds: b.Bounds[:finite], Below: below[:finite], Total: below[len(below)-1]}
}

// sums returns what each pod counted in some steps; nil if it was not measured.
func (r *release) sums(from, to int) []*metric.PastStep {
	all := make([]*metric.PastStep, len(r.past.Pods))
	for i := range r.past.Pods {
		for step := from; step <= to; step++ {
			p := &r.past.Pods[i].Steps[step]
			switch {
			case !p.Measured:
			case all[i] == nil:
				all[i] = p
			default:
				all[i] = plus(all[i], p)
			}
		}
	}
	return all
}

// plus adds two steps.
func plus(a, b *metric.PastStep) *metric.PastStep {
	sum := &metric.PastStep{Measured: true}
	for m := range a.Ratios {
		sum.Ratios = append(sum.Ratios, analysis.Counts{Bad: a.Ratios[m].Bad + b.Ratios[m].Bad, Total: a.Ratios[m].Total + b.Ratios[m].Total})
	}
	for m := range a.Below {
		below := make([]int64, len(a.Below[m]))
		for i := range below {
			below[i] = a.Below[m][i] + b.Below[m][i]
		}
		sum.Below = append(sum.Below, below)
	}
	return sum
}
