package simulate

import (
	"math"
	"slices"

	"github.com/canarize/canarize/internal/analysis"
)

// Summary summarises many runs of a scenario with one decider.
type Summary struct {
	Runs      int   `json:"runs"`
	Rejected  Share `json:"rejected"`
	Promoted  Share `json:"promoted"`
	Held      Share `json:"held"`      // at the deadline, with a cause
	Undecided Share `json:"undecided"` // at the deadline

	// ToReject and ToPromote are the minutes to the verdict in the runs that
	// ended with it; nil if there are none.
	ToReject  *Median `json:"minutesToReject"`
	ToPromote *Median `json:"minutesToPromote"`

	Excess Mean    `json:"excessBadRequests"` // per run
	Canary float64 `json:"canaryRequests"`    // mean per run
	Served float64 `json:"requests"`          // mean per run
}

// Share is a share of runs with a 95 % interval, in percent.
type Share struct {
	Runs    int     `json:"runs"`
	Percent float64 `json:"percent"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// Median is a median with a 95 % interval, in minutes.
type Median struct {
	Minutes float64 `json:"minutes"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// Mean is a mean with a 95 % interval.
type Mean struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// z95 is the normal quantile of a two-sided 95 % interval.
const z95 = 1.959964

// Summarize counts the outcomes.
func Summarize(outcomes []Outcome) Summary {
	counts := map[analysis.Verdict]int{}
	minutes := map[analysis.Verdict][]float64{}
	excess := make([]float64, len(outcomes))
	var s Summary
	for i, o := range outcomes {
		counts[o.Verdict]++
		minutes[o.Verdict] = append(minutes[o.Verdict], o.Minutes)
		excess[i] = o.Excess
		s.Canary += float64(o.Canary) / float64(len(outcomes))
		s.Served += float64(o.Served) / float64(len(outcomes))
	}
	s.Runs = len(outcomes)
	s.Rejected = ShareOf(counts[analysis.Reject], s.Runs)
	s.Promoted = ShareOf(counts[analysis.Promote], s.Runs)
	s.Held = ShareOf(counts[analysis.Hold], s.Runs)
	s.Undecided = ShareOf(counts[analysis.Continue], s.Runs)
	s.ToReject = median(minutes[analysis.Reject])
	s.ToPromote = median(minutes[analysis.Promote])
	s.Excess = MeanOf(excess)
	return s
}

// ShareOf returns a share with Wilson's interval (Journal of the American
// Statistical Association 22, 1927), which also holds at 0 and 100 %.
func ShareOf(k, n int) Share {
	if n == 0 {
		return Share{High: 100}
	}
	size, p := float64(n), float64(k)/float64(n)
	middle := (p + z95*z95/(2*size)) / (1 + z95*z95/size)
	width := z95 * math.Sqrt(p*(1-p)/size+z95*z95/(4*size*size)) / (1 + z95*z95/size)
	return Share{Runs: k, Percent: 100 * p, Low: 100 * max(middle-width, 0), High: 100 * min(middle+width, 1)}
}

// MeanOf returns a mean with its interval by the normal distribution, which
// holds for many runs. With few runs, rare and large values, such as those of
// missed releases, make it too narrow.
func MeanOf(values []float64) Mean {
	n := float64(len(values))
	if n == 0 {
		return Mean{}
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	mean, squares := sum/n, 0.0
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	width := z95 * math.Sqrt(squares/n/max(n-1, 1))
	return Mean{Mean: mean, Low: mean - width, High: mean + width}
}

// median returns a median with an interval between two order statistics, which
// holds for any distribution. It uses the normal approximation to the binomial.
func median(values []float64) *Median {
	if len(values) == 0 {
		return nil
	}
	v := slices.Sorted(slices.Values(values))
	n := float64(len(v))
	at := func(rank float64) float64 { return v[min(max(int(rank), 0), len(v)-1)] }
	width := z95 * math.Sqrt(n) / 2
	return &Median{
		Minutes: (at((n-1)/2) + at(n/2)) / 2,
		Low:     at(math.Floor(n/2 - width)),
		High:    at(math.Ceil(n/2 + width)),
	}
}
