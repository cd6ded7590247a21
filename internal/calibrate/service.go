package calibrate

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// leastPods is the smallest number of pods of which one can play the canary: the judge
// needs two others to see how much pods differ.
const leastPods = 3

// leastSteps is the smallest number of steps of a past.
const leastSteps = 20

// historyLength is how much time before a release the judge learns from, as in a real
// one.
const historyLength = 30 * time.Minute

// service is a past, prepared for many releases.
type service struct {
	past      *metric.Past
	config    analysis.Config
	replicas  int
	alive     [][]bool // by pod and step
	starts    []int    // steps at which a release can begin
	perSecond float64
}

// newService prepares a past. The error says what is missing.
func newService(o Options) (*service, error) {
	s := &service{past: o.Past, config: o.Config, replicas: o.CanaryPods}
	bake := time.Duration(o.Config.Bake * float64(time.Second))
	if least := max(2*bake, leastSteps*o.Past.Step); o.Past.Length() < least-2*o.Past.Step { // the ends may be missing
		return nil, fmt.Errorf("the history is too short: it has %s, and at least %s are needed, twice the bake and %d steps of %s; wait, or choose a longer time", o.Past.Length(), least, leastSteps, o.Past.Step)
	}
	for i := range o.Past.Pods {
		s.alive = append(s.alive, s.lifeOf(&o.Past.Pods[i]))
	}
	most := s.findStarts()
	if len(s.starts) == 0 {
		return nil, fmt.Errorf("at most %d pods of stable ran at one time, and at least %d are needed: one plays the canary, and the judge compares it with two others; run more pods for some hours", most, leastPods)
	}
	s.perSecond = s.rate()
	return s, nil
}

// lifeOf returns in which steps a pod was there: it was measured, or was missing for a
// short time only.
func (s *service) lifeOf(p *metric.PastPod) []bool {
	alive := make([]bool, s.past.Steps)
	gap := int(max(metric.Patience/s.past.Step, 2))
	last := -1
	for i, step := range p.Steps {
		if !step.Measured {
			continue
		}
		if last < 0 || i-last > gap {
			last = i - 1
		}
		for at := last + 1; at <= i; at++ {
			alive[at] = true
		}
		last = i
	}
	return alive
}

// findStarts finds the steps at which a release can begin: enough pods are there, and
// enough of the past follows for a release that takes until its deadline, or half of the
// past. It returns the largest number of pods at one time.
func (s *service) findStarts() (most int) {
	span := min(int(math.Ceil(s.config.Deadline/s.past.Step.Seconds())), s.past.Steps/2)
	for step := range s.past.Steps {
		pods := len(s.podsAt(step))
		most = max(most, pods)
		if pods >= leastPods && step > 0 && step+span <= s.past.Steps {
			s.starts = append(s.starts, step)
		}
	}
	return most
}

// podsAt returns the indexes of the pods that are there in a step.
func (s *service) podsAt(step int) (pods []int) {
	for i := range s.alive {
		if s.alive[i][step] {
			pods = append(pods, i)
		}
	}
	return pods
}

// rate returns the mean number of requests per second of all pods, in the steps in which
// some were measured.
func (s *service) rate() float64 {
	requests, steps := 0.0, 0
	for step := range s.past.Steps {
		any := false
		most := make([]int64, len(s.past.Ratios)+len(s.past.Latencies))
		for i := range s.past.Pods {
			p := &s.past.Pods[i].Steps[step]
			if any = any || p.Measured; p.Measured {
				for m := range most {
					most[m] += totalOf(p, len(s.past.Ratios), m)
				}
			}
		}
		if any {
			requests, steps = requests+float64(slices.Max(most)), steps+1
		}
	}
	return requests / (float64(steps) * s.past.Step.Seconds())
}

// totalOf returns a pod's requests in a step, counted by its m-th metric: first the
// ratios, then the latencies.
func totalOf(p *metric.PastStep, ratios, m int) int64 {
	if m < ratios {
		return p.Ratios[m].Total
	}
	below := p.Below[m-ratios]
	return below[len(below)-1]
}
