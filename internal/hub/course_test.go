package hub

import (
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/watch"
)

// TestWatcher: a source determines how often it is read and whether it has a history.
func TestWatcher(t *testing.T) {
	o := RunOptions{Analysis: analysis.Default()}
	o.Analysis.Interval = 10
	for name, c := range map[string]struct {
		opened metric.Opened
		every  time.Duration
	}{
		"as often as judged": {metric.Opened{}, 10 * time.Second},
		"more often":         {metric.Opened{Every: time.Second}, time.Second},
		"no less often":      {metric.Opened{Every: time.Minute}, 10 * time.Second},
		"with a history":     {metric.Opened{Remembers: true}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := new(work).watcher(&c.opened, &restarts{}, o, rollout.State{})
			if err != nil {
				t.Fatal(err)
			}
			w := made.(*watch.Watcher)
			if w.Every != c.every || (w.History != nil) != c.opened.Remembers {
				t.Errorf("it is read every %s, and has a history: %v", w.Every, w.History != nil)
			}
		})
	}
}

// TestWatcherKeepsParts: a process that goes on with a release judges the routes that its
// predecessor has chosen.
func TestWatcherKeepsParts(t *testing.T) {
	const part = "errors{route=/a}"
	opened := metric.Opened{Metrics: []metric.Metric{{Name: "errors", Kind: metric.KindRatio, By: "route"}}}
	state := rollout.State{Judged: &rollout.Judged{Look: rollout.Look{Metrics: []rollout.Metric{{Name: "errors"}, {Name: part}}}}}
	var counter restarts
	made, err := new(work).watcher(&opened, &counter, RunOptions{Analysis: analysis.Default()}, state)
	if err != nil {
		t.Fatal(err)
	}
	made.(*watch.Watcher).Open(time.Unix(0, 0))
	tracker := counter.Counter.(*metric.Reader).Tracker
	tracker.Observe(metric.Reading{At: time.Unix(0, 0)}, metric.Weight{})
	o := tracker.Observe(metric.Reading{At: time.Unix(15, 0)}, metric.Weight{}).Observation
	if _, found := o.Metrics[part]; !found || len(o.Metrics) != 2 {
		t.Errorf("%+v", o.Metrics)
	}
}
