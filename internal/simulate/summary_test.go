package simulate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/canarize/canarize/internal/analysis"
)

func TestSummarize(t *testing.T) {
	s := Summarize([]Outcome{
		{Verdict: analysis.Reject, Minutes: 2, Excess: 10, Canary: 100, Served: 1000},
		{Verdict: analysis.Reject, Minutes: 4, Excess: 20, Canary: 300, Served: 3000},
		{Verdict: analysis.Promote, Minutes: 10, Excess: 60},
		{Verdict: analysis.Hold, Minutes: 60, Excess: 30},
		{Verdict: analysis.Continue, Minutes: 60},
	})
	if s.Runs != 5 || s.Rejected.Percent != 40 || s.Promoted.Percent != 20 || s.Held.Runs != 1 || s.Undecided.Runs != 1 {
		t.Errorf("%+v", s)
	}
	if s.ToReject.Minutes != 3 || s.ToPromote.Minutes != 10 || s.Excess.Mean != 24 || s.Canary != 80 || s.Served != 800 {
		t.Errorf("%+v", s)
	}
	if empty := Summarize(nil); empty.ToReject != nil || empty.Rejected.High != 100 {
		t.Errorf("%+v", empty)
	}
}

// TestShareOf compares with Wilson's intervals from tables.
func TestShareOf(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{{0, 1000, 0, 0.383}, {10, 1000, 0.544, 1.831}, {1000, 1000, 99.617, 100}, {5, 10, 23.66, 76.34}} {
		s := ShareOf(c.k, c.n)
		if math.Abs(s.Low-c.low) > 0.01 || math.Abs(s.High-c.high) > 0.01 {
			t.Errorf("%d of %d: %.3f–%.3f instead of %v–%v", c.k, c.n, s.Low, s.High, c.low, c.high)
		}
	}
}

// TestIntervalsCover draws samples of a known law and counts how often the
// intervals contain the true value: about 95 % of the time.
func TestIntervalsCover(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const samples, size = 2000, 200
	share, mean, middle := 0, 0, 0
	for range samples {
		k, values := 0, make([]float64, size)
		for i := range values {
			values[i] = r.ExpFloat64()
			if values[i] > 1 {
				k++
			}
		}
		if s := ShareOf(k, size); s.Low <= 100/math.E && 100/math.E <= s.High {
			share++
		}
		if m := MeanOf(values); m.Low <= 1 && 1 <= m.High {
			mean++
		}
		if m := median(values); m.Low <= math.Ln2 && math.Ln2 <= m.High {
			middle++
		}
	}
	for name, covered := range map[string]int{"share": share, "mean": mean, "median": middle} {
		if p := float64(covered) / samples; p < 0.925 || p > 0.975 {
			t.Errorf("the interval of the %s holds the truth in %.1f %% of the samples", name, 100*p)
		}
	}
}
