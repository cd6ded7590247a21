package metric_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// byRoute is the metric errors, divided by the label route.
func byRoute() metric.Query {
	return metric.Query{
		Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio, By: "route"},
		Bad:    metric.Selector{Name: "requests_total"}.With(metric.Equal("code", "500")), Total: metric.Selector{Name: "requests_total"},
	}
}

// series returns what the metric counts of a route: good and bad requests.
func series(t interface{ Fatal(...any) }, arm metric.Arm, pod, route string, good, bad float64) (all []metric.Value) {
	for code, count := range map[string]float64{"200": good, "500": bad} {
		labels := map[string]string{"code": code}
		if route != "" {
			labels["route"] = route
		}
		values, err := byRoute().Values(arm, pod, "requests_total", labels, count)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, values...)
	}
	return all
}

func target(name string, arm metric.Arm, seconds float64, values ...[]metric.Value) metric.Target {
	return metric.Target{Name: name, Arms: []metric.Arm{arm}, Scrapes: []metric.Scrape{{Time: at(seconds), Values: slices.Concat(values...)}}}
}

func divided() *metric.Tracker {
	return metric.NewTracker([]metric.Metric{byRoute().Metric}, begin())
}

func names(o analysis.Observation) []string { return slices.Sorted(maps.Keys(o.Metrics)) }

// TestPartsAddUp checks that the parts of a metric add up to it, and that series without the
// label count in the sum only.
func TestPartsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tracker := divided()
		now := map[[2]string]float64{}
		const routes = 5
		read := func(seconds float64) metric.Outcome {
			var targets []metric.Target
			for _, arm := range metric.Arms() {
				var values []metric.Value
				for i := range routes {
					route := fmt.Sprint("/", i)
					now[[2]string{string(arm), route}] += float64(rapid.IntRange(1, 20).Draw(t, "requests"))
					n := now[[2]string{string(arm), route}]
					values = append(values, series(t, arm, string(arm), route, n, n*2)...)
				}
				values = append(values, series(t, arm, string(arm), "", 0, seconds)...)
				targets = append(targets, target(string(arm), arm, seconds, values))
			}
			return tracker.Observe(reading(seconds, targets...), metric.Weight{})
		}
		read(0)
		for seconds := 15.; seconds < 60; seconds += 15 {
			o := read(seconds).Observation
			if len(o.Metrics) != routes+1 {
				t.Fatalf("%q", names(o))
			}
			sum := map[bool]analysis.Counts{}
			for name, pair := range o.Metrics {
				c := sum[name == "errors"]
				sum[name == "errors"] = analysis.Counts{Bad: c.Bad + pair.Canary.Bad + pair.Stable.Bad, Total: c.Total + pair.Canary.Total + pair.Stable.Total}
			}
			unlabelled := int64(2 * 15)
			if all, parts := sum[true], sum[false]; all.Bad != parts.Bad+unlabelled || all.Total != parts.Total+unlabelled {
				t.Fatalf("%+v of %+v", parts, all)
			}
		}
	})
}

// TestPartsAreStables checks that only stable decides which values become metrics: those with
// the most requests, and later others until there are enough.
func TestPartsAreStables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		requests := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 60).Draw(t, "stable's requests by route")
		release := func(canary bool) (first, later []string) {
			tracker := divided()
			var s, c []metric.Value
			for i, n := range requests {
				s = append(s, series(t, metric.Stable, "s", fmt.Sprintf("/%02d", i), float64(n), 0)...)
			}
			for i := range 70 {
				if canary {
					c = append(c, series(t, metric.Canary, "c", fmt.Sprintf("/%02d", i), 1e6, 1e6)...)
				}
			}
			read := func(seconds float64, more ...[]metric.Value) []string {
				out := tracker.Observe(reading(seconds, target("s", metric.Stable, seconds, append(more, s)...), target("c", metric.Canary, seconds, c)), metric.Weight{})
				return names(out.Observation)
			}
			read(0)
			first = read(15)
			return first, read(30, series(t, metric.Stable, "s", "/late", 1e6, 0))
		}
		first, later := release(false)
		if a, b := release(true); !slices.Equal(a, first) || !slices.Equal(b, later) {
			t.Fatalf("the canary changed %q, %q to %q, %q", first, later, a, b)
		}
		with, least, most := 0, 1000, 0
		for i, n := range requests {
			if n == 0 {
				continue
			}
			with++
			if slices.Contains(first, fmt.Sprintf("errors{route=/%02d}", i)) {
				least = min(least, n)
			} else {
				most = max(most, n)
			}
		}
		if len(first) != 1+min(with, metric.MaxParts) || most > least {
			t.Fatalf("%q of %v", first, requests)
		}
		if late := slices.Contains(later, "errors{route=/late}"); late != (with < metric.MaxParts) {
			t.Fatalf("%q", later)
		}
	})
}

