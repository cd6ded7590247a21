package prometheus_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/metric"
)

// serve answers every request with the same text and returns the last request.
func serve(t *testing.T, text string) (url string, asked func() http.Request) {
	t.Helper()
	var last http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		last = *r
		fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() http.Request { return last }
}

func matrix(series ...string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(series, ",") + `]}}`
}

func ratio(t *testing.T) metric.Query {
	return metric.Query{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio}, Bad: selector(t, `r{code="500"}`), Total: selector(t, "r")}
}

func now() time.Time { return time.Unix(1_700_000_000, 0) }

func TestGauges(t *testing.T) {
	gauge := metric.Query{Metric: metric.Metric{Name: "cpu", Kind: metric.KindGauge}, Gauge: `avg(cpu{$arm})`}
	for name, c := range map[string]struct {
		answer  string
		want    float64
		trouble string
	}{
		"the mean":   {matrix(`{"metric":{},"values":[[1,"1"],[2,"3"],[3,"NaN"]]}`), 2, ""},
		"no value":   {matrix(`{"metric":{},"values":[[3,"NaN"]]}`), math.NaN(), ""},
		"no series":  {matrix(), math.NaN(), ""},
		"two series": {matrix(`{"metric":{"a":"b"},"values":[]}`, `{"metric":{},"values":[]}`), math.NaN(), "cpu of canary: prometheus 127.0.0.1:"},
		"an error":   {`{"status":"error","errorType":"execution","error":"too many samples"}`, math.NaN(), "execution: too many samples"},
	} {
		t.Run(name, func(t *testing.T) {
			url, asked := serve(t, c.answer)
			reading, err := open(t, url, gauge).Read(t.Context(), now().Add(-20*time.Second), now())
			if err != nil {
				t.Fatal(err)
			}
			same := func(v float64) bool { return v == c.want || math.IsNaN(v) && math.IsNaN(c.want) }
			if g := reading.Gauges["cpu"]; !same(g.Canary) || !same(g.Stable) {
				t.Errorf("%+v", g)
			}
			if have := strings.Join(reading.Troubles, " "); !strings.Contains(have, c.trouble) || c.trouble == "" && have != "" {
				t.Errorf("%q, want %q", have, c.trouble)
			}
			r := asked()
			have := []string{r.URL.Path, r.Form.Get("query"), r.Form.Get("start"), r.Form.Get("end"), r.Form.Get("step")}
			want := []string{"/api/v1/query_range", `avg(cpu{version="sta\nble"})`, "1699999982.000", "1700000000.000", "2"}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWrongAnswers(t *testing.T) {
	for answer, says := range map[string]string{
		`{"status":"error","errorType":"bad_data","error":"parse error"}`:                              "bad_data: parse error",
		`{"status":"success","data":{"resultType":"vector","result":[]}}`:                              "is a vector, not a matrix",
		`{"status":"success","warnings":["store is away"],"data":{"resultType":"matrix","result":[]}}`: "the server warns: store is away",
		`[]`:                                   "not an answer of the Prometheus API",
		matrix(`{"metric":{},"values":[[1]]}`): "expected a sample such as",
		matrix(`{"metric":{},"values":[["x","1"]]}`):   "expected a sample such as",
		matrix(`{"metric":{},"values":[[1,"x"]]}`):     "expected a sample such as",
		matrix(`{"metric":{},"values":[[1e300,"1"]]}`): "expected a sample such as",
		matrix(`{"metric":7}`):                         "not an answer of the Prometheus API",
	} {
		url, _ := serve(t, answer)
		_, err := open(t, url, ratio(t)).Read(t.Context(), now(), now())
		if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "prometheus 127.0.0.1:") {
			t.Errorf("%s: %v, want %q", answer, err, says)
		}
	}
	url, _ := serve(t, matrix(`{"metric":{"__name__":"d_bucket","le":"fast"},"values":[[1,"1"]]}`))
	latency := metric.Query{Metric: metric.Metric{Name: "latency", Kind: metric.KindLatency}, Buckets: selector(t, "d_bucket"), PerSecond: 1}
	if _, err := open(t, url, latency).Read(t.Context(), now(), now()); err == nil || !strings.Contains(err.Error(), "classic histogram") {
		t.Error(err)
	}
}

// TestTargets checks that a target that is no longer scraped is gone, that a
// target that is scraped rarely is not, and that samples wait until they are in
// all answers.
func TestTargets(t *testing.T) {
	of := func(instance, code string, seconds ...int) string {
		var values []string
		for _, s := range seconds {
			values = append(values, fmt.Sprintf(`[%d,"1"]`, s))
		}
		return fmt.Sprintf(`{"metric":{"__name__":"r","instance":%q,"code":%q},"values":[%s]}`, instance, code, strings.Join(values, ","))
	}
	url, _ := serve(t, matrix(
		of("often", "200", 925, 940, 955, 970, 985, 1000), of("often", "500", 1000),
		of("rarely", "200", 940),
		of("gone", "200", 900, 915, 930),
	))
	reading, err := open(t, url, ratio(t)).Read(t.Context(), now(), now())
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int{}
	for _, target := range reading.Targets {
		have[target.Name] = len(target.Scrapes)
	}
	if diff := cmp.Diff(map[string]int{`target {instance="often"}`: 6, `target {instance="rarely"}`: 1}, have); diff != "" {
		t.Error(diff)
	}
	if reading.Complete {
		t.Error("Prometheus does not know of other targets")
	}

	// Prometheus was away; this is the first scrape after that.
	url, _ = serve(t, matrix(of("first", "200", 900, 915, 930, 1000), of("next", "200", 905, 920, 935), of("gone", "200", 855, 870)))
	if reading, err = open(t, url, ratio(t)).Read(t.Context(), now(), now()); err != nil {
		t.Fatal(err)
	}
	if len(reading.Targets) != 2 || reading.Targets[1].Name != `target {instance="next"}` {
		t.Errorf("after an outage of Prometheus: %+v", reading.Targets)
	}

	n := 0
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n++; n%2 == 1 { // the query for all requests of a version comes before that for bad requests
			fmt.Fprint(w, matrix(of("a", "200", 970, 985)))
			return
		}
		fmt.Fprint(w, strings.ReplaceAll(matrix(of("a", "500", 970, 985, 1000)), `"r"`, `"bad"`))
	}))
	defer late.Close()
	two := ratio(t)
	two.Bad = selector(t, "bad")
	reading, err = open(t, late.URL, two).Read(t.Context(), now(), now())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(reading.Targets[0].Scrapes); n != 2 {
		t.Errorf("%d scrapes, though the third is not in all answers", n)
	}
}

// TestSelectorCheck checks that the user is told about a label that no series has.
func TestSelectorCheck(t *testing.T) {
	url, _ := serve(t, matrix(`{"metric":{"__name__":"r","status":"500"},"values":[[1,"1"]]}`))
	reading, err := open(t, url, ratio(t)).Read(t.Context(), now(), now())
	if err != nil || len(reading.Troubles) != 1 || !strings.Contains(reading.Troubles[0], "has the label code") {
		t.Errorf("%q, %v", reading.Troubles, err)
	}
}
