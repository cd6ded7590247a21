package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// world makes the past of a service whose pods all run one version.
type world struct {
	pods      int
	perSecond float64 // of all pods
	bad       float64 // ratio of bad requests
	slow      float64 // ratio of requests that take more than 100 ms; 0 means no latency
	burst     float64 // chance that a burst begins in a pod's step; then half of its requests are bad for a minute
	uneven    float64 // by which the pods' shares of the requests differ from step to step, 0 to 1
	hours     float64
	cold      int     // steps for which every fourth pod, which starts in the middle, is worse
	coldBad   float64 // its ratio of bad requests then
	gone      bool    // half of the pods end in the middle
	missed    float64 // chance that a scrape is missing
	rarely    bool    // it is scraped once a minute
}

func (w world) past() *metric.Past {
	r := rand.New(rand.NewPCG(1, 7))
	p := &metric.Past{Begin: time.Unix(1_700_000_000, 0), Step: 15 * time.Second, Steps: int(w.hours * 240), Ratios: []string{"errors"}}
	if w.rarely {
		p.Step, p.Steps = time.Minute, int(w.hours*60)
	}
	if w.slow > 0 {
		p.Latencies = []metric.Buckets{{Name: "latency", Bounds: []float64{.05, .1, .5, math.Inf(1)}}}
	}
	for i := range w.pods {
		p.Pods = append(p.Pods, w.pod(r, p, i))
	}
	return p
}

func (w world) pod(r *rand.Rand, p *metric.Past, i int) metric.PastPod {
	pod := metric.PastPod{Name: fmt.Sprintf("web-%02d", i), Steps: make([]metric.PastStep, p.Steps)}
	if w.cold > 0 && i%4 == 1 {
		pod.First = p.Steps/2 + i
	}
	end := p.Steps
	if w.gone && i%2 == 1 {
		end /= 2
	}
	burst, waiting := 0, int64(0)
	for at := pod.First + 1; at < end; at++ {
		ratio := w.bad
		if burst--; burst > 0 {
			ratio = .5
		} else if r.Float64() < w.burst {
			burst = 5
		}
		if pod.First > 0 && at-pod.First <= w.cold {
			ratio = w.coldBad
		}
		mean := w.perSecond * p.Step.Seconds() / float64(w.pods) * (1 + w.uneven*(2*r.Float64()-1))
		n := int64(max(math.Round(mean+math.Sqrt(mean)*r.NormFloat64()), 0)) + waiting
		if r.Float64() < w.missed {
			waiting = n
			continue
		}
		waiting = 0
		s := metric.PastStep{Measured: true, Ratios: []analysis.Counts{{Bad: draws(r, n, ratio), Total: n}}}
		if w.slow > 0 {
			slow := draws(r, n, w.slow)
			s.Below = [][]int64{{(n - slow) / 2, n - slow, n - slow/4, n}}
		}
		pod.Steps[at] = s
	}
	return pod
}

func draws(r *rand.Rand, n int64, p float64) (k int64) {
	for range n {
		if r.Float64() < p {
			k++
		}
	}
	return k
}

func calibrated(t *testing.T, w world, change func(*Options)) *Calibration {
	t.Helper()
	o := Options{Past: w.past(), Config: analysis.Default(), Runs: 200, Seed: 1}
	if change != nil {
		change(&o)
	}
	c, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
