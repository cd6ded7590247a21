package releasefile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

func TestParseMetrics(t *testing.T) {
	must := func(text string) metric.Selector {
		s, err := metric.ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	conditions := func(text string) []metric.Matcher {
		all, err := metric.ParseMatchers(text)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	failures := metric.Query{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio}, Bad: must(`requests_total{custom_status="bad"}`), Total: must("requests_total")}
	for name, c := range map[string]struct {
		text string
		want metric.Config
	}{
		"nothing":      {"metrics:\n", metric.DefaultConfig()},
		"the emissary": {"metrics: {source: emissary, timeout: 2s}\n", metric.Config{Source: metric.Emissary, Timeout: 2 * time.Second, Path: "/metrics"}},
		"pods": {`metrics:
    source: pods
    port: 8000
    path: /stats
    ratios:
      errors: {bad: 'requests_total{custom_status="bad"}', total: requests_total}
`, metric.Config{Source: metric.Pods, Timeout: 10 * time.Second, Port: 8000, Path: "/stats", Queries: []metric.Query{failures}}},
		"prometheus": {`metrics:
    source: prometheus
    address: https://prometheus.example.com
    auth:
      basic: {user: me, password: {file: password}}
      headers: {X-Scope-OrgID: shop, X-Key: {env: KEY}}
    tls: {ca: ca.pem, cert: a.pem, key: a.key, serverName: b}
    canary: 'track="canary"'
    stable: 'track="",job=~"shop.*"'
    podLabel: pod
    ratios:
      errors: {bad: 'requests_total{custom_status="bad"}', total: requests_total}
    latencies:
      slow: {buckets: 'time{path="/"}', unit: ms}
      late: {buckets: late_bucket}
      native: {histogram: 'seconds{path="/"}', unit: ms}
    events:
      orders: 'orders_total{paid="yes"}'
    gauges:
      cpu: sum(cpu{$arm})
`, metric.Config{
			Source: metric.Prometheus, Timeout: 10 * time.Second, Path: "/metrics", PodLabel: "pod",
			Access: metric.Access{
				Address: "https://prometheus.example.com", User: "me", Password: metric.Secret{File: "password"},
				Headers: map[string]metric.Secret{"X-Scope-OrgID": {Value: "shop"}, "X-Key": {Env: "KEY"}},
				TLS:     metric.TLS{CA: "ca.pem", Cert: "a.pem", Key: "a.key", ServerName: "b"},
			},
			Canary: conditions(`track="canary"`), Stable: conditions(`track="",job=~"shop.*"`),
			Queries: []metric.Query{
				failures,
				{Metric: metric.Metric{Name: "slow", Kind: metric.KindLatency}, Buckets: must(`time_bucket{path="/"}`), PerSecond: 1000},
				{Metric: metric.Metric{Name: "late", Kind: metric.KindLatency}, Buckets: must("late_bucket"), PerSecond: 1},
				{Metric: metric.Metric{Name: "native", Kind: metric.KindLatency}, Histogram: must(`seconds{path="/"}`), PerSecond: 1000},
				{Metric: metric.Metric{Name: "orders", Kind: metric.KindEvents}, Total: must(`orders_total{paid="yes"}`)},
				{Metric: metric.Metric{Name: "cpu", Kind: metric.KindGauge}, Gauge: "sum(cpu{$arm})"},
			},
		}},
		"routes": {`metrics:
    source: pods
    port: 8000
    ratios:
      errors: {bad: 'requests_total{custom_status="bad"}', total: requests_total, by: route}
`, metric.Config{Source: metric.Pods, Timeout: 10 * time.Second, Port: 8000, Path: "/metrics", Queries: []metric.Query{
			{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio, By: "route"}, Bad: must(`requests_total{custom_status="bad"}`), Total: must("requests_total")},
		}}},
		"web":   {"metrics: {source: web, address: 'http://a', auth: {bearer: {env: A}}}\n", metric.Config{Source: metric.Web, Timeout: 10 * time.Second, Path: "/metrics", Access: metric.Access{Address: "http://a", Bearer: metric.Secret{Env: "A"}}}},
		"azure": {"metrics: {source: azuremonitor, address: 'https://a', ratios: {errors: {bad: 'requests_total{custom_status=\"bad\"}', total: requests_total}}}\n", metric.Config{Source: metric.AzureMonitor, Timeout: 10 * time.Second, Path: "/metrics", Access: metric.Access{Address: "https://a"}, Queries: []metric.Query{failures}}},
	} {
		t.Run(name, func(t *testing.T) {
			have, err := Parse("release.yml", []byte(head+"spec:\n  "+c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, have.Metrics, cmpopts.IgnoreUnexported(metric.Matcher{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseMetricsRefuses(t *testing.T) {
	const counted = "ratios: {errors: {bad: b, total: a}}"
	for text, says := range map[string]string{
		"{source: statsd}":                             `"statsd" is not known; it may be emissary or prometheus or pods or web or azuremonitor`,
		"{sources: pods}":                              "spec.metrics.sources is not known; spec.metrics may have source, timeout",
		"{timeout: 0s}":                                "timeout: expected a duration above 0",
		"{port: 80}":                                   "the source emissary does not use port",
		"{address: 'http://a'}":                        "the source emissary does not use address",
		"{" + counted + "}":                            "the source emissary does not use ratios",
		"{source: web}":                                "the source web needs address",
		"{source: pods, " + counted + "}":              "the source pods needs port",
		"{source: pods, port: 80}":                     "the source pods needs ratios",
		"{source: pods, port: 65536, " + counted + "}": "port: 65536 is out of range, expected 1",
		"{source: pods, port: 80, gauges: {a: b}}":     "gauges and events alone cannot decide a release",
		"{source: pods, port: 80, " + counted + ", latencies: {errors: {buckets: c}}}":                                            "two metrics have the name errors",
		"{source: pods, port: 80, ratios: {errors: {bad: b}}}":                                                                    "spec.metrics.ratios.errors: expected bad and total",
		"{source: pods, port: 80, ratios: {errors: {bad: 'rate(b[1m])', total: a}}}":                                              "spec.metrics.ratios.errors.bad: ",
		"{source: pods, port: 80, latencies: {a: {unit: s}}}":                                                                     "expected one of buckets, histogram",
		"{source: pods, port: 80, latencies: {a: {buckets: b, histogram: c}}}":                                                    "expected one of buckets, histogram",
		"{source: pods, port: 80, latencies: {a: {histogram: 'c_bucket{a=\"b\"}'}}}":                                              `c_bucket is the name of a classic histogram; write buckets: c_bucket{a="b"}`,
		"{source: pods, port: 80, latencies: {a: {buckets: b, unit: minutes}}}":                                                   `"minutes" is not known`,
		"{source: pods, port: 80, ratios: {e: {bad: b, total: a, by: 'a-b'}}}":                                                    `ratios.e.by: "a-b" is not a valid label name`,
		"{source: pods, port: 80, ratios: {e: {bad: b, total: a, by: pod}}}":                                                      "the label pod has other values for each version",
		"{source: prometheus, address: 'http://a', canary: 'v=\"1\"', stable: 'v=\"2\"', ratios: {e: {bad: b, total: a, by: v}}}": "the label v has other values for each version",
		"{source: pods, port: 80, ratios: {'e{a}': {bad: b, total: a, by: c}}}":                                                   "cannot contain braces",
		"{source: pods, port: 80, ratios: {e: {bad: b, total: a, by: c}, 'e{c=d}': {bad: b, total: a}}}":                          "two metrics may have the name e{c=d}",
		"{source: pods, port: 80, ratios: {e: {bad: b, total: a, by: c}" + tenRatios() + "}}":                                     "with by there can be at most 10 ratios, because each value becomes another one; there are 11",
		"{source: pods, port: 80, latencies: {a: {buckets: b, by: route}}}":                                                       "by is not known",
		"{source: web, address: 'http://a', auth: {bearer: abc}}":                                                                 "spec.metrics.auth.bearer: a release file must not contain a secret",
		"{source: web, address: 'http://a', auth: {headers: {authorization: abc}}}":                                               "headers.authorization: a release file must not",
		"{source: web, address: 'http://a', auth: {bearer: {env: A, file: b}}}":                                                   "expected one of env, file",
		"{source: web, address: 'http://a', auth: {bearer: {env: A}, basic: {user: b, password: {env: B}}}}":                      "a bearer token and a user",
		"{source: web, address: 'http://a', auth: {basic: {user: b}}}":                                                            "user and password belong together",
		"{source: web, address: 'http://a', tls: {cert: b}}":                                                                      "cert and key belong together",
		"{source: prometheus, address: 'http://a', canary: 'a=\"b\"', " + counted + "}":                                           "canary and stable belong together",
		"{source: prometheus, address: 'http://a', canary: 'a', " + counted + "}":                                                 "spec.metrics.canary: ",
		"{source: prometheus, address: 'http://a', canary: ' ', " + counted + "}":                                                 "expected a condition",
		"{source: azuremonitor, address: 'https://a', auth: {bearer: {env: A}}, " + counted + "}":                                 "logs in by itself",
	} {
		_, err := Parse("release.yml", []byte(head+"spec:\n  metrics: "+text+"\n"))
		if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "release.yml:4: ") {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
		if err != nil && strings.Contains(err.Error(), "abc") {
			t.Error("a secret is in", err)
		}
	}
}

// tenRatios returns ratios to append to others.
func tenRatios() string {
	text := ""
	for i := range 10 {
		text += fmt.Sprintf(", r%d: {bad: b, total: a}", i)
	}
	return text
}

// TestMetricsExamples reads the release files of examples/metrics, one for every source.
func TestMetricsExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/metrics/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[metric.SourceName]bool{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Parse(file, content)
		if err != nil {
			t.Error(err)
		}
		seen[r.Metrics.Source] = true
	}
	for _, name := range metric.SourceNames() {
		if !seen[name] {
			t.Errorf("there is no example of the source %s", name)
		}
	}
}

// TestThrottlingExample checks that examples/metrics/throttling.yml compares the versions, and
// that its margin means what its comment says: throttled periods of a version, in percent, against
// stable's.
func TestThrottlingExample(t *testing.T) {
	const file = "../../examples/metrics/throttling.yml"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(file, content)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(r.Metrics.Queries, func(q metric.Query) bool { return q.Kind == metric.KindGauge })
	if q := r.Metrics.Queries[at]; strings.Count(q.Gauge, "{$arm,") != 2 || !strings.HasPrefix(q.Gauge, "0.05 + (") || strings.Contains(q.Gauge, "\n") {
		t.Errorf("%+v", q)
	}
	for _, c := range []struct {
		canary, stable float64
		held           bool
	}{{0, 0, false}, {4, 0, false}, {6, 0, true}, {100, 0, true}, {24, 10, false}, {26, 10, true}, {0, 50, false}} {
		j, err := analysis.New(r.Analysis)
		if err != nil {
			t.Fatal(err)
		}
		held := false
		for i := range 60 {
			arm := func(requests int64) *analysis.Arm {
				return &analysis.Arm{Counts: analysis.Counts{Total: requests}}
			}
			d := j.Observe(analysis.Observation{
				Time: float64(15 * i), Weight: 1,
				Metrics: map[string]analysis.Pair{"errors": {Canary: arm(15), Stable: arm(1485)}},
				Gauges:  map[string]analysis.Gauge{"throttled": {Canary: .05 + c.canary/100, Stable: .05 + c.stable/100}},
			})
			held = held || d.Cause == analysis.Drift
		}
		if held != c.held {
			t.Errorf("%g %% against stable's %g %%: held %v", c.canary, c.stable, held)
		}
	}
}

// TestRoutesExample checks that examples/metrics/routes.yml finds and names a rare route that
// always fails, and that its settings are about its routes.
func TestRoutesExample(t *testing.T) {
	const file = "../../examples/metrics/routes.yml"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(file, content)
	if err != nil {
		t.Fatal(err)
	}
	for route, want := range map[string]string{"/cart": "errors{handler=/cart}: ", "/metrics": "errors: ", "/healthz": ""} {
		j, err := analysis.New(r.Analysis)
		if err != nil {
			t.Fatal(err)
		}
		tracker := metric.NewTracker(metric.Metrics(r.Metrics.Queries), time.Unix(0, 0))
		var d analysis.Decision
		for i := range 30 {
			read := metric.Reading{At: time.Unix(int64(15*i), 0), Complete: true}
			for arm, requests := range map[metric.Arm]float64{metric.Canary: 100, metric.Stable: 1900} {
				target := metric.Target{Name: string(arm), Arms: []metric.Arm{arm}, Scrapes: []metric.Scrape{{Time: read.At}}}
				for at, n := range map[string]float64{"/": requests, route: requests / 100} {
					code := "200"
					if at == route && arm == metric.Canary {
						code = "500"
					}
					values, err := r.Metrics.Queries[0].Values(arm, "", "http_requests_total", map[string]string{"handler": at, "code": code}, n*float64(i))
					if err != nil {
						t.Fatal(err)
					}
					target.Scrapes[0].Values = append(target.Scrapes[0].Values, values...)
				}
				read.Targets = append(read.Targets, target)
			}
			o := tracker.Observe(read, metric.Weight{Percent: 5}).Observation
			o.Weight = 5
			if d = j.Observe(o); d.Verdict == analysis.Reject {
				break
			}
		}
		if rejected := d.Verdict == analysis.Reject; rejected != (want != "") || rejected && !strings.HasPrefix(d.Reason, want) {
			t.Errorf("%s: %s: %s", route, d.Verdict, d.Reason)
		}
	}
}
