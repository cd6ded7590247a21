package calibrate

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

const (
	// grown is the age from which a pod counts as one of the others.
	grown = 10 * time.Minute
	// settled is the time after that which shows what a pod is like.
	settled = time.Hour
	// window is the time over which a starting pod is compared besides single steps.
	window = 2 * time.Minute
	// leastStarted is the smallest number of requests of starting pods in the first window
	// from which anything is said about them.
	leastStarted = 100
)

// boundaryName is the name of a boundary in the judge's evidence.
func boundaryName(latency string, bound float64) string { return fmt.Sprintf("%s>%gs", latency, bound) }

// counter returns a part's counts of a step.
type counter func(*metric.PastStep) analysis.Counts

// counters returns the parts of a metric.
func (s *service) counters(m Metric) (all []counter) {
	if !m.latency {
		at := slices.Index(s.past.Ratios, m.Name)
		return []counter{func(p *metric.PastStep) analysis.Counts { return p.Ratios[at] }}
	}
	at := slices.IndexFunc(s.past.Latencies, func(b metric.Buckets) bool { return b.Name == m.Name })
	for i, bound := range s.past.Latencies[at].Bounds {
		if slices.ContainsFunc(m.Parts, func(p Part) bool { return p.Name == boundaryName(m.Name, bound) }) {
			all = append(all, func(p *metric.PastStep) analysis.Counts {
				below := p.Below[at]
				return analysis.Counts{Bad: below[len(below)-1] - below[i], Total: below[len(below)-1]}
			})
		}
	}
	return all
}

// cold returns how many pods started in the past and could be compared, and for how many
// seconds they were worse than the others; nil if that is not known.
func (s *service) cold(m Metric) (starts int, seconds *float64) {
	for _, of := range s.counters(m) {
		ages := s.started(of)
		starts = ages.starts
		if ages.requests(0, s.stepsIn(window)) < leastStarted {
			continue
		}
		if for_ := ages.coldSteps(s.stepsIn(window)); seconds == nil || for_ > *seconds {
			seconds = &for_
		}
	}
	if seconds != nil {
		*seconds *= s.past.Step.Seconds()
	}
	return starts, seconds
}

func (s *service) stepsIn(d time.Duration) int { return max(1, int(d/s.past.Step)) }

// age holds the requests of all starting pods at one age: how many there were, how many
// were bad, and how many would be with the ratio of the other pods at the same time.
type age struct{ total, bad, expected float64 }

type ages struct {
	starts int
	of     []age
}

// started compares pods that started in the past with those that were there before. A pod
// that is still worse when it has grown is worse for another reason. So it is compared with
// that, and a pod that is too young to know is left out.
func (s *service) started(of counter) ages {
	old := s.stepsIn(grown)
	all := ages{of: make([]age, old)}
	for i := range s.past.Pods {
		if !s.startedIn(i) {
			continue
		}
		first := s.past.Pods[i].First + 1
		later := ages{of: []age{{}}}
		for step := first + old; step < min(first+old+s.stepsIn(settled), s.past.Steps); step++ {
			later.of[0].add(s.compared(of, i, step), 1)
		}
		if later.of[0].total < leastStarted {
			continue
		}
		usual := 1.0
		if later.worse(0, 1) {
			usual = later.of[0].bad / max(later.of[0].expected, 1)
		}
		for step := first; step < first+old; step++ {
			all.of[step-first].add(s.compared(of, i, step), usual)
		}
		all.starts++
	}
	return all
}

// add adds requests of a pod that usually has so many times the bad requests of the others.
func (a *age) add(b age, usual float64) {
	a.total, a.bad, a.expected = a.total+b.total, a.bad+b.bad, a.expected+b.expected*usual
}

// compared returns the requests of a pod in a step, beside those of the pods that were
// there before it, or if these have ended, of all that are no longer starting.
func (s *service) compared(of counter, pod, step int) age {
	p := &s.past.Pods[pod].Steps[step]
	if !p.Measured {
		return age{}
	}
	c := of(p)
	others := s.around(of, step, func(i int) bool { return i != pod && !s.starting(i, s.past.Pods[pod].First) })
	if others.Total == 0 {
		others = s.around(of, step, func(i int) bool { return i != pod && !s.starting(i, step) })
	}
	if others.Total == 0 {
		return age{}
	}
	return age{float64(c.Total), float64(c.Bad), float64(c.Total) * float64(others.Bad) / float64(others.Total)}
}

// around returns the requests of some pods in the steps around one.
func (s *service) around(of counter, step int, wanted func(pod int) bool) (sum analysis.Counts) {
	for i := range s.past.Pods {
		if !wanted(i) {
			continue
		}
		for at := max(0, step-2); at <= min(step+2, s.past.Steps-1); at++ {
			if p := &s.past.Pods[i].Steps[at]; p.Measured {
				c := of(p)
				sum.Bad, sum.Total = sum.Bad+c.Bad, sum.Total+c.Total
			}
		}
	}
	return sum
}

// startedIn reports whether a pod started in the past, and not before. The pods that were
// there from the beginning have their first scrapes in the first steps.
func (s *service) startedIn(pod int) bool { return s.past.Pods[pod].First > 2 }

// starting reports whether a pod began less than grown before a step.
func (s *service) starting(pod, step int) bool {
	first := s.past.Pods[pod].First
	return s.startedIn(pod) && step-first <= s.stepsIn(grown)
}

func (a ages) requests(from, to int) (sum float64) {
	for _, at := range a.of[from:min(to, len(a.of))] {
		sum += at.total
	}
	return sum
}

// worse reports whether the starting pods were clearly worse at some ages: by four
// standard deviations of a Poisson number, and by a quarter.
func (a ages) worse(from, to int) bool {
	bad, expected := 0.0, 0.0
	for _, at := range a.of[from:min(to, len(a.of))] {
		bad, expected = bad+at.bad, expected+at.expected
	}
	return bad > 1.25*expected && bad > expected+4*math.Sqrt(expected+1)
}

// coldSteps returns the age in steps from which on starting pods are no longer worse. As
// a pod's first scrape is up to a step after its first request, one step is added.
func (a ages) coldSteps(window int) float64 {
	for at := range a.of {
		if a.worse(at, at+1) || a.worse(at, at+window) {
			continue
		}
		if at == 0 {
			return 0
		}
		return float64(at + 1)
	}
	return float64(len(a.of))
}
