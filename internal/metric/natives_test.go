package metric_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/native"
)

func latency() []metric.Metric { return []metric.Metric{{Name: "latency", Kind: metric.KindLatency}} }

// durations returns a native histogram of durations that are no boundaries.
func durations(t interface{ Fatal(...any) }, schema int, all ...float64) native.Histogram {
	r := native.Raw{Schema: schema, Threshold: 0x1p-128, Total: float64(len(all))}
	for _, d := range all {
		r.Positive = append(r.Positive, native.Bucket{At: int(math.Ceil(math.Log2(d) * math.Exp2(float64(schema)))), Count: 1})
	}
	h, err := native.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// slowPod returns a target with a native histogram.
func slowPod(name string, arm metric.Arm, epoch int, seconds float64, h native.Histogram) metric.Target {
	return metric.Target{Name: name, Epoch: fmt.Sprint(epoch), Arms: []metric.Arm{arm}, Scrapes: []metric.Scrape{{
		Time: at(seconds), Natives: []metric.Native{{Metric: "latency", Arm: arm, Pod: name, Series: "d", PerSecond: 1, Histogram: h}},
	}}}
}

// slowProcess is a pod that records durations. Its resolution may fall, and it
// may restart.
type slowProcess struct {
	name          string
	arm           metric.Arm
	schema, epoch int
	all           []float64
}

// TestTrackerOfNativeHistograms checks that each interval has exactly the
// durations of that interval at its boundaries, which are the same for both
// versions and never more than the judge takes.
func TestTrackerOfNativeHistograms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tracker := metric.NewTracker(latency(), begin())
		judge, err := analysis.New(analysis.Default())
		if err != nil {
			t.Fatal(err)
		}
		var processes []*slowProcess
		for i, arm := range []metric.Arm{metric.Canary, metric.Canary, metric.Stable} {
			processes = append(processes, &slowProcess{name: fmt.Sprint("pod-", i), arm: arm, schema: rapid.IntRange(-4, 8).Draw(t, "schema")})
		}
		for i := range rapid.IntRange(1, 6).Draw(t, "intervals") + 1 {
			r := metric.Reading{At: at(float64(15 * i)), Complete: true}
			now := map[metric.Arm][]float64{}
			for _, p := range processes {
				if i > 0 && rapid.IntRange(0, 5).Draw(t, "event") == 0 {
					p.epoch, p.all, p.schema = p.epoch+1, nil, rapid.IntRange(-4, 8).Draw(t, "new schema")
				}
				p.schema = max(-4, p.schema-rapid.IntRange(0, 1).Draw(t, "coarser"))
				for range rapid.IntRange(0, 9).Draw(t, "requests") {
					d := math.Exp2(rapid.Float64Range(-15, 3).Draw(t, "duration")) * 1.00037
					p.all, now[p.arm] = append(p.all, d), append(now[p.arm], d)
				}
				r.Targets = append(r.Targets, slowPod(p.name, p.arm, p.epoch, float64(15*i), durations(t, p.schema, p.all...)))
			}
			out := tracker.Observe(r, metric.Weight{Percent: 5})
			if i == 0 {
				continue
			}
			pair := out.Observation.Latency["latency"]
			sameDurations(t, pair.Canary, now[metric.Canary])
			sameDurations(t, pair.Stable, now[metric.Stable])
			if !slices.Equal(pair.Canary.Bounds, pair.Stable.Bounds) {
				t.Errorf("%v and %v", pair.Canary.Bounds, pair.Stable.Bounds)
			}
			if d := judge.Observe(out.Observation); d.Error != "" {
				t.Error(d.Error)
			}
		}
	})
}

func sameDurations(t *rapid.T, h *analysis.Histogram, all []float64) {
	if h == nil || h.Total != int64(len(all)) || len(h.Bounds) == 0 {
		t.Fatalf("%+v of %v", h, all)
	}
	for i, bound := range h.Bounds {
		n := int64(0)
		for _, d := range all {
			if d <= bound {
				n++
			}
		}
		if h.Below[i] != n {
			t.Errorf("%d durations up to %v, want %d", h.Below[i], bound, n)
		}
	}
}

