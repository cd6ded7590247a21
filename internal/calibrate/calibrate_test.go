package calibrate

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// world makes the past of a service whose pods all run one version.
type world struct {
	pods      int
	perSecond float64 // of all pods
	bad       float64 // ratio of bad requests
	burst     float64 // chance that a burst of 60 s begins in a pod's step; in it half of the requests are bad
	hours     float64
	cold      int     // steps for which a pod that starts in the middle has bad requests
	coldBad   float64 // ratio of them
	seed      uint64
}

const step = 15 * time.Second

func (w world) past() *metric.Past {
	r := rand.New(rand.NewPCG(w.seed, 7))
	p := &metric.Past{Begin: time.Unix(1_700_000_000, 0), Step: step, Steps: int(w.hours * 240), Ratios: []string{"errors"}}
	for i := range w.pods {
		pod := metric.PastPod{Name: "web-" + string(rune('a'+i)), Steps: make([]metric.PastStep, p.Steps)}
		if w.cold > 0 && i%4 == 1 {
			pod.First = p.Steps/2 + i
		}
		left := 0
		for at := pod.First + 1; at < p.Steps; at++ {
			ratio := w.bad
			if left--; left > 0 {
				ratio = .5
			} else if r.Float64() < w.burst {
				left = 4
			}
			if pod.First > 0 && at-pod.First <= w.cold {
				ratio = w.coldBad
			}
			n := int64(0)
			for range 1 + int(w.perSecond*15/float64(w.pods)*2*r.Float64()) {
				n++
			}
			bad := int64(0)
			for range n {
				if r.Float64() < ratio {
					bad++
				}
			}
			pod.Steps[at] = metric.PastStep{Measured: true, Ratios: []analysis.Counts{{Bad: bad, Total: n}}}
		}
		p.Pods = append(p.Pods, pod)
	}
	return p
}

func calibrated(t *testing.T, w world, change func(*Options)) *Calibration {
	t.Helper()
	o := Options{Past: w.past(), Config: analysis.Default(), Runs: 300, Seed: 1}
	if change != nil {
		change(&o)
	}
	c, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestIndependentRequests checks the judge's promise on independent requests, and that its
// values are kept where they fit.
func TestIndependentRequests(t *testing.T) {
	for name, w := range map[string]world{
		"1 %":       {pods: 10, perSecond: 100, bad: .01, hours: 4},
		"0.1 %":     {pods: 6, perSecond: 60, bad: .001, hours: 4},
		"20 %":      {pods: 5, perSecond: 60, bad: .2, hours: 4},
		"no errors": {pods: 3, perSecond: 60, hours: 4},
	} {
		t.Run(name, func(t *testing.T) {
			c := calibrated(t, w, nil)
			t.Logf("%+v %+v", c.Now, c.Metrics)
			if c.Now.Rejected.Low > 100*c.Alpha {
				t.Errorf("%.1f %% were rejected", c.Now.Rejected.Percent)
			}
		})
	}
}

func TestBursts(t *testing.T) {
	c := calibrated(t, world{pods: 3, perSecond: 60, bad: .002, burst: .01, hours: 4}, nil)
	t.Logf("%+v %+v %q", c.Now, c.Metrics, c.Warnings)
	if !strings.Contains(strings.Join(c.Warnings, "\n"), "errors: the pods differ") {
		t.Errorf("%q", c.Warnings)
	}
}

func TestColdStart(t *testing.T) {
	c := calibrated(t, world{pods: 8, perSecond: 100, bad: .01, hours: 3, cold: 8, coldBad: .1}, nil)
	t.Logf("%+v %+v %q", c.Now, c.Metrics, c.Warnings)
	if m := c.Metrics[0]; m.Cold == nil || *m.Cold < 120 || *m.Cold > 150 || m.FittedWarmup != *m.Cold {
		t.Errorf("%+v", m)
	}
}

func TestSameSeed(t *testing.T) {
	w := world{pods: 6, perSecond: 30, bad: .01, hours: 2}
	text := func(seed uint64) string {
		all, err := json.Marshal(calibrated(t, w, func(o *Options) { o.Seed, o.Runs = seed, 50 }))
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	if diff := cmp.Diff(text(1), text(1)); diff != "" {
		t.Error(diff)
	}
	if text(1) == text(2) {
		t.Error("another seed gave the same result")
	}
}

func TestLowTraffic(t *testing.T) {
	c := calibrated(t, world{pods: 6, perSecond: 3, bad: .01, hours: 6}, nil)
	t.Logf("%+v %+v %q", c.Now, c.Metrics, c.Warnings)
	if c.Fitted != nil {
		t.Logf("%+v", *c.Fitted)
	}
}
