package metric

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric/native"
)

// sums holds the increments of one metric that are not yet in an observation.
type sums struct {
	bad, total map[armPod]float64
	below      map[Arm]map[float64]float64 // by bound
	natives    map[Arm]native.Histogram
	perSecond  float64 // of natives
}

type armPod struct {
	arm Arm
	pod string
}

func (t *Tracker) sum(metric string) *sums {
	s := t.sums[metric]
	if s == nil {
		s = &sums{bad: map[armPod]float64{}, total: map[armPod]float64{}, below: map[Arm]map[float64]float64{}, natives: map[Arm]native.Histogram{}}
		t.sums[metric] = s
	}
	return s
}

func (s *sums) add(v Value, increment float64) {
	who := armPod{v.Arm, v.Pod}
	switch v.Part {
	case Bad:
		s.bad[who] += increment
	case Total:
		s.total[who] += increment
	case Bucket:
		if s.below[v.Arm] == nil {
			s.below[v.Arm] = map[float64]float64{}
		}
		s.below[v.Arm][v.Bound] += increment
	}
}

// limit keeps only the bounds of a latency that all targets have. A sum over
// some targets would not count all requests.
func (t *Tracker) limit(metric string, values map[Value]float64) {
	var bounds []float64
	for v := range values {
		if v.Part == Bucket && !slices.Contains(bounds, v.Bound) {
			bounds = append(bounds, v.Bound)
		}
	}
	if len(bounds) == 0 {
		return
	}
	if known := t.bounds[metric]; known != nil {
		bounds = slices.DeleteFunc(bounds, func(b float64) bool { return !slices.Contains(known, b) })
	}
	slices.Sort(bounds)
	t.bounds[metric] = bounds
}

// emit moves the sums of the measured versions into an observation.
func (t *Tracker) emit(o *analysis.Observation) (troubles []string) {
	measured := t.measured()
	all := t.all()
	for i, m := range all {
		s := t.sum(m.Name)
		switch m.Kind {
		case KindRatio:
			if o.Metrics == nil {
				o.Metrics = map[string]analysis.Pair{}
			}
			o.Metrics[m.Name] = analysis.Pair{Canary: s.arm(Canary, measured), Stable: s.arm(Stable, measured)}
		case KindLatency:
			if o.Latency == nil {
				o.Latency = map[string]analysis.HistogramPair{}
			}
			troubles = append(troubles, t.fromNatives(m.Name, s)...)
			bounds := t.bounds[m.Name]
			o.Latency[m.Name] = analysis.HistogramPair{Canary: s.histogram(Canary, bounds, measured), Stable: s.histogram(Stable, bounds, measured)}
		case KindEvents:
			if o.Events == nil {
				o.Events = map[string]analysis.Events{}
			}
			o.Events[m.Name] = analysis.Events{Canary: s.events(Canary, measured), Stable: s.events(Stable, measured)}
		case KindGauge:
			continue
		}
		for _, arm := range Arms() {
			if i < len(t.metrics) && !measured[arm] && !t.failed(arm) {
				troubles = append(troubles, fmt.Sprintf("%s: no data for %s yet", m.Name, arm))
			}
		}
	}
	// A metric that a source discovers later begins then.
	maps.DeleteFunc(t.sums, func(name string, _ *sums) bool {
		return !slices.ContainsFunc(all, func(m Metric) bool { return m.Name == name })
	})
	return troubles
}

// failed reports whether a target that counts for the version has an error.
func (t *Tracker) failed(arm Arm) bool {
	for _, k := range t.known {
		if k.arms[arm] && k.failed != nil {
			return true
		}
	}
	return false
}

// whole rounds a sum of counters, which may have fractions. Rounding keeps the
// bad requests at or below all requests.
func whole(v float64) int64 { return int64(math.Round(min(v, 1<<53))) }

// arm removes and returns the counts of a version, or nil if it was not
// measured.
func (s *sums) arm(arm Arm, measured map[Arm]bool) *analysis.Arm {
	if !measured[arm] {
		return nil
	}
	a := &analysis.Arm{Pods: map[string]analysis.Counts{}}
	for who, total := range s.total {
		if who.arm != arm {
			continue
		}
		counts := analysis.Counts{Bad: whole(min(s.bad[who], total)), Total: whole(total)}
		a.Pods[who.pod] = counts
		a.Bad += counts.Bad
		a.Total += counts.Total
	}
	if _, unknown := a.Pods[""]; unknown && len(a.Pods) == 1 || len(a.Pods) == 0 {
		a.Pods = nil // no detail by pod
	}
	mine := func(who armPod, _ float64) bool { return who.arm == arm }
	maps.DeleteFunc(s.total, mine)
	maps.DeleteFunc(s.bad, mine)
	return a
}

// events removes and returns the events of a version, or -1 if it was not measured.
func (s *sums) events(arm Arm, measured map[Arm]bool) int64 {
	if a := s.arm(arm, measured); a != nil {
		return a.Total
	}
	return -1
}

// histogram removes and returns the histogram of a version, or nil if it was
// not measured.
func (s *sums) histogram(arm Arm, bounds []float64, measured map[Arm]bool) *analysis.Histogram {
	if !measured[arm] || len(bounds) == 0 {
		return nil
	}
	below := s.below[arm]
	h := &analysis.Histogram{Total: whole(below[math.Inf(1)])}
	least := int64(0)
	for _, b := range bounds {
		if math.IsInf(b, 1) {
			continue
		}
		// Buckets of different scrapes may differ by a request.
		least = min(max(least, whole(below[b])), h.Total)
		h.Bounds = append(h.Bounds, b)
		h.Below = append(h.Below, least)
	}
	delete(s.below, arm)
	return h
}

// SortValues sorts values, so that results that depend on their order are
// deterministic.
func SortValues(values []Value) {
	slices.SortFunc(values, func(a, b Value) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Arm, b.Arm), cmp.Compare(a.Pod, b.Pod),
			cmp.Compare(a.Part, b.Part), cmp.Compare(a.Bound, b.Bound), cmp.Compare(a.Series, b.Series))
	})
}
