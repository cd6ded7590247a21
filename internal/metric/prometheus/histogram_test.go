package prometheus_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/metric"
)

func latency(t *testing.T, name string) metric.Query {
	return metric.Query{Metric: metric.Metric{Name: "latency", Kind: metric.KindLatency}, Histogram: selector(t, name), PerSecond: 1}
}

func classic(t *testing.T, name string) metric.Query {
	q := latency(t, "x")
	q.Buckets, q.Histogram = selector(t, name), metric.Selector{}
	return q
}

// answers serves the matrix for each query that contains a text, and the
// metadata of the metric d.
func answers(t *testing.T, kind string, byQuery map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/metadata" {
			fmt.Fprintf(w, `{"status":"success","data":{%q:[{"type":%q,"help":"","unit":""}]}}`, r.FormValue("metric"), kind)
			return
		}
		for text, answer := range byQuery {
			if strings.HasPrefix(r.FormValue("query"), text) {
				fmt.Fprint(w, answer)
				return
			}
		}
		fmt.Fprint(w, matrix())
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestNativeHistogram checks the increments of a histogram whose resolution
// fell between two scrapes.
func TestNativeHistogram(t *testing.T) {
	const first = `[1699999985.25,{"count":"3","sum":"1.5","buckets":[[3,"-0.001","0.001","1"],[0,"0.5","0.7071067811865476","2"]]}]`
	const second = `[1700000000,{"count":"9","sum":"9","buckets":[[1,"-2","-1","1"],[3,"-0.001","0.001","1"],[0,"0.5","1","3"],[0,"2","4","3"],[0,"8","+Inf","1"]]}]`
	answer := func(samples string) map[string]string {
		return map[string]string{`d{path="/",version=`: matrix(`{"metric":{"__name__":"d","instance":"a","path":"/"},"histograms":[` + samples + `]}`)}
	}
	byQuery := answer(first)
	source := open(t, answers(t, "histogram", byQuery), latency(t, `d{path="/"}`))
	reader := metric.Reader{Source: source, Tracker: metric.NewTracker([]metric.Metric{{Name: "latency", Kind: metric.KindLatency}}, now()), Timeout: time.Hour}
	reader.Read(t.Context(), now().Add(-14*time.Second), metric.Weight{})
	maps.Copy(byQuery, answer(first+","+second))
	out := reader.Read(t.Context(), now(), metric.Weight{})
	h := out.Observation.Latency["latency"].Stable
	if h == nil || len(out.Troubles) > 0 {
		t.Fatalf("%+v", out)
	}
	have := map[float64]int64{}
	for i, b := range h.Bounds {
		have[b] = h.Below[i]
	}
	if h.Total != 6 || have[.5] != 1 || have[1] != 2 || have[2] != 2 || have[4] != 5 || have[16] != 5 || h.Bounds[0] < .001 {
		t.Errorf("%+v", h)
	}
}

// TestWrongKinds checks that the error says what to write instead.
func TestWrongKinds(t *testing.T) {
	numbers := matrix(`{"metric":{"__name__":"d"},"values":[[1,"1"]]}`)
	histograms := func(buckets string) string {
		return matrix(`{"metric":{"__name__":"d"},"histograms":[[1,{"count":"3","sum":"2","buckets":[` + buckets + `]}]]}`)
	}
	fine := histograms(`[0,"0.5","1","3"]`)
	for says, c := range map[string]struct {
		query   metric.Query
		kind    string
		answers map[string]string
	}{
		"d is a gauge histogram":                                                    {latency(t, "d"), "gaugehistogram", map[string]string{"d{": fine}},
		"for a classic histogram write buckets: NAME_bucket instead":                {latency(t, "d"), "", map[string]string{"d{": numbers}},
		"the server has d only as a classic histogram; write buckets: d_bucket":     {latency(t, "d"), "", map[string]string{"group(d_bucket{": numbers}},
		`only as a native histogram; write histogram: d{code!="1"} instead`:         {classic(t, `d_bucket{code!="1"}`), "", map[string]string{`group(histogram_count(d{code!="1",`: numbers}},
		"that Prometheus has converted; let Prometheus keep the classic one":        {latency(t, "d"), "", map[string]string{"d{": histograms(`[0,"0.1","0.25","3"],[0,"0.25","0.5","3"]`)}},
		"more than it has in total":                                                 {latency(t, "d"), "", map[string]string{"d{": histograms(`[0,"0.5","1","4"]`)}},
		"r is a native histogram; only a latency can be one":                        {ratio(t), "", map[string]string{"r{": strings.ReplaceAll(fine, `"d"`, `"r"`)}},
		"expected a native histogram such as":                                       {latency(t, "d"), "", map[string]string{"d{": histograms(`[0,"0.5","1"]`)}},
		"d_bucket has no boundary but +Inf; if d is a native histogram, write hist": {classic(t, "d_bucket"), "", map[string]string{"d_bucket{": matrix(`{"metric":{"__name__":"d_bucket","le":"+Inf"},"values":[[1,"1"]]}`)}},
	} {
		reading, err := open(t, answers(t, c.kind, c.answers), c.query).Read(t.Context(), now(), now())
		if have := fmt.Sprint(reading.Troubles, err); !strings.Contains(have, says) {
			t.Errorf("%s, want %q", have, says)
		}
	}
	for name, q := range map[string]metric.Query{"native": latency(t, "d"), "classic": classic(t, "d_bucket")} {
		if _, err := open(t, answers(t, "", nil), q).Read(t.Context(), now(), now()); err != nil {
			t.Errorf("%s without series: %v", name, err)
		}
	}
}
