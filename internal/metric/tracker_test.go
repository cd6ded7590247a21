package metric_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

func begin() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func at(seconds float64) time.Time {
	return begin().Add(time.Duration(seconds * float64(time.Second)))
}

// errorsOf returns the counters of the metric "errors".
func errorsOf(arm metric.Arm, pod string, bad, total float64) []metric.Value {
	return []metric.Value{
		{Metric: "errors", Arm: arm, Pod: pod, Part: metric.Bad, Count: bad},
		{Metric: "errors", Arm: arm, Pod: pod, Part: metric.Total, Count: total},
	}
}

// pod returns a target that was scraped once.
func pod(name string, arm metric.Arm, seconds, bad, total float64) metric.Target {
	return metric.Target{Name: name, Arms: []metric.Arm{arm}, Scrapes: []metric.Scrape{{Time: at(seconds), Values: errorsOf(arm, name, bad, total)}}}
}

func reading(seconds float64, targets ...metric.Target) metric.Reading {
	return metric.Reading{At: at(seconds), Complete: true, Targets: targets}
}

func ratio() []metric.Metric { return []metric.Metric{{Name: "errors", Kind: metric.KindRatio}} }

// counts returns the arm's counts as BAD of TOTAL, or nil.
func counts(a *analysis.Arm) any {
	if a == nil {
		return nil
	}
	return [2]int64{a.Bad, a.Total}
}

func TestTracker(t *testing.T) {
	failed := errors.New("connection refused")
	for name, c := range map[string]struct {
		second         metric.Reading // after c1 3 of 100 and s1 5 of 1000
		weightSince    float64
		canary, stable any // [bad, total]; nil is not measured
		early          bool
		trouble        string
	}{
		"increments": {second: reading(15, pod("c1", metric.Canary, 15, 4, 110), pod("s1", metric.Stable, 15, 5, 1200)),
			canary: [2]int64{1, 10}, stable: [2]int64{0, 200}},
		"nothing happened": {second: reading(15, pod("c1", metric.Canary, 15, 3, 100), pod("s1", metric.Stable, 15, 5, 1000)),
			canary: [2]int64{0, 0}, stable: [2]int64{0, 0}},
		"a counter that decreased restarted, and the others with it": {second: reading(15, pod("c1", metric.Canary, 15, 7, 9), pod("s1", metric.Stable, 15, 5, 1200)),
			canary: [2]int64{7, 9}, stable: [2]int64{0, 200}},
		"a pod that is new began at 0": {second: reading(15, pod("c1", metric.Canary, 15, 3, 100), pod("c2", metric.Canary, 15, 2, 2), pod("s1", metric.Stable, 15, 5, 1000)),
			canary: [2]int64{2, 2}, stable: [2]int64{0, 0}},
		"a pod that is gone takes its last requests along": {second: reading(15, pod("c2", metric.Canary, 15, 0, 7), pod("s1", metric.Stable, 15, 5, 1000)),
			canary: [2]int64{0, 7}, stable: [2]int64{0, 0}},
		"a pod that does not answer": {second: reading(15, metric.Target{Name: "c1", Arms: []metric.Arm{metric.Canary}, Err: failed}, pod("s1", metric.Stable, 15, 5, 1001)),
			stable: [2]int64{0, 1}, trouble: "c1: connection refused"},
		"an optional pod that does not answer": {second: reading(15, pod("c1", metric.Canary, 15, 3, 105), metric.Target{Name: "c2", Arms: []metric.Arm{metric.Canary}, Err: failed, Optional: true}, pod("s1", metric.Stable, 15, 5, 1001)),
			canary: [2]int64{0, 5}, stable: [2]int64{0, 1}},
		"NaN": {second: reading(15, pod("c1", metric.Canary, 15, math.NaN(), 100), pod("s1", metric.Stable, 15, 5, 1001)),
			stable: [2]int64{0, 1}, trouble: "c1: errors of canary: the counter is NaN"},
		"no pod of the canary": {second: reading(15, pod("s1", metric.Stable, 15, 5, 1001)),
			stable: [2]int64{0, 1}, trouble: "errors: no data for canary yet"},
		"not scraped again yet": {second: reading(15, pod("c1", metric.Canary, 0, 3, 100), pod("s1", metric.Stable, 15, 5, 1001)), early: true},
		"scraped before the weight was changed": {second: reading(15, pod("c1", metric.Canary, 9, 4, 104), pod("s1", metric.Stable, 15, 5, 1001)),
			weightSince: 10, early: true},
		"scraped after the weight was changed": {second: reading(15, pod("c1", metric.Canary, 11, 4, 104), pod("s1", metric.Stable, 15, 5, 1001)),
			weightSince: 10, canary: [2]int64{1, 4}, stable: [2]int64{0, 1}},
		"nothing new for too long": {second: reading(200, pod("c1", metric.Canary, 0, 3, 100), pod("s1", metric.Stable, 200, 5, 1001)),
			trouble: "c1: no new data since 12:00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			tracker := metric.NewTracker(ratio(), begin())
			first := tracker.Observe(reading(0, pod("c1", metric.Canary, 0, 3, 100), pod("s1", metric.Stable, 0, 5, 1000)), metric.Weight{})
			if !first.Ready || len(first.Observation.Metrics) > 0 || len(first.Troubles) > 0 {
				t.Fatalf("the first reading: %+v", first)
			}
			out := tracker.Observe(c.second, metric.Weight{Percent: 7, Since: at(c.weightSince)})
			if out.Ready == c.early || out.Observation.Weight != 7 || out.Observation.Time != c.second.At.Sub(begin()).Seconds() {
				t.Errorf("%+v", out)
			}
			errors := out.Observation.Metrics["errors"]
			if diff := cmp.Diff([]any{c.canary, c.stable}, []any{counts(errors.Canary), counts(errors.Stable)}); diff != "" {
				t.Error(diff)
			}
			if troubles := strings.Join(out.Troubles, "; "); c.trouble == "" && troubles != "" || !strings.Contains(troubles, c.trouble) {
				t.Errorf("troubles %q, want %q", troubles, c.trouble)
			}
		})
	}
}

