package analysis

import (
	"math"
	"slices"
	"testing"
)

// TestLatency checks that the boundaries are stable's quantiles, and that slow
// requests are detected at each of them.
func TestLatency(t *testing.T) {
	histogram := func(n, slower float64) *Histogram {
		h := &Histogram{Bounds: []float64{.01, .05, .1, .5, 1, 5}, Total: int64(n)}
		for _, above := range []float64{.5, .2, .1, .01, .001, 0} {
			h.Below = append(h.Below, int64(n-math.Round(n*min(above*slower, 1))))
		}
		return h
	}
	for slower, want := range map[float64]Verdict{1: Promote, 5: Reject} {
		j := newJudge(t, nil)
		for i := -20; i < 0; i++ {
			j.Observe(Observation{Time: float64(15 * i), Latency: map[string]HistogramPair{"latency": {Stable: histogram(150000, 1)}}})
		}
		d, _ := play(j, 100, func(_ int, w float64) Observation {
			return Observation{Latency: map[string]HistogramPair{"latency": {Canary: histogram(1500*w, slower), Stable: histogram(150000-1500*w, 1)}}}
		})
		if d.Verdict != want {
			t.Errorf("%v times as many slow requests: %s %s", slower, d.Verdict, d.Reason)
		}
		for _, name := range []string{"latency>0.01s", "latency>0.1s", "latency>0.5s", "latency>1s"} {
			if _, ok := d.Evidence[name]; !ok {
				t.Errorf("no evidence for %s", name)
			}
		}
	}
}

// TestTinyLatency checks that differences that no user notices decide nothing,
// unless there are no other boundaries.
func TestTinyLatency(t *testing.T) {
	for _, c := range []struct {
		bounds []float64
		want   []float64
	}{
		{[]float64{.0005, .001, .005, .01, math.Inf(1)}, []float64{.005, .01}},
		{[]float64{.0005, .001, math.Inf(1)}, []float64{.0005, .001}},
	} {
		l := latency{Name: "latency"}
		below := []int64{900, 990, 998, 999, 1000}
		l.learn(&Histogram{Bounds: c.bounds, Below: below[:len(c.bounds)], Total: 1000})
		l.choose(1, false)
		if !slices.Equal(l.Chosen, c.want) {
			t.Errorf("of %v %v are chosen, expected %v", c.bounds, l.Chosen, c.want)
		}
	}
}

// TestLatencyOfOneBucket checks that a boundary that all requests exceed does
// not prevent a promotion, and that the other boundaries still detect slower
// requests.
func TestLatencyOfOneBucket(t *testing.T) {
	histogram := func(n, slow float64) *Histogram {
		return &Histogram{Bounds: []float64{.0005, .01, .025, .05}, Below: []int64{0, 0, int64(n - n*slow), int64(n)}, Total: int64(n)}
	}
	for slow, want := range map[float64]Verdict{0: Promote, .05: Reject} {
		d, _ := play(newJudge(t, nil), 100, func(_ int, w float64) Observation {
			return Observation{Latency: map[string]HistogramPair{"latency": {Canary: histogram(1500*w, slow), Stable: histogram(150000-1500*w, 0)}}}
		})
		if d.Verdict != want {
			t.Errorf("%g of the canary's requests are slow: %s %s %v", slow, d.Verdict, d.Reason, d.Evidence)
		}
	}
}
