package calibrate

import (
	"math"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// keeping says which arm a pod is of, and which part of its requests is kept.
type keeping struct {
	pod   int
	step  *metric.PastStep
	plays bool // the canary
	part  float64
	luck  float64
}

// observation returns the counts of both arms in some steps. Without pods that play the
// canary it has only stable, as history has.
func (r *release) observation(from, to int, s split) (o analysis.Observation) {
	var pods []keeping
	for i, sum := range r.sums(from, to) {
		k := keeping{pod: i, step: sum, plays: s.canary[i], part: s.ofStable, luck: r.random.Float64()}
		if k.plays {
			k.part = s.part
		}
		if sum != nil {
			pods = append(pods, k)
		}
	}
	if len(r.past.Ratios) > 0 {
		o.Metrics = map[string]analysis.Pair{}
	}
	for m, name := range r.past.Ratios {
		o.Metrics[name] = r.pair(pods, m, s.canary != nil)
	}
	if len(r.past.Latencies) > 0 {
		o.Latency = map[string]analysis.HistogramPair{}
	}
	for m, b := range r.past.Latencies {
		o.Latency[b.Name] = r.histograms(pods, m, b, s.canary != nil)
	}
	return o
}

// pair returns the counts of the m-th ratio.
func (r *release) pair(pods []keeping, m int, released bool) analysis.Pair {
	pair := analysis.Pair{Stable: &analysis.Arm{Pods: make(map[string]analysis.Counts, len(pods))}}
	if released {
		pair.Canary = &analysis.Arm{Pods: map[string]analysis.Counts{}}
	}
	for _, k := range pods {
		arm := pair.Stable
		if k.plays {
			arm = pair.Canary
		}
		c := thin(r.random, k.step.Ratios[m], k.part, k.luck)
		arm.Pods[r.past.Pods[k.pod].Name] = c
		arm.Bad, arm.Total = arm.Bad+c.Bad, arm.Total+c.Total
	}
	return pair
}

// histograms returns the counts of the m-th latency.
func (r *release) histograms(pods []keeping, m int, b metric.Buckets, released bool) analysis.HistogramPair {
	canary, stable := make([]int64, len(b.Bounds)), make([]int64, len(b.Bounds))
	for _, k := range pods {
		arm := stable
		if k.plays {
			arm = canary
		}
		thinBelow(r.random, k.step.Below[m], k.part, k.luck, arm)
	}
	pair := analysis.HistogramPair{Stable: histogram(b, stable)}
	if released {
		pair.Canary = histogram(b, canary)
	}
	return pair
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
