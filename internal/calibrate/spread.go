package calibrate

import (
	"math"

	"github.com/canarize/canarize/internal/analysis"
)

// blockLengths are lengths of blocks in steps, as those of the judge.
var blockLengths = [...]int{1, 4, 16}

// spread returns by which factor the pods' numbers of bad requests vary more than by
// chance: Pearson's X² over its degrees of freedom, in the blocks where that is largest,
// minus three standard deviations. It is 1 if chance explains everything.
func (s *service) spread(of counter) float64 {
	most := 1.0
	for _, length := range blockLengths {
		var x2, freedom, variance float64
		for from := 0; from+length <= s.past.Steps; from += length {
			x, f, v := s.block(of, from, from+length)
			x2, freedom, variance = x2+x, freedom+f, variance+v
		}
		if freedom > 0 {
			most = max(most, (x2-3*math.Sqrt(variance))/freedom)
		}
	}
	return most
}

// block returns Pearson's X² of the pods in some steps, its degrees of freedom, and its
// variance if the pods do not differ.
func (s *service) block(of counter, from, to int) (x2, freedom, variance float64) {
	counts := make([]analysis.Counts, 0, len(s.past.Pods))
	var all analysis.Counts
	for i := range s.past.Pods {
		var c analysis.Counts
		for step := from; step < to; step++ {
			if p := &s.past.Pods[i].Steps[step]; p.Measured && !s.starting(i, step) {
				one := of(p)
				c.Bad, c.Total = c.Bad+one.Bad, c.Total+one.Total
			}
		}
		if c.Total > 0 {
			counts = append(counts, c)
			all.Bad, all.Total = all.Bad+c.Bad, all.Total+c.Total
		}
	}
	p := float64(all.Bad) / float64(all.Total)
	if len(counts) < 2 || !(p > 0 && p < 1) {
		return 0, 0, 0
	}
	for _, c := range counts {
		n := float64(c.Total)
		off := float64(c.Bad) - n*p
		x2 += off * off / (n * p * (1 - p))
		variance += 1 / (n * p * (1 - p))
	}
	freedom = float64(len(counts) - 1)
	return x2, freedom, variance + 2*freedom
}

// worst returns the pod that is worse than the others in both halves of the past, and the
// ratios of both; "" if there is none. A burst is in one half only.
func (s *service) worst(of counter) (name string, own, others float64) {
	most := 0.0
	for i := range s.past.Pods {
		worse, sum, rest := true, analysis.Counts{}, analysis.Counts{}
		first, last := s.life(i)
		middle := (first + last) / 2
		for _, half := range [][2]int{{first, middle}, {middle, last + 1}} {
			mine, other := s.beside(of, i, half[0], half[1])
			expected := float64(mine.Total) * float64(other.Bad) / max(float64(other.Total), 1)
			bad := float64(mine.Bad)
			worse = worse && bad > 1.5*expected && bad > expected+4*math.Sqrt(expected+1)
			sum.Bad, sum.Total = sum.Bad+mine.Bad, sum.Total+mine.Total
			rest.Bad, rest.Total = rest.Bad+other.Bad, rest.Total+other.Total
		}
		if ratio := float64(sum.Bad) / max(float64(sum.Total), 1); worse && ratio > most {
			most = ratio
			name, own, others = s.past.Pods[i].Name, ratio, float64(rest.Bad)/max(float64(rest.Total), 1)
		}
	}
	return name, own, others
}

// life returns the first and the last step in which a pod was there and no longer starting.
func (s *service) life(pod int) (first, last int) {
	first = -1
	for step, alive := range s.alive[pod] {
		if alive && first < 0 && !s.starting(pod, step) {
			first = step
		}
		if alive {
			last = step
		}
	}
	return max(first, 0), last
}

// beside returns the requests of a pod in some steps, and those of the others in the same
// steps.
func (s *service) beside(of counter, pod, from, to int) (mine, others analysis.Counts) {
	for i := range s.past.Pods {
		for step := from; step < to; step++ {
			p := &s.past.Pods[i].Steps[step]
			if !p.Measured || s.starting(i, step) {
				continue
			}
			to := &others
			if i == pod {
				to = &mine
			}
			c := of(p)
			to.Bad, to.Total = to.Bad+c.Bad, to.Total+c.Total
		}
	}
	return mine, others
}
