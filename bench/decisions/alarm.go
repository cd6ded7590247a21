package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/canarize/canarize/bench/contender"
	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate"
)

// alarm compares the number of canary requests that a rejection took with the
// least average of any test with the same false-alarm probability.
type alarm struct {
	name        string
	perInterval float64 // canary requests
	requests    simulate.Mean
	bound       float64
	aim         float64 // ratio
	missed      int     // runs without a rejection
}

// measureAlarms keeps the weight constant, to measure only the judge's test and
// not its ramp, warm-up or bake.
func measureAlarms(ctx context.Context, runs int, seed uint64) ([]alarm, error) {
	const weight = 5.0
	config := analysis.Default()
	config.Warmup, config.Bake, config.Deadline, config.Beta = 0, 10*86400, 20*86400, 1e-9
	config.Ramp.Steps = []analysis.Step{{Weight: weight}}
	judge, err := contender.JudgeWith(config)
	if err != nil {
		return nil, err
	}
	var all []alarm
	for _, c := range []struct{ stable, canary, perInterval, aim float64 }{
		{0.1, 1, 5, 1.5}, {1, 3, 5, 1.5}, {1, 10, 5, 1.5},
		{0.1, 1, 75, 2}, {1, 2, 75, 2}, {0.1, 5, 75, 2},
	} {
		s := simulate.Scenario{
			Name: "alarm", Requests: c.perInterval / (weight / 100) / 15, Interval: 15 * time.Second, Shortest: 3 * time.Second, Deadline: 10 * 24 * time.Hour,
			Metrics: map[string]simulate.Ratio{"errors": {Stable: c.stable, Canary: c.canary}},
		}
		outcomes, err := simulate.Repeat(ctx, &s, judge, runs, seed)
		if err != nil {
			return nil, err
		}
		a := alarm{name: fmt.Sprintf("%v → %v %%", c.stable, c.canary), perInterval: c.perInterval, aim: c.aim}
		var requests []float64
		for _, o := range outcomes {
			if o.Verdict != analysis.Reject {
				a.missed++
				continue
			}
			requests = append(requests, float64(o.Canary))
		}
		a.requests = simulate.MeanOf(requests)
		a.bound = math.Log(1/config.Alpha) / analysis.Information(c.stable/100, c.canary/100, weight/100)
		all = append(all, a)
	}
	return all, nil
}

// update is the cost of one observation for the judge.
type update struct {
	name   string
	took   time.Duration
	allocs int64
}

// measureUpdates measures the time of observations of a healthy release on one
// core.
func measureUpdates() ([]update, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	config := analysis.Default()
	config.Bake, config.Deadline, config.Beta = 20*86400, 20*86400, 1e-9
	var all []update
	for _, c := range []struct {
		name    string
		metrics []string
		pods    int
	}{{"one metric", []string{"errors"}, 0}, {"errors and two of latency", []string{"errors", "slow", "slower"}, 0}, {"one metric, 10 pods of each version", []string{"errors"}, 10}} {
		judge, err := contender.JudgeWith(config)
		if err != nil {
			return nil, err
		}
		o := steady(c.metrics, c.pods)
		u := update{name: c.name, took: math.MaxInt64}
		for range 3 { // other processes can only make it slower
			result := testing.Benchmark(func(b *testing.B) { observe(b, judge, o) })
			u.took, u.allocs = min(u.took, time.Duration(result.NsPerOp())), max(u.allocs, result.AllocsPerOp())
		}
		all = append(all, u)
	}
	return all, nil
}

// observe repeats an observation, and uses a new judge long before the
// deadline.
func observe(b *testing.B, judge func() simulate.Decider, o analysis.Observation) {
	b.ReportAllocs()
	decider := judge()
	decider.Observe(analysis.Observation{Time: 0})
	for o.Time = 1; b.Loop(); o.Time++ {
		if o.Time > 86400 {
			o.Time, decider = 1, judge()
		}
		decider.Observe(o)
	}
}

// steady returns a typical observation of a healthy release.
func steady(metrics []string, pods int) analysis.Observation {
	arm := func(name string, c analysis.Counts) *analysis.Arm {
		a := &analysis.Arm{Counts: c}
		if pods > 0 {
			a.Pods, a.Counts = map[string]analysis.Counts{}, analysis.Counts{}
		}
		for i := range pods {
			a.Pods[fmt.Sprintf("%s-%d", name, i)] = c
			a.Bad, a.Total = a.Bad+c.Bad, a.Total+c.Total
		}
		return a
	}
	o := analysis.Observation{Weight: 5, Metrics: map[string]analysis.Pair{}}
	for _, m := range metrics {
		o.Metrics[m] = analysis.Pair{Canary: arm("canary", analysis.Counts{Bad: 1, Total: 75}), Stable: arm("stable", analysis.Counts{Bad: 19, Total: 1425})}
	}
	return o
}
