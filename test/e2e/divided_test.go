//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/endpoint"
	promsource "github.com/canarize/canarize/internal/metric/prometheus"
)

// TestRoutesInPrometheus checks that a real Prometheus gives the counts of every route exactly,
// those of a route with odd characters and of one that appears later among them.
func TestRoutesInPrometheus(t *testing.T) {
	requests := map[metric.Arm]*prometheus.CounterVec{}
	servers := map[metric.Arm]*httptest.Server{}
	for _, arm := range metric.Arms() {
		registry := prometheus.NewRegistry()
		requests[arm] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"route", "code"})
		registry.MustRegister(requests[arm])
		servers[arm] = httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
		t.Cleanup(servers[arm].Close)
	}
	const odd = "x\"}\n結"
	random := rand.New(rand.NewPCG(3, 4))
	counted := map[string]map[metric.Arm]analysis.Counts{}
	serve := func(arm metric.Arm, route, name string, n int) {
		for range n {
			code, bad := "200", int64(0)
			if random.IntN(5) == 0 {
				code, bad = "500", 1
			}
			requests[arm].WithLabelValues(route, code).Inc()
			for _, metricName := range []string{"errors", name} {
				if counted[metricName] == nil {
					counted[metricName] = map[metric.Arm]analysis.Counts{}
				}
				c := counted[metricName][arm]
				counted[metricName][arm] = analysis.Counts{Bad: c.Bad + bad, Total: c.Total + 1}
			}
		}
	}
	for _, arm := range metric.Arms() {
		serve(arm, "/cart", "errors{route=/cart}", 50)
		serve(arm, odd, `errors{route=x"}\n結}`, 50)
	}
	server, err := endpoint.New(metric.Access{Address: startPrometheus(t, servers)}, func(string) string { return "" }, nil)
	if err != nil {
		t.Fatal(err)
	}
	total := metric.Selector{Name: "requests_total"}
	queries := []metric.Query{{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio, By: "route"}, Bad: total.With(metric.Equal("code", "500")), Total: total}}
	labels := map[metric.Arm][]metric.Matcher{}
	for _, arm := range metric.Arms() {
		labels[arm] = []metric.Matcher{metric.Equal("track", string(arm))}
	}
	opened := &metric.Opened{Source: promsource.New(server, promsource.Options{Queries: queries, Labels: labels}), Metrics: metric.Metrics(queries), Timeout: time.Minute}
	reader := opened.Reader(time.Now())
	read := func() map[string]analysis.Pair {
		return reader.Read(t.Context(), time.Now(), metric.Weight{}).Observation.Metrics
	}
	await(t, "the first counts", func() bool { p := read()["errors"]; return p.Canary != nil && p.Stable != nil })
	clear(counted)
	for _, arm := range metric.Arms() {
		serve(arm, "/cart", "errors{route=/cart}", 500)
		serve(arm, odd, `errors{route=x"}\n結}`, 200)
	}
	have := map[string]map[metric.Arm]analysis.Counts{}
	add := func() {
		for name, pair := range read() {
			if have[name] == nil {
				have[name] = map[metric.Arm]analysis.Counts{}
			}
			for arm, a := range map[metric.Arm]*analysis.Arm{metric.Canary: pair.Canary, metric.Stable: pair.Stable} {
				if a != nil {
					c := have[name][arm]
					have[name][arm] = analysis.Counts{Bad: c.Bad + a.Bad, Total: c.Total + a.Total}
				}
			}
		}
	}
	const late = "errors{route=/late}"
	for _, arm := range []metric.Arm{metric.Stable, metric.Canary} { // stable alone makes a route a metric
		serve(arm, "/late", late, 100)
		await(t, "the late route", func() bool { add(); return have[late][arm].Total >= 100 })
	}
	await(t, "all counts", func() bool {
		add()
		return have["errors"][metric.Canary].Total >= 800 && have["errors"][metric.Stable].Total >= 800
	})
	if !reflect.DeepEqual(counted, have) {
		t.Errorf("counted %v, want %v", have, counted)
	}
	fmt.Printf("Prometheus: %d metrics of routes counted exactly\n", len(have)-1)
}