// TestNativeRestart checks that a histogram without an epoch restarted if one
// of its buckets decreased, and the others of the metric in the process with it.
func TestNativeRestart(t *testing.T) {
	tracker := metric.NewTracker(latency(), begin())
	two := func(seconds float64, a, b native.Histogram) metric.Outcome {
		pod := slowPod("c", metric.Canary, 0, seconds, a)
		other := pod.Scrapes[0].Natives[0]
		other.Series, other.Histogram = "e", b
		pod.Scrapes[0].Natives = append(pod.Scrapes[0].Natives, other)
		return tracker.Observe(reading(seconds, pod), metric.Weight{})
	}
	two(0, durations(t, 3, .11, .12), durations(t, 3, .5))
	out := two(15, durations(t, 3, .11, .9, .9), durations(t, 3, .5, .6))
	if h := out.Observation.Latency["latency"].Canary; h == nil || h.Total != 5 {
		t.Errorf("%+v", h)
	}
}

// TestLostBoundaries checks that the user hears why a boundary is gone, and
// that it comes back when the process has its resolution again.
func TestLostBoundaries(t *testing.T) {
	tracker := metric.NewTracker(latency(), begin())
	for i, c := range []struct {
		schema, bounds int
		trouble        bool
	}{{3, 0, false}, {3, 145, false}, {2, 145, false}, {1, 73, true}, {1, 73, true}, {3, 145, false}} {
		seconds := float64(15 * i)
		stable := slowPod("s", metric.Stable, 0, seconds, durations(t, 5, .1))
		out := tracker.Observe(reading(seconds, stable, slowPod("c", metric.Canary, 0, seconds, durations(t, c.schema, .1))), metric.Weight{})
		have := strings.Contains(strings.Join(out.Troubles, ""), "of 145 boundaries of its native histogram are gone")
		if h := out.Observation.Latency["latency"].Stable; i > 0 && (h == nil || len(h.Bounds) != c.bounds || have != c.trouble) {
			t.Errorf("%d: %+v, %q", i, h, out.Troubles)
		}
	}
}

// TestLostBoundaryIsNotMeasured checks that the judge holds a release when a
// boundary that it has chosen is gone.
func TestLostBoundaryIsNotMeasured(t *testing.T) {
	tracker := metric.NewTracker(latency(), begin())
	judge, err := analysis.New(analysis.Default())
	if err != nil {
		t.Fatal(err)
	}
	var all []float64
	for i := range 12 {
		schema, seconds := 3, float64(15*i)
		if i > 8 {
			schema = -4
		}
		for j := range 200 {
			all = append(all, .05*math.Exp2(float64(j)/40.1))
		}
		out := tracker.Observe(reading(seconds,
			slowPod("s", metric.Stable, 0, seconds, durations(t, 4, all...)),
			slowPod("c", metric.Canary, 0, seconds, durations(t, schema, all...))), metric.Weight{Percent: 50})
		if d := judge.Observe(out.Observation); i > 0 && (d.Cause == analysis.Source) != (i > 8) {
			t.Errorf("%d: %+v", i, d)
		}
	}
}

// TestTooManyBuckets checks that the buckets of native histograms count as
// values of a reading.
func TestTooManyBuckets(t *testing.T) {
	var r metric.Reading
	for i := range 3 {
		target := slowPod(fmt.Sprint(i), metric.Stable, 0, 0, durations(t, 3, .1, .2, .4))
		for len(target.Scrapes[0].Natives) < metric.MaxValues/10 {
			target.Scrapes[0].Natives = append(target.Scrapes[0].Natives, target.Scrapes[0].Natives[0])
		}
		r.Targets = append(r.Targets, target)
	}
	if out := readerOf(remembering{reading: r}).Read(t.Context(), at(0), metric.Weight{}); !strings.Contains(strings.Join(out.Troubles, ""), "values are too many") {
		t.Errorf("%q", out.Troubles)
	}
}
