package analysis

import (
	"fmt"
	"math"
	"slices"
)

// latency turns a histogram into ratios of slow requests, one for each of some
// boundaries. They are chosen from what stable did before the canary is judged, so
// that the canary's own requests do not choose what it is judged by.
type latency struct {
	Name   string    `json:"name"`
	Bounds []float64 `json:"bounds,omitempty"` // of the sums, s
	Below  []float64 `json:"below,omitempty"`
	Total  float64   `json:"total"`
	Chosen []float64 `json:"chosen,omitempty"`
	Ratios []*ratio  `json:"ratios,omitempty"` // one for each that is chosen
}

// quantiles of stable that boundaries are wanted near.
var quantiles = [...]float64{.5, .9, .99, .999}

// mostSlow is the part of stable's requests that may be slower than a boundary: of one
// that nearly all of them exceed, no number of requests shows that the canary is no
// worse.
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

// leastBoundary is the smallest that is chosen, in seconds, if there are others. What
// differs below it no user feels, and machines that are not quite alike differ there.
const leastBoundary = .005

// choose picks the boundaries nearest to stable's quantiles, once, and says
// whether it did. There is none when nearly all requests are slower than all of them.
func (l *latency) choose(margin float64) bool {
	if len(l.Chosen) > 0 || l.Total == 0 {
		return false
	}
	first := slices.IndexFunc(l.Bounds, func(b float64) bool { return b >= leastBoundary && !math.IsInf(b, 0) })
	for _, q := range quantiles {
		best, off := 0., math.Inf(1)
		for i, n := range l.Below {
			if i < first {
				continue
			}
			// Distances at the tail count more: between 99 % and 99.9 % lies ten times.
			slow := (l.Total - n + .5) / (l.Total + 1)
			if d := math.Abs(math.Log(slow / (1 - q))); d < off && slow < mostSlow && !math.IsInf(l.Bounds[i], 0) {
				best, off = l.Bounds[i], d
			}
		}
		if !math.IsInf(off, 1) && !slices.Contains(l.Chosen, best) {
			l.Chosen = append(l.Chosen, best)
			l.Ratios = append(l.Ratios, &ratio{Name: fmt.Sprintf("%s>%gs", l.Name, best), Margin: margin})
		}
	}
	for _, r := range l.Ratios {
		r.Weight = 1 / float64(len(l.Ratios))
	}
	l.Bounds, l.Below, l.Total = nil, nil, 0
	return len(l.Ratios) > 0
}

// observe counts one interval, with arms as its workspace.
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

// slow counts the requests that were slower than a boundary.
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
