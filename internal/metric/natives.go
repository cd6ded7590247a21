package metric

import (
	"fmt"
	"math"
	"slices"

	"github.com/canarize/canarize/internal/metric/native"
)

// histograms holds the native histograms of a group, by pod and series.
type histograms map[[2]string]native.Histogram

// countNatives adds what native histograms have counted since the target's last
// scrape. As with counters, all of a group restart together, and a new one
// started from 0.
func (t *Tracker) countNatives(k *target, natives []Native) {
	now := map[group]histograms{}
	for _, n := range natives {
		g, key := group{n.Metric, n.Arm}, [2]string{n.Pod, n.Series}
		k.arms[n.Arm] = true
		if now[g] == nil {
			now[g] = histograms{}
		}
		if twice, found := now[g][key]; found {
			n.Histogram = n.Histogram.Plus(twice)
		}
		now[g][key] = n.Histogram
		t.sum(n.Metric).perSecond = n.PerSecond
	}
	for g, all := range now {
		increments, ok := all.since(k.natives[g])
		if !ok {
			increments, k.natives[g] = all, nil
		}
		if k.natives[g] == nil {
			k.natives[g] = histograms{}
		}
		for key, h := range all {
			if k.based {
				t.sum(g.metric).addNative(g.arm, increments[key])
			}
			k.natives[g][key] = h
		}
	}
}

// since returns the increments of all histograms, or reports false if one of
// them restarted.
func (h histograms) since(before histograms) (histograms, bool) {
	increments := make(histograms, len(h))
	for key, now := range h {
		if old, found := before[key]; found {
			var ok bool
			if now, ok = now.Since(old); !ok {
				return nil, false
			}
		}
		increments[key] = now
	}
	return increments, true
}

func (s *sums) addNative(arm Arm, increment native.Histogram) {
	if sum, found := s.natives[arm]; found {
		increment = sum.Plus(increment)
	}
	s.natives[arm] = increment
}

// fromNatives turns the native histograms of the measured versions into classic
// ones, at the boundaries that all processes of both versions have. It returns
// a trouble if there were more boundaries before: the judge may have chosen one
// that is missing now.
func (t *Tracker) fromNatives(metric string, s *sums) (troubles []string) {
	if len(s.natives) == 0 {
		return nil
	}
	measured := t.measured()
	layout, found := s.natives[Canary]
	if stable, both := s.natives[Stable]; both && found {
		layout = layout.Plus(stable)
	} else if both {
		layout = stable
	}
	t.bounds[metric], _ = layout.Classic(s.perSecond)
	for arm, h := range s.natives {
		if !measured[arm] {
			continue
		}
		s.below[arm] = map[float64]float64{math.Inf(1): h.Total()}
		bounds, below := h.Classic(s.perSecond)
		for i, b := range bounds {
			s.below[arm][b] = below[i]
		}
		delete(s.natives, arm)
	}
	lost := 0
	for _, b := range t.finest[metric] {
		if _, found := slices.BinarySearch(t.bounds[metric], b); !found {
			lost++
		}
	}
	if lost > 0 {
		return []string{fmt.Sprintf("%s: a process counts with a lower resolution, and %d of %d boundaries of its native histogram are gone; what the judge compares at one of them is not measured", metric, lost, len(t.finest[metric]))}
	}
	t.finest[metric] = t.bounds[metric]
	return nil
}
