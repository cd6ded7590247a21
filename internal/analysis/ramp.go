package analysis

import "math"

// weights are those that an automatic ramp uses, percent. More than 35 % adds
// almost no evidence.
var weights = [...]float64{1, 2, 5, 10, 20, 35, 50, 75, 100}

// harms are the points, from 0 to 1, by which the canary may be worse, and doubts
// how likely they are held to be at first.
var (
	harms  = [...]float64{0, .002, .005, .01, .03, .1, .3, .95}
	doubts = [...]float64{.9, .1 / 7, .1 / 7, .1 / 7, .1 / 7, .1 / 7, .1 / 7, .1 / 7}
)

// fades is the part of what is believed that every interval forgets, so that harm
// that begins late is noticed.
const fades = .001

// belief is how likely the canary is worse by how much; the posterior, not the
// evidence of a verdict.
type belief struct {
	Known bool                `json:"known"`
	Of    [len(harms)]float64 `json:"of"`
}

// add counts an interval in which stable's usual ratio of bad requests is known.
// Against the canary it uses only what stable's requests at the same time do not
// explain, as trouble may be shared.
func (b *belief) add(t table, q, usual, dispersion float64) {
	if !b.Known {
		b.Known, b.Of = true, doubts
	}
	stable := (t.allBad - t.bad + usual*100) / (t.N - t.n + 100)
	sum := 0.0
	for i, d := range harms {
		if d > 0 {
			harmful := min(usual+d, .999)
			alone := t.bad*math.Log(harmful/usual) + (t.n-t.bad)*(math.Log1p(-harmful)-math.Log1p(-usual))
			beside := t.bad*math.Log1p(d/stable) - t.allBad*math.Log1p(q*d/stable)
			b.Of[i] *= math.Exp(min(alone, beside, 100*dispersion) / dispersion)
		}
		sum += b.Of[i]
	}
	for i := range b.Of {
		b.Of[i] = (1-fades)*b.Of[i]/sum + fades*doubts[i]
	}
}

// harmed is how likely the canary is worse by any number of points.
func (b *belief) harmed() float64 {
	if !b.Known {
		return 0
	}
	return 1 - b.Of[0]
}

// harm is the expected extra ratio of bad requests.
func (b *belief) harm() float64 {
	of := doubts
	if b.Known {
		of = b.Of
	}
	mean := 0.0
	for i, d := range harms {
		mean += d * of[i]
	}
	return mean
}

// ramp is how far the weight is.
type ramp struct {
	Weight float64 `json:"weight"` // recommended
	Step   int     `json:"step"`   // manual: index of the step
	Since  float64 `json:"since"`  // manual: seconds that it has been kept
}

// raises is how many times larger the weight may become in one interval, and
// patience how many times the budget has to be exceeded before it becomes smaller.
const (
	raises   = 4
	patience = 2
)

// next recommends the weight after one interval: the largest that is neither above
// enough, nor larger than the real share may be, nor costs too much if the canary
// is as bad as it may be. rate is in requests per second of both arms, multiple
// the real share of the canary as a multiple of its weight, and harm the expected
// extra ratio of bad requests.
func (r *ramp) next(c Config, current, enough, rate, multiple, harm float64) {
	cost := func(weight float64) float64 {
		return rate * min(weight/100*multiple, 1) * 2 * c.Interval * harm
	}
	best := weights[0]
	for _, w := range weights {
		if w <= max(enough, r.Weight) && w*multiple <= c.Ramp.Max && w <= raises*max(current, weights[0]) && cost(w) <= c.Ramp.Budget {
			best = w
		}
	}
	if best < r.Weight && r.Weight*multiple <= c.Ramp.Max && cost(r.Weight) <= patience*c.Ramp.Budget {
		return
	}
	r.Weight = best
}

// walk goes on to the next manual step when the present one was kept for its time,
// unless it is to stay.
func (r *ramp) walk(steps []Step, current, seconds float64, stay bool) {
	step := steps[r.Step]
	if current == step.Weight {
		r.Since += seconds
	}
	if !stay && r.Since >= step.Hold && current == step.Weight && r.Step < len(steps)-1 {
		r.Step, r.Since = r.Step+1, 0
	}
	r.Weight = steps[r.Step].Weight
}

// walked says whether all steps were kept for their times.
func (r *ramp) walked(steps []Step) bool {
	return len(steps) == 0 || r.Step == len(steps)-1 && r.Since >= steps[r.Step].Hold
}
