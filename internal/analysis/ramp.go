package analysis

import "math"

// weights are the weights of an automatic ramp, percent. A weight above 35 %
// adds almost no evidence.
var weights = [...]float64{1, 2, 5, 10, 20, 35, 50, 75, 100}

// harms are the amounts, from 0 to 1, by which the canary may be worse. priors
// are their initial probabilities.
var (
	harms  = [...]float64{0, .002, .005, .01, .03, .1, .3, .95}
	priors = [...]float64{.9, .1 / 7, .1 / 7, .1 / 7, .1 / 7, .1 / 7, .1 / 7, .1 / 7}
)

// forgetRate is the fraction of the belief that every usual interval forgets, so that
// harm that begins late is noticed.
const forgetRate = .001

// belief holds the probability of each harm. It is a posterior, not the
// evidence of a verdict.
type belief struct {
	Known bool                `json:"known"`
	Of    [len(harms)]float64 `json:"of"`
}

// add counts an interval in which stable's usual ratio of bad requests is
// known. Only what stable's simultaneous requests do not explain counts against
// the canary, because trouble may be shared. part is the part of a usual interval.
func (b *belief) add(t table, q, usual, dispersion, part float64) {
	if !b.Known {
		b.Known, b.Of = true, priors
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
		b.Of[i] = (1-part*forgetRate)*b.Of[i]/sum + part*forgetRate*priors[i]
	}
}

// harmed returns the probability that the canary is worse at all.
func (b *belief) harmed() float64 {
	if !b.Known {
		return 0
	}
	return 1 - b.Of[0]
}

// harm returns the expected extra ratio of bad requests.
func (b *belief) harm() float64 {
	of := priors
	if b.Known {
		of = b.Of
	}
	mean := 0.0
	for i, d := range harms {
		mean += d * of[i]
	}
	return mean
}

// ramp holds the progress of the weight.
type ramp struct {
	Weight float64 `json:"weight"` // recommended
	Step   int     `json:"step"`   // manual: index of the step
	Since  float64 `json:"since"`  // seconds for which the step, or the weight of an automatic ramp, has been kept
	Top    float64 `json:"top"`    // automatic: seconds at the largest weight for which the canary was counted
}

// maxRaise is the largest factor by which the weight may grow in one usual interval.
// patience is the factor by which the expected cost must exceed the budget
// before the weight shrinks.
const (
	maxRaise = 4
	patience = 2
)

// next recommends the weight after one interval: the largest weight that is at
// most enough, keeps the real share within its limit, and does not cost too
// much. rate is in requests per second of both arms, multiple is the canary's
// real share divided by its weight, and harm is the expected extra ratio of bad
// requests. The last interval had some seconds, a usual one has interval. The weight rises at
// most once in a usual interval, so that a gateway has the time to follow.
func (r *ramp) next(c Ramp, seconds, interval, current, enough, rate, multiple, harm float64) {
	cost := func(weight float64) float64 {
		return rate * min(weight/100*multiple, 1) * 2 * interval * harm
	}
	best, most := weights[0], maxRaise*max(current, weights[0])
	if !whole(r.Since, seconds, interval) {
		most = r.Weight
	}
	for _, w := range weights {
		if w <= max(enough, r.Weight) && w*multiple <= c.Max && w <= most && cost(w) <= c.Budget {
			best = w
		}
	}
	if best == r.Weight || best < r.Weight && r.Weight*multiple <= c.Max && cost(r.Weight) <= patience*c.Budget {
		return
	}
	r.Weight, r.Since = best, 0
}

// walk goes to the next manual step once the current one was kept for its time,
// unless stay is set.
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

// walked reports whether every step was kept for its time.
func (r *ramp) walked(steps []Step) bool {
	return len(steps) == 0 || r.Step == len(steps)-1 && r.Since >= steps[r.Step].Hold
}
