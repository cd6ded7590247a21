package metric_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// remembering is a source that returns one reading, or fails.
type remembering struct {
	reading metric.Reading
	err     error
}

func (r remembering) Read(context.Context, time.Time, time.Time) (metric.Reading, error) {
	return r.reading, r.err
}

func readerOf(s metric.Source) *metric.Reader {
	return &metric.Reader{Source: s, Tracker: metric.NewTracker(ratio(), begin()), Timeout: time.Hour}
}

// TestHistory checks that the history contains everything that was counted
// between the first and the last interval, lies before the release, and is
// accepted by the judge.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r metric.Reading
		counted := 0.0
		for _, name := range []string{"s1", "s2"} {
			total, first := 0.0, -1.0
			target := metric.Target{Name: name, Arms: []metric.Arm{metric.Stable}}
			for seconds := -rapid.IntRange(61, 75).Draw(t, "first"); seconds <= 0; seconds += rapid.IntRange(5, 14).Draw(t, "apart") {
				total += float64(rapid.IntRange(0, 9).Draw(t, "requests"))
				if first < 0 || seconds <= -60 {
					first = total
				}
				target.Scrapes = append(target.Scrapes, metric.Scrape{Time: at(float64(seconds)), Values: errorsOf(metric.Stable, name, 0, total)})
			}
			for i := len(target.Scrapes) - 1; i >= 0; i-- {
				if s := target.Scrapes[i]; !s.Time.After(at(-15)) { // the last interval ends then
					counted += s.Values[1].Count - first
					break
				}
			}
			r.Targets = append(r.Targets, target)
		}
		all, err := readerOf(remembering{reading: r}).History(t.Context(), begin(), time.Minute, 15*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		judge, err := analysis.New(analysis.Default())
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, o := range all {
			if d := judge.Observe(o); d.Error != "" || o.Time >= 0 {
				t.Errorf("%+v: %+v", o, d)
			}
			sum += float64(o.Metrics["errors"].Stable.Total)
		}
		if sum != counted || len(all) != 3 {
			t.Errorf("%d observations of %v requests, want 3 of %v", len(all), sum, counted)
		}
	})
}

func TestNoHistory(t *testing.T) {
	canary := pod("c1", metric.Canary, -40, 0, 5)
	canary.Scrapes = append(canary.Scrapes, metric.Scrape{Time: at(-20), Values: errorsOf(metric.Canary, "c1", 0, 9)})
	for name, source := range map[string]remembering{
		"a source that remembers nothing": {reading: reading(0, pod("s1", metric.Stable, 0, 5, 9))},
		"the canary's":                    {reading: metric.Reading{Targets: []metric.Target{canary}}},
	} {
		all, err := readerOf(source).History(t.Context(), begin(), time.Minute, 15*time.Second)
		if diff := cmp.Diff([]analysis.Observation(nil), all); diff != "" || err != nil {
			t.Errorf("%s: %s, %v", name, diff, err)
		}
	}
	if _, err := readerOf(remembering{err: errors.New("away")}).History(t.Context(), begin(), time.Minute, time.Second); err == nil {
		t.Error("no error")
	}
}
