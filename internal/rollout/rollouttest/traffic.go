package rollouttest

import (
	"cmp"
	"fmt"
	"math"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/rollout"
)

// traffic is the users of a release, and its judge.
type traffic struct {
	judge   *analysis.Judge
	seconds float64
	seen    rollout.Seen
	weight  int

	rate, stable, canary float64 // requests per second, and the ratios of bad requests
	burst                float64
	orders               float64 // of the canary, as a multiple of stable's; 0 without orders
	memory               float64 // the canary's as a multiple of stable's; 0 without a gauge
	restarts             float64 // of the canary in an interval
	badPod               bool
	share                float64 // real odds of the canary's share as a multiple of the weight's
	silent, unmeasured   bool
	changes              float64 // seconds after which all of that is drawn again
}

// Config draws the configuration of a judge.
func (w *World) config() analysis.Config {
	c := analysis.Default()
	c.Warmup, c.Bake, c.Deadline = Pick(w, 0, 30., 120), Pick(w, 60., 300, 600), Pick(w, 600., 900, 3600)
	c.Overtime = Pick(w, analysis.Withdraw, analysis.Keep)
	if w.Maybe(2) {
		c.Ramp.Steps = []analysis.Step{{Weight: 5, Hold: 60}, {Weight: 20, Hold: 120}, {Weight: 50, Hold: 60}}
	}
	if w.Maybe(4) {
		c.Limits = []analysis.Limit{{Metric: "errors", Max: 5, Requests: 100}}
	}
	if w.Maybe(3) {
		c.Roles = map[string]analysis.Role{"part": analysis.Guard}
	}
	if w.Maybe(4) {
		c.Warmups = map[string]float64{"errors": Pick(w, 0, 60., 200)}
	}
	if w.Maybe(4) {
		c.Ramp.HoldBudget = 2
	}
	return c
}

// draw draws what users meet.
func (w *World) draw() {
	t := &w.traffic
	t.rate = Pick(w, .05, 2, 20, 20, 20, 200, 200)
	t.stable = Pick(w, 0, 0, .001, .01, .1)
	t.canary = Pick(w, t.stable, t.stable, t.stable, t.stable, t.stable+.01, t.stable*3, .5, 1, 0)
	t.burst = Pick(w, 0, 0, 0, .3)
	t.share = Pick(w, 1., 1, 1, 1, 3)
	t.silent, t.badPod, t.unmeasured = w.Maybe(25), w.Maybe(6), w.Maybe(25)
	if t.orders > 0 {
		t.orders = Pick(w, 1, 1, .5, 2)
	}
	if t.memory > 0 {
		t.memory = Pick(w, 1, 1, 1.5)
	}
	t.restarts = Pick(w, 0., 0, 0, 0, 0, 0, 0, 0, 2)
	t.changes = t.seconds + Pick(w, 120., 600, 3600)
}

// look judges some intervals at the present weight and reports the last judgement.
func (w *World) look() {
	t := &w.traffic
	if t.judge == nil {
		t.orders, t.memory = float64(w.IntN(3)/2), float64(w.IntN(3)/2)
		judge, err := analysis.New(w.config())
		if err != nil {
			panic(err)
		}
		*t = traffic{judge: judge, orders: t.orders, memory: t.memory, weight: w.State.Weight}
		judge.Observe(analysis.Observation{Weight: float64(w.State.Weight)})
		w.draw()
	}
	if t.weight != w.State.Weight {
		t.weight, t.seen = w.State.Weight, rollout.Seen{}
	}
	own := int64(0)
	var d analysis.Decision
	for range 1 + w.IntN(16) {
		if d = t.judge.Standing(); d.Verdict == analysis.Promote || d.Verdict == analysis.Reject || d.Inconclusive {
			break // it is final
		}
		if t.seconds += 15; t.seconds >= t.changes {
			w.draw()
		}
		o := w.observation()
		d = t.judge.Observe(o)
		canary, all := o.Requests()
		w.Truth.Interval = all
		own, t.seen.Canary, t.seen.All = own+canary, t.seen.Canary+canary, t.seen.All+all
		if d.Verdict != analysis.Continue {
			break
		}
	}
	w.Now = w.Now.Add(15e9)
	j := rollout.Judged{
		Look: rollout.Look{Time: w.Now, Weight: w.State.Weight, Verdict: d.Verdict, Reason: d.Reason, Metrics: rollout.MetricsOf(d.Evidence)},
		Own:  own, Seen: new(t.seen), Cause: d.Cause, Metric: d.Metric, Inconclusive: d.Inconclusive, Recommended: int(d.Weight), Watched: t.seconds,
		Reject: 100, Promote: 20,
	}
	if w.Maybe(2) {
		j.Rule = rollout.RuleOf(analysis.Default(), "emissary", j.Metrics)
	}
	w.State, _ = rollout.Next(w.Spec, w.State, rollout.Observation{Time: w.Now, Fact: j})
	w.heard.Judged = &j
	w.heard.Stale = w.Maybe(5)
	w.heard.People.Status = rollout.NotRead
	if w.Maybe(20) {
		w.other()
	}
}

