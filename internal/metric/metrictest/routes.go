package metrictest

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/metric"
)

// Divided is what a source with labels counts in the tests of routes: the metric "errors" by the
// label "route".
func Divided() metric.Metric {
	return metric.Metric{Name: "errors", Kind: metric.KindRatio, By: "route"}
}

// Routes holds the counters of a version by route.
type Routes map[string]Counts

// RoutesOf returns the routes of all states; if there are none, "" for all requests.
func RoutesOf(history []Snapshot) []string {
	names := map[string]bool{}
	for _, s := range history {
		for _, arm := range metric.Arms() {
			for route := range s.Routes[arm] {
				names[route] = true
			}
		}
	}
	if len(names) == 0 {
		return []string{""}
	}
	return slices.Sorted(maps.Keys(names))
}

// At returns a version's counters of a route, and whether there are such series; the route "" is
// all requests.
func (s Snapshot) At(arm metric.Arm, route string) (Counts, bool) {
	if route == "" {
		return s.Of(arm), true
	}
	counts, found := s.Routes[arm][route]
	return counts, found
}

// odd is a route that tries to break out of quotes and lines.
const odd = "x\"}\n\x1b[31m"

// routes tests a source of a metric that is divided by a label.
func (h Harness) routes(t *testing.T) {
	w := h.world(t)
	w.reader.Source = h.Divided(t, w.url)
	w.reader.Tracker = metric.NewTracker([]metric.Metric{Divided()}, Begin())
	read := func(seconds int, canary, stable Routes) map[string]any {
		out := w.readRoutes(seconds, canary, stable)
		all := map[string]any{}
		for name, pair := range out.Observation.Metrics {
			all[name] = [2]any{counts(pair.Canary), counts(pair.Stable)}
		}
		return all
	}
	type is = [2]any
	read(0, Routes{"/a": {0, 10}, "/new": {0, 5}}, Routes{"/a": {2, 1000}, odd: {0, 100}})
	have := read(15, Routes{"/a": {1, 20}, "/new": {3, 9}}, Routes{"/a": {2, 1100}, odd: {5, 110}, "/b": {1, 1}})
	want := map[string]any{
		"errors":                         is{[2]int64{4, 14}, [2]int64{6, 111}},
		"errors{route=/a}":               is{[2]int64{1, 10}, [2]int64{0, 100}},
		"errors{route=x\"}\\n\\x1b[31m}": is{[2]int64{0, 0}, [2]int64{5, 10}},
		"errors{route=/b}":               is{[2]int64{0, 0}, [2]int64{1, 1}},
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	// A process that restarts begins all its routes again.
	have = read(30, Routes{"/a": {2, 2}}, Routes{"/a": {2, 1100}, odd: {5, 110}, "/b": {1, 4}})
	want = map[string]any{
		"errors":                         is{[2]int64{2, 2}, [2]int64{0, 3}},
		"errors{route=/a}":               is{[2]int64{2, 2}, [2]int64{0, 0}},
		"errors{route=x\"}\\n\\x1b[31m}": is{[2]int64{0, 0}, [2]int64{0, 0}},
		"errors{route=/b}":               is{[2]int64{0, 0}, [2]int64{0, 3}},
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}
