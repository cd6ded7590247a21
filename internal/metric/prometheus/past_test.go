package prometheus_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/endpoint"
	"github.com/canarize/canarize/internal/metric/prometheus"
)

// stored is a series with its samples.
type stored struct {
	labels  string
	samples map[int]float64 // by second
}

// every returns samples of a counter, one every so many seconds.
func every(from, apart int, values ...float64) map[int]float64 {
	samples := map[int]float64{}
	for i, v := range values {
		samples[from+i*apart] = v
	}
	return samples
}

var rangeQuery = regexp.MustCompile(`^(\w+)\{.*\}\[(\d+)s\]$`)

// remembering is a Prometheus that answers range selectors from stored series.
func remembering(t *testing.T, all ...stored) (url string, asked *int) {
	t.Helper()
	asked = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		m := rangeQuery.FindStringSubmatch(r.FormValue("query"))
		at, err := strconv.ParseFloat(r.FormValue("time"), 64)
		if m == nil || err != nil || !strings.Contains(r.FormValue("query"), `track="stable"`) {
			t.Errorf("query %q at %q", r.FormValue("query"), r.FormValue("time"))
			return
		}
		window, _ := strconv.Atoi(m[2])
		var result []string
		for _, s := range all {
			var values []string
			for second := int(at) - window + 1; second <= int(at); second++ {
				if v, there := s.samples[second]; there {
					values = append(values, fmt.Sprintf(`[%d,"%v"]`, second, v))
				}
			}
			if len(values) > 0 && strings.Contains(s.labels, `"`+m[1]+`"`) {
				result = append(result, fmt.Sprintf(`{"metric":{%s},"values":[%s]}`, s.labels, strings.Join(values, ",")))
			}
		}
		fmt.Fprint(w, matrix(result...))
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func recalled(t *testing.T, url string, begin, end int, queries ...metric.Query) (metric.Past, error) {
	t.Helper()
	server, err := endpoint.New(metric.Access{Address: url}, func(string) string { return "" }, nil)
	if err != nil {
		t.Fatal(err)
	}
	source := prometheus.New(server, prometheus.Options{Queries: queries, PodLabel: "pod", Labels: map[metric.Arm][]metric.Matcher{
		metric.Canary: {metric.Equal("track", "canary")}, metric.Stable: {metric.Equal("track", "stable")},
	}})
	return metric.Recall(t.Context(), source, metric.Recalling{
		Metrics: metric.Metrics(queries), Begin: time.Unix(int64(begin), 0), End: time.Unix(int64(end), 0),
		Interval: 15 * time.Second, Timeout: time.Minute,
	})
}

func requests(pod, code string, samples map[int]float64) stored {
	return stored{fmt.Sprintf(`"__name__":"r","pod":%q,"instance":%q,"code":%q`, pod, pod, code), samples}
}

// counts returns "BAD/TOTAL" of a pod's steps, "-" where it was not measured.
func counts(p metric.PastPod) string {
	var all []string
	for _, s := range p.Steps {
		text := "-"
		if s.Measured {
			text = fmt.Sprintf("%d/%d", s.Ratios[0].Bad, s.Ratios[0].Total)
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// TestPastOfPods checks the increments of pods whose counters restart, that miss scrapes,
// that come, and that go.
func TestPastOfPods(t *testing.T) {
	const from = 1_000_005
	late := every(from, 15, 100, 110, 120)
	for second, v := range every(from+75, 15, 150, 160, 170, 180, 190) {
		late[second] = v // two scrapes are missing
	}
	away := every(from, 15, 10, 20)
	for second, v := range every(from+30+15*15, 15, 500, 510) {
		away[second] = v // more than ten are
	}
	url, _ := remembering(t,
		requests("a", "200", every(from, 15, 1000, 1010, 1020, 1030, 5, 15, 25)),
		requests("a", "500", every(from+15, 15, 2, 4, 4, 1, 1, 1)),
		requests("b", "200", late),
		requests("c", "200", every(from+60, 15, 70, 75, 80)),
		requests("d", "200", away),
	)
	past, err := recalled(t, url, from-5, from+25*15, ratio(t))
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, p := range past.Pods {
		text := counts(p)
		have[p.Name] = fmt.Sprintf("%d: %s", p.First, strings.TrimRight(text, " -"))
	}
	want := map[string]string{
		"a": "0: - 2/12 2/12 0/10 1/6 0/10 0/10",
		"b": "0: - 0/10 0/10 - - 0/30 0/10 0/10 0/10 0/10",
		"c": "4: - - - - - 0/5 0/5",
		"d": "0: - 0/10 - - - - - - - - - - - - - - - - 0/10",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	if past.Step != 15*time.Second || past.Steps != 25 {
		t.Errorf("%d steps of %s", past.Steps, past.Step)
	}
}

// TestPastInPortions checks that nothing is lost or counted twice between two answers, and
// that the step is as long as the time between scrapes.
func TestPastInPortions(t *testing.T) {
	const from, n = 1_000_000, 200
	samples := map[int]float64{}
	for i := range n {
		samples[from+30*i] = float64(7 * i)
	}
	url, asked := remembering(t, requests("a", "200", samples))
	past, err := recalled(t, url, from-3600, from+30*n, ratio(t))
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, s := range past.Pods[0].Steps {
		if s.Measured {
			total += s.Ratios[0].Total
		}
	}
	if total != 7*(n-1) || past.Step != 30*time.Second {
		t.Errorf("%d requests in steps of %s, want %d", total, past.Step, 7*(n-1))
	}
	if *asked < 4 {
		t.Errorf("%d queries", *asked)
	}
}

func TestPastOfHistograms(t *testing.T) {
	const from = 1_000_000
	bucket := func(pod, le string, values ...float64) stored {
		return stored{fmt.Sprintf(`"__name__":"d_bucket","pod":%q,"instance":%q,"le":%q`, pod, pod, le), every(from, 15, values...)}
	}
	url, _ := remembering(t,
		bucket("a", "100", 5, 10, 20), bucket("a", "250", 5, 11, 22), bucket("a", "+Inf", 6, 13, 26),
		bucket("b", "100", 1, 1, 4), bucket("b", "+Inf", 1, 2, 6),
	)
	latency := metric.Query{Metric: metric.Metric{Name: "latency", Kind: metric.KindLatency}, Buckets: selector(t, "d_bucket"), PerSecond: 1000}
	past, err := recalled(t, url, from-5, from+45, latency)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]metric.Buckets{{Name: "latency", Bounds: []float64{.1, math.Inf(1)}}}, past.Latencies); diff != "" {
		t.Error(diff)
	}
	want := []metric.PastStep{{}, {Measured: true, Below: [][]int64{{5, 7}}}, {Measured: true, Below: [][]int64{{10, 13}}}}
	if diff := cmp.Diff(want, past.Pods[0].Steps); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]analysis.Counts(nil), past.Pods[1].Steps[1].Ratios); diff != "" || past.Pods[1].Steps[1].Below[0][1] != 1 {
		t.Errorf("%+v", past.Pods[1].Steps)
	}
}

func TestPastRefuses(t *testing.T) {
	url, _ := remembering(t, stored{`"__name__":"r","instance":"gateway","code":"200"`, every(1_000_000, 15, 1, 2, 3)})
	if _, err := recalled(t, url, 999_990, 1_000_060, ratio(t)); err == nil || !strings.Contains(err.Error(), "do not name their pods") {
		t.Error(err)
	}
	empty, _ := remembering(t)
	if past, err := recalled(t, empty, 999_000, 1_000_500, ratio(t)); err != nil || len(past.Pods) != 0 || past.Length() != 1500*time.Second {
		t.Errorf("%+v, %v", past, err)
	}
	if _, err := recalled(t, empty, 0, 1_000_000_000, ratio(t)); err == nil || !strings.Contains(err.Error(), "choose a shorter time") {
		t.Error(err)
	}
	for answer, says := range map[string]string{
		`{"status":"error","errorType":"execution","error":"query processing would load too many samples"}`: "execution: query processing would load too many samples",
		`{"status":"success","warnings":["store is away"],"data":{"resultType":"matrix","result":[]}}`:      "the server warns: store is away",
	} {
		url, _ := serve(t, answer)
		if _, err := recalled(t, url, 999_990, 1_000_060, ratio(t)); err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "prometheus 127.0.0.1:") {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
