package emissary_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/emissary"
	"github.com/canarize/canarize/internal/metric/metrictest"
	"github.com/canarize/canarize/internal/metric/scrape"
)

func clusters() emissary.Clusters {
	return emissary.Clusters{metric.Canary: {"web_canary_default"}, metric.Stable: {"web_default", "web_other"}}
}

// gateway is a cluster with one gateway pod, whose admin interface is a test
// server.
type gateway struct {
	url   string
	ready bool
}

func (g gateway) Pods(context.Context) ([]scrape.Pod, error) {
	return []scrape.Pod{{Namespace: "emissary", Name: "gateway", Ready: g.ready, Arms: metric.Arms()}}, nil
}

func (g gateway) Page(ctx context.Context, _ scrape.Pod) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+emissary.Path(clusters().Names()), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, scrape.Limit+1))
}

func open(t *testing.T, g gateway) *emissary.Source {
	t.Helper()
	s, err := emissary.New(g, clusters())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	metrictest.Run(t, metrictest.Harness{
		Open: func(t *testing.T, url string) metric.Source { return open(t, gateway{url, true}) },
		Answer: func(_ *http.Request, history []metrictest.Snapshot) string {
			page := "envoy_server_live{} 1\nenvoy_cluster_upstream_rq_xx{envoy_response_code_class=\"5\",envoy_cluster_name=\"alien\"} 77\n"
			for arm, names := range clusters() {
				counts := history[len(history)-1].Of(arm)
				page += fmt.Sprintf("envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=%q} %v\n", names[0], counts.Total-counts.Bad)
				if counts.Bad != 0 {
					page += fmt.Sprintf("envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"5\",envoy_cluster_name=%q} %v\n", names[0], counts.Bad)
				}
			}
			return page
		},
	})
}