// TestTrackerPatience checks that the wait for a target depends on how often it
// was scraped recently.
func TestTrackerPatience(t *testing.T) {
	for every, want := range map[float64]float64{1: 10, 15: 45, 60: 150} {
		tracker := metric.NewTracker(ratio(), begin())
		now := 0.0
		for range 4 {
			tracker.Observe(reading(now, pod("c1", metric.Canary, now, 0, now)), metric.Weight{})
			now += every
		}
		last := now - every
		for _, c := range []struct {
			after float64
			ready bool
		}{{want - .5, false}, {want, true}} {
			out := tracker.Observe(reading(last+c.after, pod("c1", metric.Canary, last, 0, last)), metric.Weight{})
			if out.Ready != c.ready || c.ready && !strings.HasPrefix(strings.Join(out.Troubles, ""), "c1: no new data since") {
				t.Errorf("scraped every %g s, and not for %g s: %+v", every, c.after, out)
			}
		}
	}
}

// TestTrackerOnce checks that a pod that was scraped once is waited for no
// longer than the others.
func TestTrackerOnce(t *testing.T) {
	tracker := metric.NewTracker(ratio(), begin())
	for now := 0.0; now < 12; now++ {
		out := tracker.Observe(reading(now, pod("c1", metric.Canary, now, 0, now), pod("gone", metric.Canary, -3, 0, 1), pod("s1", metric.Stable, now, 0, now)), metric.Weight{})
		if want := now == 0 || now >= 7; out.Ready != want {
			t.Errorf("%g s: %+v", now, out)
		}
	}
}