// TestKeepPart checks that another process of the release has the same parts, and gaps no others.
func TestKeepPart(t *testing.T) {
	var earlier []string
	for i := range metric.MaxParts - 1 {
		earlier = append(earlier, fmt.Sprintf("errors{route=/old%d}", i))
	}
	tracker := divided()
	for _, name := range append([]string{"errors", "errors{host=a}", "slow{route=/a}", "latency>1s", ""}, earlier...) {
		tracker.KeepPart(name)
	}
	read := func(seconds float64) analysis.Observation {
		return tracker.Observe(reading(seconds,
			target("s", metric.Stable, seconds, series(t, metric.Stable, "s", "/new1", 9+seconds, 0), series(t, metric.Stable, "s", "/new2", 5, 0), series(t, metric.Stable, "s", "/old3", 1, 0)),
			target("c", metric.Canary, seconds, series(t, metric.Canary, "c", "/new1", 9, seconds))), metric.Weight{}).Observation
	}
	read(0)
	o := read(15)
	want := append(earlier, "errors", "errors{route=/new1}")
	slices.Sort(want)
	if diff := cmp.Diff(want, names(o)); diff != "" {
		t.Error(diff)
	}
	if p := o.Metrics["errors{route=/new1}"]; p.Canary.Bad != 15 || p.Stable.Total != 15 {
		t.Errorf("%+v, %+v", p.Canary, p.Stable)
	}
	if gap := tracker.Failed(at(30), metric.Weight{}, fmt.Errorf("down")).Observation; len(gap.Metrics) != 0 {
		t.Errorf("%q", names(gap))
	}
}

// TestPartsOfHistory checks that the history has the parts that the release has.
func TestPartsOfHistory(t *testing.T) {
	var all metric.Reading
	stable := metric.Target{Name: "s", Arms: []metric.Arm{metric.Stable}}
	for seconds := -60.; seconds <= 0; seconds += 5 {
		values := series(t, metric.Stable, "s", "/a", 100+seconds, 0)
		for i := range 50 {
			values = append(values, series(t, metric.Stable, "s", fmt.Sprintf("/%02d", i), 60-float64(i)*seconds/60, 0)...)
		}
		stable.Scrapes = append(stable.Scrapes, metric.Scrape{Time: at(seconds), Values: values})
	}
	all.At, all.Targets = begin(), []metric.Target{stable}
	reader := &metric.Reader{Source: remembering{reading: all}, Tracker: divided(), Timeout: time.Hour}
	reader.Read(t.Context(), begin(), metric.Weight{})
	history, err := reader.History(t.Context(), begin(), time.Minute, 15*time.Second)
	if err != nil || len(history) == 0 {
		t.Fatal(err, history)
	}
	later := stable
	later.Scrapes = []metric.Scrape{{Time: at(15), Values: stable.Scrapes[len(stable.Scrapes)-1].Values}}
	reader.Source = remembering{reading: metric.Reading{At: at(15), Targets: []metric.Target{later}}}
	want := names(reader.Read(t.Context(), at(15), metric.Weight{}).Observation)
	if len(want) != 1+metric.MaxParts || !slices.Contains(want, "errors{route=/a}") {
		t.Errorf("%q", want)
	}
	for _, o := range history {
		if diff := cmp.Diff(want, names(o)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestPartNames checks that any value makes a name that is short, printable and on one line.
func TestPartNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.StringN(0, 300, 1000), rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 500), func(b []byte) string { return string(b) })).Draw(t, "value")
		v := series(t, metric.Stable, "s", value, 1, 0)[0]
		if len(v.By) > 100 || !utf8.ValidString(v.By) || strings.ContainsFunc(v.By, func(r rune) bool { return !unicode.IsPrint(r) }) || (v.By == "") != (value == "") {
			t.Fatalf("%q becomes %q", value, v.By)
		}
		if len(value) <= 100 && utf8.ValidString(value) && !strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) && v.By != value {
			t.Fatalf("%q becomes %q", value, v.By)
		}
	})
}

// TestUndivided checks that a label that no series has is reported.
func TestUndivided(t *testing.T) {
	for _, c := range []struct {
		bad  string
		add  []map[string]string
		says string
	}{
		{"requests_total", []map[string]string{{"code": "200", "route": "/"}}, ""},
		{"requests_total", []map[string]string{{"code": "200", "path": "/"}}, "errors: no series of requests_total has the label route"},
		{"failures_total", []map[string]string{{"code": "500", "route": "/"}}, ""},
		{"failures_total", nil, "errors: no series of failures_total has the label route"},
	} {
		q := byRoute()
		q.Bad = metric.Selector{Name: c.bad}
		check := metric.NewSelectorCheck([]metric.Query{q})
		for _, labels := range c.add {
			check.Add("requests_total", labels)
			check.Add(c.bad, labels)
		}
		if c.add == nil {
			check.Add("requests_total", map[string]string{"route": "/"})
			check.Add("failures_total", map[string]string{"code": "500"})
		}
		if have := check.Troubles(); len(have) > 1 || !strings.HasPrefix(strings.Join(have, ""), c.says) || (c.says == "") != (len(have) == 0) {
			t.Errorf("%q, want %q", have, c.says)
		}
	}
}
