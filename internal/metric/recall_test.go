package metric_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/metric"
)

// stored is an archive of targets.
type stored []metric.Target

func (s stored) Past(_ context.Context, from, to time.Time) (metric.Reading, error) {
	r := metric.Reading{At: to}
	for _, t := range s {
		own := t
		own.Scrapes = nil
		for _, scrape := range t.Scrapes {
			if scrape.Time.After(from) && !scrape.Time.After(to) {
				own.Scrapes = append(own.Scrapes, scrape)
			}
		}
		if len(own.Scrapes) > 0 {
			r.Targets = append(r.Targets, own)
		}
	}
	return r, nil
}

// TestRecallCountsEveryRequest checks that every request of a pod after its first scrape is
// counted exactly once, whenever it is scraped and whenever it restarts.
func TestRecallCountsEveryRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]int64{}
		var archive stored
		end := 0
		for _, pod := range []string{"a", "b"} {
			target := metric.Target{Name: "target " + pod, Arms: []metric.Arm{metric.Stable}}
			counter, seconds := 0, rapid.IntRange(0, 900).Draw(t, "first")
			for range rapid.IntRange(2, 60).Draw(t, "scrapes") {
				requests := rapid.IntRange(0, 50).Draw(t, "requests")
				if counter += requests; requests > 0 && rapid.IntRange(0, 20).Draw(t, "restart") == 0 && requests < counter-requests {
					counter = requests
				}
				if len(target.Scrapes) > 0 {
					want[pod] += int64(requests)
				}
				target.Scrapes = append(target.Scrapes, metric.Scrape{Time: at(float64(seconds)), Values: errorsOf(metric.Stable, pod, 0, float64(counter))})
				end = max(end, seconds)
				seconds += rapid.IntRange(5, 100).Draw(t, "apart")
			}
			archive = append(archive, target)
		}
		past, err := metric.Recall(t.Context(), archive, metric.Recalling{
			Metrics: ratio(), Begin: at(-5), End: at(float64(end + 300)), Interval: 15 * time.Second, Timeout: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		have := map[string]int64{}
		for _, p := range past.Pods {
			for _, s := range p.Steps {
				if s.Measured {
					have[p.Name] += s.Ratios[0].Total
				}
			}
		}
		for pod, n := range want {
			if have[pod] != n {
				t.Errorf("pod %s: %d requests, want %d", pod, have[pod], n)
			}
		}
	})
}

// silent is an archive that does not answer.
type silent struct{}

func (silent) Past(ctx context.Context, _, _ time.Time) (metric.Reading, error) {
	<-ctx.Done()
	return metric.Reading{}, ctx.Err()
}

func TestRecallTimeout(t *testing.T) {
	_, err := metric.Recall(t.Context(), silent{}, metric.Recalling{Metrics: ratio(), Begin: at(0), End: at(60), Interval: time.Second, Timeout: time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 1ms") {
		t.Error(err)
	}
}