// TestTrackerFirstErrors checks a case that increase() of Prometheus gets
// wrong: the series of errors appears with the first errors.
func TestTrackerFirstErrors(t *testing.T) {
	tracker := metric.NewTracker(ratio(), begin())
	gateway := func(seconds float64, values ...metric.Value) metric.Reading {
		return reading(seconds, metric.Target{Name: "gateway", Arms: metric.Arms(), Scrapes: []metric.Scrape{{Time: at(seconds), Values: values}}})
	}
	good := metric.Value{Metric: "errors", Arm: metric.Canary, Part: metric.Total, Series: "2xx", Count: 10}
	bad := metric.Value{Metric: "errors", Arm: metric.Canary, Part: metric.Total, Series: "5xx", Count: 3}
	tracker.Observe(gateway(0, good), metric.Weight{})
	isBad := bad
	isBad.Part = metric.Bad
	good.Count = 14
	out := tracker.Observe(gateway(15, good, bad, isBad), metric.Weight{})
	pair := out.Observation.Metrics["errors"]
	if diff := cmp.Diff([]any{[2]int64{3, 7}, [2]int64{0, 0}}, []any{counts(pair.Canary), counts(pair.Stable)}); diff != "" {
		t.Error(diff)
	}
}

// TestTrackerAway checks that a target that comes back is not new. Its counts
// from meanwhile belong to another weight and are ignored. If it restarted
// meanwhile, it counts from 0.
func TestTrackerAway(t *testing.T) {
	for epoch, want := range map[string]any{"1": [2]int64{0, 0}, "2": [2]int64{0, 900}} {
		tracker := metric.NewTracker(ratio(), begin())
		at := func(seconds, total float64, epoch string) metric.Target {
			target := pod("c1", metric.Canary, seconds, 0, total)
			target.Epoch = epoch
			return target
		}
		stay := func(seconds float64) metric.Target { return pod("c2", metric.Canary, seconds, 0, 5) }
		tracker.Observe(reading(0, at(0, 100, "1"), stay(0)), metric.Weight{})
		tracker.Observe(reading(15, stay(15)), metric.Weight{})
		out := tracker.Observe(reading(30, at(30, 900, epoch), stay(30)), metric.Weight{})
		if diff := cmp.Diff(want, counts(out.Observation.Metrics["errors"].Canary)); diff != "" {
			t.Errorf("epoch %s: %s", epoch, diff)
		}
		out = tracker.Observe(reading(45, at(45, 907, epoch), stay(45)), metric.Weight{})
		if diff := cmp.Diff(any([2]int64{0, 7}), counts(out.Observation.Metrics["errors"].Canary)); diff != "" {
			t.Errorf("epoch %s: %s", epoch, diff)
		}
	}
}

// TestTrackerScrapes uses a source that stores samples, such as Prometheus.
func TestTrackerScrapes(t *testing.T) {
	target := func(name string, totals ...float64) metric.Target {
		target := metric.Target{Name: name}
		for i, total := range totals { // every 10 s
			target.Scrapes = append(target.Scrapes, metric.Scrape{Time: at(float64(10 * (i - 3))), Values: errorsOf(metric.Canary, "", 0, total)})
		}
		return target
	}
	tracker := metric.NewTracker(ratio(), begin())
	read := func(seconds float64, targets ...metric.Target) any {
		t.Helper()
		out := tracker.Observe(metric.Reading{At: at(seconds), Targets: targets}, metric.Weight{})
		if !out.Ready {
			return "early"
		}
		return counts(out.Observation.Metrics["errors"].Canary)
	}
	have := []any{
		read(5, target("a", 10, 20, 30, 40)),                                           // a counted from 40 at 0 s
		read(15, target("a", 10, 20, 30, 40, 45)),                                      // 5 more
		read(45, target("a", 10, 20, 30, 40, 45, 47, 2, 4)),                            // 2, a restart, 2 and 2
		read(55, target("a", 40, 45, 47, 2, 4, 4, 4, 4, 5), target("b", 0, 0, 0, 900)), // b was not known: from 900 at 0 s
	}
	if diff := cmp.Diff([]any{nil, [2]int64{0, 5}, [2]int64{0, 6}, [2]int64{0, 1}}, have); diff != "" {
		t.Error(diff)
	}
}

