package metric_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/canarize/canarize/internal/metric"
)

// BenchmarkTracker compares two readings of 1,000 pods. Each pod has a ratio
// and a histogram of twelve buckets: `go test ./internal/metric -bench
// Tracker`.
func BenchmarkTracker(b *testing.B) {
	targets := func(seconds float64) (all []metric.Target) {
		for i := range 1000 {
			name := fmt.Sprint("pod-", i)
			t := pod(name, metric.Arms()[i%2], seconds, 1, 100*seconds)
			for k := range 12 {
				bound := float64(k)
				if k == 11 {
					bound = math.Inf(1)
				}
				t.Scrapes[0].Values = append(t.Scrapes[0].Values, metric.Value{Metric: "latency", Arm: t.Arms[0], Part: metric.Bucket, Bound: bound, Series: "d", Count: seconds * float64(k)})
			}
			all = append(all, t)
		}
		return all
	}
	tracker := metric.NewTracker([]metric.Metric{{Name: "errors", Kind: metric.KindRatio}, {Name: "latency", Kind: metric.KindLatency}}, begin())
	seconds := 0.0
	for b.Loop() {
		seconds += 15
		r := reading(seconds, targets(seconds)...)
		if out := tracker.Observe(r, metric.Weight{}); !out.Ready {
			b.Fatal(out)
		}
	}
}
