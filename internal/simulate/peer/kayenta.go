package peer

import (
	"math"
	"slices"

	"github.com/canarize/canarize/internal/analysis"
)

// Kayenta decides as Spinnaker's canary stage does with the default judge
// (spinnaker.io, "How canary judgment works"; NetflixACAJudge,
// MannWhitneyClassifier). At every interval it compares all ratios per minute
// since the start, of the canary and of stable, by the confidence interval of
// the Hodges–Lehmann shift, which belongs to the Mann–Whitney test. A metric
// fails if the whole interval is above the tolerance. The score is the
// percentage of metrics that pass. Below the marginal score the canary fails at
// once; at the end it needs the pass score. A metric without data is ignored;
// if no metric has data, the score is 0.
type Kayenta struct {
	Interval, Lifetime float64 // seconds
	Weight             float64 // percent, constant
	Step               float64 // seconds per data point
	Marginal, Pass     float64 // scores, 0 to 100
	Confidence         float64 // of the interval, 0 to 1
	Tolerance          float64 // of the shift, 0 to 1

	judged, stepped float64
	seen            window
	points          map[string]*points
}

// points holds one metric's ratios per step.
type points struct{ canary, stable []float64 }

// NewKayenta returns the defaults of the judge (98 % confidence, a tolerance of
// 0.25), the recommended interval of 30 minutes in a lifetime of one hour, a
// data point every minute, and the scores 75 and 95.
func NewKayenta() *Kayenta {
	return &Kayenta{Interval: 1800, Lifetime: 3600, Weight: 5, Step: 60, Marginal: 75, Pass: 95, Confidence: 0.98, Tolerance: 0.25}
}

// Observe handles one observation. Most fall between two judgments.
func (k *Kayenta) Observe(o analysis.Observation) analysis.Decision {
	if o.Time <= 0 {
		k.seen, k.points = window{}, map[string]*points{}
		return before(o.Time, k.Weight)
	}
	k.seen.add(o)
	if due(&k.stepped, o.Time, k.Step) {
		k.point()
		k.seen = window{}
	}
	if !due(&k.judged, o.Time, k.Interval) {
		return analysis.Decision{Verdict: analysis.Continue, Weight: k.Weight}
	}
	switch score := k.score(); {
	case score < k.Marginal, o.Time >= k.Lifetime && score < k.Pass:
		return analysis.Decision{Verdict: analysis.Reject}
	case o.Time >= k.Lifetime:
		return analysis.Decision{Verdict: analysis.Promote}
	}
	return analysis.Decision{Verdict: analysis.Continue, Weight: k.Weight}
}

// point adds the ratios of the last step and omits NaN.
func (k *Kayenta) point() {
	for name, samples := range k.seen {
		var canary, stable analysis.Counts
		for _, s := range samples {
			canary.Bad, canary.Total = canary.Bad+s.canary.Bad, canary.Total+s.canary.Total
			stable.Bad, stable.Total = stable.Bad+s.stable.Bad, stable.Total+s.stable.Total
		}
		p := k.points[name]
		if p == nil {
			p = &points{}
			k.points[name] = p
		}
		if canary.Total > 0 {
			p.canary = append(p.canary, float64(canary.Bad)/float64(canary.Total))
		}
		if stable.Total > 0 {
			p.stable = append(p.stable, float64(stable.Bad)/float64(stable.Total))
		}
	}
}

func (k *Kayenta) score() float64 {
	passed, counted := 0.0, 0.0
	for _, p := range k.points {
		if len(p.canary) == 0 || len(p.stable) == 0 {
			continue
		}
		counted++
		if !high(p.canary, p.stable, k.Confidence, k.Tolerance) {
			passed++
		}
	}
	if counted == 0 {
		return 0
	}
	return 100 * passed / counted
}

// high reports whether the canary's values exceed stable's by more than the
// tolerance.
func high(canary, stable []float64, confidence, tolerance float64) bool {
	x, y := slices.Sorted(slices.Values(canary)), slices.Sorted(slices.Values(stable))
	if slices.Equal(x, y) || x[0] == x[len(x)-1] && x[0] == y[0] && y[0] == y[len(y)-1] {
		return false
	}
	z := math.Sqrt2 * math.Erfinv(confidence)
	return shift(x, y, z) > tolerance*math.Abs(shift(x, y, 0))
}

// shift returns the root of the standardised Mann–Whitney statistic of x-shift
// and y at a level. That is a confidence limit of the Hodges–Lehmann shift, or
// at level 0 its estimate (Hodges and Lehmann, Annals of Mathematical
// Statistics 34, 1963; the asymptotic interval of R's wilcox.test, with its
// corrections for continuity and ties). Both samples are sorted.
func shift(x, y []float64, level float64) float64 {
	low, high := x[0]-y[len(y)-1], x[len(x)-1]-y[0]
	if !(statistic(x, y, low) > level) {
		return low
	}
	if !(statistic(x, y, high) < level) {
		return high
	}
	for range 60 {
		middle := (low + high) / 2
		if statistic(x, y, middle) > level {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// statistic returns the standardised Mann–Whitney statistic of x-shift and y,
// or NaN if all values are tied. Both samples are sorted.
func statistic(x, y []float64, shift float64) float64 {
	m, n := float64(len(x)), float64(len(y))
	above, ties := 0.0, 0.0
	for i, j := 0, 0; i < len(x) || j < len(y); {
		value := math.Inf(1)
		if i < len(x) {
			value = x[i] - shift
		}
		if j < len(y) {
			value = min(value, y[j])
		}
		below, ofX, ofY := float64(j), 0.0, 0.0
		for ; i < len(x) && x[i]-shift == value; i++ {
			ofX++
		}
		for ; j < len(y) && y[j] == value; j++ {
			ofY++
		}
		above += ofX * (below + ofY/2)
		tied := ofX + ofY
		ties += tied*tied*tied - tied
	}
	excess := above - m*n/2
	if excess != 0 {
		excess -= math.Copysign(0.5, excess)
	}
	return excess / math.Sqrt(m*n/12*(m+n+1-ties/((m+n)*(m+n-1))))
}