func TestTrackerLatency(t *testing.T) {
	values := func(arm metric.Arm, series string, below ...float64) (out []metric.Value) {
		for i, b := range []float64{.1, .5, math.Inf(1)} {
			out = append(out, metric.Value{Metric: "latency", Arm: arm, Part: metric.Bucket, Bound: b, Series: series, Count: below[i]})
		}
		return out
	}
	tracker := metric.NewTracker([]metric.Metric{{Name: "latency", Kind: metric.KindLatency}}, begin())
	gateway := func(seconds float64, values ...metric.Value) metric.Reading {
		return reading(seconds, metric.Target{Name: "gateway", Arms: metric.Arms(), Scrapes: []metric.Scrape{{Time: at(seconds), Values: values}}})
	}
	tracker.Observe(gateway(0, values(metric.Stable, "a", 1, 2, 3)...), metric.Weight{})
	tenth := metric.Value{Metric: "latency", Arm: metric.Stable, Part: metric.Bucket, Bound: 10, Count: 9}
	out := tracker.Observe(gateway(15, append(values(metric.Stable, "a", 11, 22, 33), append(values(metric.Canary, "a", 1, 1, 4), tenth)...)...), metric.Weight{})
	want := analysis.HistogramPair{
		Canary: &analysis.Histogram{Bounds: []float64{.1, .5}, Below: []int64{1, 1}, Total: 4},
		Stable: &analysis.Histogram{Bounds: []float64{.1, .5}, Below: []int64{10, 20}, Total: 30}, // not all targets have the bound 10 s
	}
	if diff := cmp.Diff(want, out.Observation.Latency["latency"]); diff != "" {
		t.Error(diff)
	}
}

// TestTrackerEvents checks that events are increments, and that a version which was not
// measured has no number of them.
func TestTrackerEvents(t *testing.T) {
	tracker := metric.NewTracker([]metric.Metric{{Name: "orders", Kind: metric.KindEvents}}, begin())
	orders := metric.Query{Metric: metric.Metric{Name: "orders", Kind: metric.KindEvents}, Total: metric.Selector{Name: "orders_total"}}
	at := func(seconds float64, canary, stable float64, failed error) metric.Outcome {
		r := reading(seconds)
		for arm, count := range map[metric.Arm]float64{metric.Canary: canary, metric.Stable: stable} {
			values, err := orders.Values(arm, "", "orders_total", nil, count)
			if err != nil || len(values) != 1 {
				t.Fatal(values, err)
			}
			target := metric.Target{Name: string(arm), Arms: []metric.Arm{arm}, Scrapes: []metric.Scrape{{Time: r.At, Values: values}}}
			if arm == metric.Canary && failed != nil {
				target.Scrapes, target.Err = nil, failed
			}
			r.Targets = append(r.Targets, target)
		}
		return tracker.Observe(r, metric.Weight{})
	}
	at(0, 10, 100, nil)
	if diff := cmp.Diff(map[string]analysis.Events{"orders": {Canary: 2, Stable: 30}}, at(15, 12, 130, nil).Observation.Events); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]analysis.Events{"orders": {Canary: -1, Stable: 5}}, at(30, 0, 135, errors.New("down")).Observation.Events); diff != "" {
		t.Error(diff)
	}
}

func TestTrackerGauges(t *testing.T) {
	tracker := metric.NewTracker([]metric.Metric{{Name: "cpu", Kind: metric.KindGauge}, {Name: "queue", Kind: metric.KindGauge}}, begin())
	tracker.Observe(reading(0), metric.Weight{})
	r := reading(15)
	r.Gauges = map[string]metric.GaugePair{"cpu": {Canary: 1, Stable: 2}, "alien": {}}
	out := tracker.Observe(r, metric.Weight{})
	if diff := cmp.Diff(map[string]analysis.Gauge{"cpu": {Canary: 1, Stable: 2}}, out.Observation.Gauges); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"queue: no value"}, out.Troubles); diff != "" {
		t.Error(diff)
	}
}