func TestPath(t *testing.T) {
	where, err := url.Parse(emissary.Path(emissary.Clusters{metric.Canary: {"b_1"}, metric.Stable: {"a", "a"}}.Names()))
	if err != nil {
		t.Fatal(err)
	}
	query := where.Query()
	if where.Path != "/stats/prometheus" || !query.Has("usedonly") {
		t.Error(where)
	}
	filter := regexp.MustCompile(query.Get("filter"))
	for name, want := range map[string]bool{
		"cluster.a.upstream_rq_2xx": true, "cluster.b_1.upstream_rq_5xx": true, "cluster.b_1.upstream_rq_time": true, "server.live": true, "cluster.a.upstream_rq_retry": true,
		"cluster.a.retry.upstream_rq_5xx": false, "cluster.a.upstream_rq_retry_success": false,
		"cluster.a.upstream_rq_200": false, "cluster.ab.upstream_rq_2xx": false, "cluster.a.external.upstream_rq_2xx": false,
		"cluster.a.upstream_rq_timeout": false, "xcluster.a.upstream_rq_2xx": false, "server.live_x": false,
	} {
		if filter.MatchString(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// TestPathOfMany: the page of many clusters has those of all, and does not grow.
func TestPathOfMany(t *testing.T) {
	var names []string
	for n := range 1000 {
		names = append(names, fmt.Sprint("cluster_", n))
	}
	path := emissary.Path(names)
	where, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	filter := regexp.MustCompile(where.Query().Get("filter"))
	for name, want := range map[string]bool{"cluster.cluster_999.upstream_rq_2xx": true, "server.live": true, "cluster.cluster_999.upstream_cx_total": false} {
		if filter.MatchString(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if len(path) > 200 {
		t.Errorf("%d bytes", len(path))
	}
}

func TestRefuses(t *testing.T) {
	for says, c := range map[string]emissary.Clusters{
		"no route leads to canary":             {metric.Stable: {"a"}},
		"no route leads to stable":             {metric.Canary: {"a"}},
		"Envoy counts both versions as shared": {metric.Canary: {"a", "shared"}, metric.Stable: {"shared"}},
	} {
		if _, err := emissary.New(gateway{}, c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if _, err := open(t, gateway{"http://127.0.0.1:1", false}).Read(t.Context(), time.Time{}, time.Time{}); err == nil || !strings.Contains(err.Error(), "no gateway pod is ready") {
		t.Error(err)
	}
}

func TestLatency(t *testing.T) {
	page := `envoy_server_live{} 1
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="web_canary_default",le="25"} 3
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="web_canary_default",le="+Inf"} 4
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="web_canary_default"} 99
`
	s, err := emissary.New(written(page), clusters())
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Read(t.Context(), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	value := func(bound float64, le string, count float64) metric.Value {
		return metric.Value{Metric: emissary.Latency, Arm: metric.Canary, Part: metric.Bucket, Bound: bound, Count: count,
			Series: fmt.Sprintf(`envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="web_canary_default",le=%q}`, le)}
	}
	if diff := cmp.Diff([]metric.Value{value(.025, "25", 3), value(math.Inf(1), "+Inf", 4)}, r.Targets[0].Scrapes[0].Values); diff != "" {
		t.Error(diff)
	}
	s, err = emissary.New(written("go_threads 7\n"), clusters())
	if err != nil {
		t.Fatal(err)
	}
	r, err = s.Read(t.Context(), time.Time{}, time.Time{})
	if err != nil || r.Targets[0].Err == nil || !strings.Contains(r.Targets[0].Err.Error(), "is it an Envoy?") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRetries checks that failed attempts that Envoy repeats are a metric from
// the interval on in which the first one is seen, with its counts alone. The
// lines are those of Envoy 1.40 with a retry policy.
func TestRetries(t *testing.T) {
	page := func(repeated string, responses int) string {
		text := "envoy_server_live{} 1\n" + repeated
		for _, cluster := range []string{"web_canary_default", "web_default"} {
			text += fmt.Sprintf("envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=%q} %d\n", cluster, responses)
		}
		return text
	}
	retry := func(n int) string {
		return fmt.Sprintf("envoy_cluster_retry_upstream_rq_xx{envoy_response_code_class=\"5\",envoy_cluster_name=\"web_canary_default\"} %d\nenvoy_cluster_upstream_rq_retry{envoy_cluster_name=\"web_canary_default\"} %d\n", n, n)
	}
	var now written
	s, err := emissary.New(&now, clusters())
	if err != nil {
		t.Fatal(err)
	}
	reader := (&metric.Opened{Source: s, Metrics: metric.Metrics(emissary.Queries()), Timeout: time.Hour}).Reader(metrictest.Begin())
	for i, c := range []struct{ page, canary, stable string }{
		{page("", 1000), "", ""},
		{page("", 1100), "", ""},
		{page(retry(7), 1130), "7 of 30", "0 of 30"},
		{page(retry(8), 1150), "1 of 20", "0 of 20"},
	} {
		now = written(c.page)
		out := reader.Read(t.Context(), metrictest.Begin().Add(time.Duration(i)*15*time.Second), metric.Weight{})
		pair, found := out.Observation.Metrics[emissary.Retries]
		if found != (c.canary != "") {
			t.Errorf("%d: %+v", i, out.Observation)
		}
		if !found {
			continue
		}
		have := [2]string{fmt.Sprintf("%d of %d", pair.Canary.Bad, pair.Canary.Total), fmt.Sprintf("%d of %d", pair.Stable.Bad, pair.Stable.Total)}
		if have != [2]string{c.canary, c.stable} || out.Observation.Metrics[emissary.Errors].Canary.Bad != 0 {
			t.Errorf("%d: %v, %+v", i, have, out.Observation)
		}
	}
}

// TestClientErrors checks that responses of class 4xx are events, from an interval without any
// on, and that they are no errors.
func TestClientErrors(t *testing.T) {
	page := func(served, canary, stable int) written {
		text := "envoy_server_live{} 1\n"
		for cluster, refused := range map[string]int{"web_canary_default": canary, "web_default": stable} {
			text += fmt.Sprintf("envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=%q} %d\n", cluster, served)
			if refused > 0 {
				text += fmt.Sprintf("envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"4\",envoy_cluster_name=%q} %d\n", cluster, refused)
			}
		}
		return written(text)
	}
	var now written
	s, err := emissary.New(&now, clusters())
	if err != nil {
		t.Fatal(err)
	}
	reader := (&metric.Opened{Source: s, Metrics: metric.Metrics(emissary.Queries()), Timeout: time.Hour}).Reader(metrictest.Begin())
	for i, c := range []struct {
		page written
		want analysis.Events
	}{
		{page(100, 0, 0), analysis.Events{}},
		{page(200, 0, 0), analysis.Events{}},
		{page(300, 0, 7), analysis.Events{Stable: 7}},
		{page(400, 2, 9), analysis.Events{Canary: 2, Stable: 2}},
	} {
		now = c.page
		out := reader.Read(t.Context(), metrictest.Begin().Add(time.Duration(i)*15*time.Second), metric.Weight{}).Observation
		if have, found := out.Events[metric.ClientErrors]; found != (i > 0) || have != c.want {
			t.Errorf("%d: %+v", i, out)
		}
		if errors := out.Metrics[emissary.Errors]; i > 0 && (errors.Canary.Bad != 0 || errors.Stable.Bad != 0 || errors.Canary.Total != 100+c.want.Canary) {
			t.Errorf("%d: %+v of %+v", i, errors.Canary, errors.Stable)
		}
	}
}

// written is a gateway pod with one page.
type written string

func (written) Pods(context.Context) ([]scrape.Pod, error) {
	return []scrape.Pod{{Namespace: "emissary", Name: "gateway", Ready: true, Arms: metric.Arms()}}, nil
}

func (w written) Page(context.Context, scrape.Pod) ([]byte, error) { return []byte(w), nil }

// TestResponses: the responses of all classes count, by cluster, and nothing else does.
func TestResponses(t *testing.T) {
	const page = `envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="a"} 40
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="a"} 2
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="b"} NaN
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="25"} 42
`
	if counts, err := emissary.Responses([]byte(page)); err != nil || counts["a"] != 42 || counts["b"] != 0 {
		t.Errorf("%v, %v", counts, err)
	}
	if _, err := emissary.Responses([]byte("<html>")); err == nil {
		t.Error("no error for a page that is no metrics")
	}
}
