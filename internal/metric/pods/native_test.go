package pods_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/metrictest"
	"github.com/canarize/canarize/internal/metric/pods"
	"github.com/canarize/canarize/internal/metric/scrape"
)

// programs is a cluster whose pods are programs with the Go client library.
// They get the request that the queries lead to.
type programs struct {
	accept   string
	handlers map[string]http.Handler
}

func (p programs) Pods(ctx context.Context) ([]scrape.Pod, error) {
	names := pages{}
	for name := range p.handlers {
		names[name] = ""
	}
	return names.Pods(ctx)
}

func (p programs) Page(ctx context.Context, pod scrape.Pod) ([]byte, error) {
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", p.accept)
	answer := httptest.NewRecorder()
	p.handlers[pod.Name].ServeHTTP(answer, request)
	return io.ReadAll(answer.Body)
}

func latency(t *testing.T, text string) metric.Query {
	t.Helper()
	s, err := metric.ParseSelector(text)
	if err != nil {
		t.Fatal(err)
	}
	return metric.Query{Metric: metric.Metric{Name: "latency", Kind: metric.KindLatency}, Histogram: s, PerSecond: 1}
}

// program returns a histogram by path, and the page that has it.
func program(options prometheus.HistogramOpts) (*prometheus.HistogramVec, http.Handler) {
	options.Name = "seconds"
	h := prometheus.NewHistogramVec(options, []string{"path"})
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"custom_status"})
	requests.WithLabelValues("bad").Inc()
	registry := prometheus.NewRegistry()
	registry.MustRegister(h, requests)
	return h, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// TestNativeHistograms counts the requests of programs with different
// resolutions.
func TestNativeHistograms(t *testing.T) {
	queries := []metric.Query{ratio(t), latency(t, `seconds{path!="/healthz"}`)}
	fine, finePage := program(prometheus.HistogramOpts{NativeHistogramBucketFactor: 1.02})
	coarse, coarsePage := program(prometheus.HistogramOpts{NativeHistogramBucketFactor: 2, Buckets: prometheus.DefBuckets})
	source, err := pods.New(programs{pods.Accept(queries), map[string]http.Handler{"c1": coarsePage, "s1": finePage}}, queries)
	if err != nil {
		t.Fatal(err)
	}
	reader := metric.Reader{Source: source, Tracker: metric.NewTracker(metric.Metrics(queries), metrictest.Begin()), Timeout: time.Hour}
	for i := range 3 {
		out := reader.Read(t.Context(), metrictest.Begin().Add(time.Duration(15*i)*time.Second), metric.Weight{})
		if pair := out.Observation.Latency["latency"]; i == 2 {
			have := fmt.Sprint(count(pair.Canary.Bounds, pair.Canary.Below, .25), pair.Canary.Total, count(pair.Stable.Bounds, pair.Stable.Below, .25), pair.Stable.Total)
			if have != "1 2 3 5" || len(pair.Stable.Bounds) != 37 || len(out.Troubles) > 0 {
				t.Errorf("%s, %+v", have, out)
			}
		}
		for _, h := range []*prometheus.HistogramVec{fine, coarse} {
			h.WithLabelValues("/healthz").Observe(.1)
			h.WithLabelValues("/").Observe(.2)
			h.WithLabelValues("/more").Observe(.3)
		}
		fine.WithLabelValues("/").Observe(.0003)
		fine.WithLabelValues("/").Observe(.13)
		fine.WithLabelValues("/new").Observe(100)
		if i == 1 {
			continue
		}
		fine.WithLabelValues("/").Observe(1)
	}
}

// count returns the count up to a boundary, or -1 if there is none.
func count(bounds []float64, below []int64, bound float64) int64 {
	for i, b := range bounds {
		if b == bound {
			return below[i]
		}
	}
	return -1
}

// TestWrongKinds checks that the message says what to write instead.
func TestWrongKinds(t *testing.T) {
	observed := func(options prometheus.HistogramOpts) http.Handler {
		h, page := program(options)
		h.WithLabelValues("/").Observe(.2)
		return page
	}
	native := observed(prometheus.HistogramOpts{NativeHistogramBucketFactor: 1.1})
	text := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept", "text/plain")
		native.ServeHTTP(w, r)
	})
	classic := latency(t, "x")
	classic.Buckets, classic.Histogram = metric.Selector{Name: "seconds_bucket"}, metric.Selector{}
	for says, c := range map[string]struct {
		query metric.Query
		page  http.Handler
	}{
		"latency: the pod answers in the text format, which has no native histograms":     {latency(t, "seconds"), text},
		`seconds is a classic histogram; write buckets: seconds_bucket{path="/"} instead`: {latency(t, `seconds{path="/"}`), observed(prometheus.HistogramOpts{})},
		"requests_total is not a histogram":                                               {latency(t, "requests_total"), native},
		"if seconds is a native histogram, write histogram: seconds instead of buckets":   {classic, native},
		"no pod has the metric other yet":                                                 {latency(t, "other"), native},
	} {
		queries := []metric.Query{c.query}
		source, err := pods.New(programs{pods.Accept(queries), map[string]http.Handler{"c1": c.page}}, queries)
		if err != nil {
			t.Fatal(err)
		}
		r, err := source.Read(t.Context(), time.Time{}, metrictest.Begin())
		if have := fmt.Sprint(r.Targets[0].Err, r.Troubles, err); !strings.Contains(have, says) {
			t.Errorf("%s, want %q", have, says)
		}
	}
}
