package analysis

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// latency turns a histogram into ratios of slow requests, one for each of some
// boundaries. It chooses them from stable's requests before the canary is
// judged, so that the canary cannot influence its own criteria.
type latency struct {
	Name   string    `json:"name"`
	Bounds []float64 `json:"bounds,omitempty"` // of the buckets, s
	Below  []float64 `json:"below,omitempty"`
	Total  float64   `json:"total"`
	Chosen []float64 `json:"chosen,omitempty"`
	Ratios []*ratio  `json:"ratios,omitempty"` // one for each chosen boundary
}

// quantiles of stable near which boundaries are chosen.
var quantiles = [...]float64{.5, .9, .99, .999}

// mostSlow is the largest fraction of stable's requests that may be slower than
// a boundary. If nearly all requests exceed a boundary, no number of requests
// can show that the canary is no worse.
const mostSlow = .9

// learn adds stable's requests.
func (l *latency) learn(h *Histogram) {
	if h == nil || h.Total == 0 || len(l.Chosen) > 0 {
		return
	}
	if !slices.Equal(l.Bounds, h.Bounds) {
		l.Bounds, l.Below, l.Total = slices.Clone(h.Bounds), make([]float64, len(h.Bounds)), 0
	}
	for i, n := range h.Below {
		l.Below[i] += float64(n)
	}
	l.Total += float64(h.Total)
}

// leastBoundary is the smallest chosen boundary in seconds, if there are larger
// ones. Users do not notice differences below it, and slightly different
// machines cause them.
const leastBoundary = .005

// rarelySlow is the largest fraction of stable's requests that may be slower than the last
// boundary. Where buckets are wide, the one nearest to the last quantile may hold many
// requests; harm that begins beyond all of stable's needs a boundary of its own.
const rarelySlow = .001

// choose picks the boundaries nearest to stable's quantiles, and the smallest one that
// stable's requests hardly ever exceed, once, and reports whether it did. If nearly all
// requests are slower than all boundaries, it picks none.
func (l *latency) choose(margin float64, guard bool) bool {
	if len(l.Chosen) > 0 || l.Total == 0 {
		return false
	}
	for _, q := range quantiles {
		// Distances at the tail count more: 99.9 % is ten times as far out as 99 %.
		l.pick(func(slow float64) float64 { return math.Abs(math.Log(slow / (1 - q))) })
	}
	l.pick(func(slow float64) float64 {
		if slow > rarelySlow {
			return math.Inf(1)
		}
		return -slow // the largest one
	})
	weight := 1.
	if guard {
		weight = guardWeight
	}
	for _, bound := range l.Chosen {
		name := fmt.Sprintf("%s>%gs", l.Name, short(bound))
		l.Ratios = append(l.Ratios, &ratio{Name: name, Margin: margin, Guard: guard, Weight: weight / float64(len(l.Chosen))})
	}
	l.Bounds, l.Below, l.Total = nil, nil, 0
	return len(l.Ratios) > 0
}

// pick chooses the boundary of which the fraction of slower requests has the smallest
// distance, if that is finite. Of equal ones it is the smallest boundary.
func (l *latency) pick(distance func(slow float64) float64) {
	best, least := 0., math.Inf(1)
	first := slices.IndexFunc(l.Bounds, func(b float64) bool { return b >= leastBoundary && !math.IsInf(b, 0) })
	for i, n := range l.Below {
		slow := (l.Total - n + .5) / (l.Total + 1)
		if d := distance(slow); i >= first && d < least && slow < mostSlow && !math.IsInf(l.Bounds[i], 0) {
			best, least = l.Bounds[i], d
		}
	}
	if !math.IsInf(least, 1) && !slices.Contains(l.Chosen, best) {
		l.Chosen = append(l.Chosen, best)
	}
}

// short rounds a boundary to four digits, for people: those of native
// histograms have sixteen.
func short(bound float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(bound, 'g', 4, 64), 64)
	if err != nil {
		return bound
	}
	return rounded
}

// observe counts one interval. arms is its workspace.
func (l *latency) observe(h HistogramPair, in interval, c Config, arms *[2]Arm) {
	for i, r := range l.Ratios {
		var p Pair
		if slow(h.Canary, l.Chosen[i], &arms[0]) {
			p.Canary = &arms[0]
		}
		if slow(h.Stable, l.Chosen[i], &arms[1]) {
			p.Stable = &arms[1]
		}
		r.observe(p, in, c)
	}
}

// slow fills arm with the requests slower than a boundary and reports whether
// the histogram has that boundary.
func slow(h *Histogram, bound float64, arm *Arm) bool {
	if h == nil {
		return false
	}
	at, found := slices.BinarySearch(h.Bounds, bound)
	if found {
		arm.Counts = Counts{Bad: h.Total - h.Below[at], Total: h.Total}
	}
	return found
}