// binomial draws a number of successes, roughly.
func (w *World) binomial(n int64, p float64) int64 {
	mean := float64(n) * p
	if n <= 0 || p <= 0 {
		return 0
	}
	if mean > 50 {
		return min(max(int64(math.Round(mean+w.NormFloat64()*math.Sqrt(mean*(1-min(p, 1))))), 0), n)
	}
	limit, k, product := math.Exp(-mean), int64(0), w.Float64()
	for product > limit {
		k++
		product *= w.Float64()
	}
	return min(k, n)
}

// observation draws an interval.
func (w *World) observation() analysis.Observation {
	t := &w.traffic
	weight := float64(w.State.Weight)
	o := analysis.Observation{Time: t.seconds, Weight: weight, Metrics: map[string]analysis.Pair{}}
	all := w.binomial(int64(t.rate*150), .1)
	part := weight / 100 * t.share / (1 - weight/100 + weight/100*t.share)
	n := w.binomial(all, part)
	if t.silent {
		n = 0
	}
	burst := 0.
	if w.Maybe(20) {
		burst = t.burst
	}
	arm := func(total int64, ratio float64, odd bool) *analysis.Arm {
		a := &analysis.Arm{Pods: map[string]analysis.Counts{}}
		for i := range int64(3) {
			c := analysis.Counts{Total: total / 3}
			if i == 0 {
				c.Total += total % 3
			}
			p := ratio
			if odd && i > 0 {
				p = t.stable
			}
			c.Bad = w.binomial(c.Total, min(p+burst, 1))
			a.Pods[fmt.Sprint("pod-", i)] = c
			a.Counts.Bad, a.Counts.Total = a.Counts.Bad+c.Bad, a.Counts.Total+c.Total
		}
		return a
	}
	pair := analysis.Pair{Canary: arm(n, t.canary, t.badPod), Stable: arm(all-n, t.stable, false)}
	if t.unmeasured && w.Maybe(2) {
		pair.Canary = nil
	} else {
		w.Truth.Canary.Bad, w.Truth.Canary.Total = w.Truth.Canary.Bad+pair.Canary.Bad, w.Truth.Canary.Total+n
		w.Truth.Others.Bad += pair.Canary.Bad - pair.Canary.Pods["pod-0"].Bad
		w.Truth.Others.Total += pair.Canary.Total - pair.Canary.Pods["pod-0"].Total
	}
	w.Truth.Stable.Bad, w.Truth.Stable.Total = w.Truth.Stable.Bad+pair.Stable.Bad, w.Truth.Stable.Total+all-n
	o.Metrics["errors"] = pair
	o.Metrics[cmp.Or(w.name, "slow")] = analysis.Pair{Canary: arm(n, t.stable, false), Stable: arm(all-n, t.stable, false)}
	if t.orders > 0 {
		o.Events = map[string]analysis.Events{"orders": {Canary: w.binomial(n, .1*t.orders), Stable: w.binomial(all-n, .1)}}
	}
	if t.memory > 0 {
		o.Gauges = map[string]analysis.Gauge{"memory": {Canary: 100 * t.memory * (1 + .02*w.NormFloat64()), Stable: 100 * (1 + .02*w.NormFloat64())}}
	}
	o.Restarts = &analysis.Restarts{Canary: w.binomial(10, t.restarts/10), CanaryPods: 3, StablePods: 9}
	w.Truth.Restarts += o.Restarts.Canary
	return o
}
