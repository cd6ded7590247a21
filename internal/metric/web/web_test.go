package web_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/endpoint"
	"github.com/canarize/canarize/internal/metric/metrictest"
	"github.com/canarize/canarize/internal/metric/web"
)

func open(t *testing.T, url string) *web.Source {
	t.Helper()
	server, err := endpoint.New(metric.Access{Address: url, Headers: map[string]metric.Secret{"X-Key": {Env: "KEY"}}}, metrictest.Getenv, nil)
	if err != nil {
		t.Fatal(err)
	}
	return web.New(server)
}

func TestContract(t *testing.T) {
	metrictest.Run(t, metrictest.Harness{
		Secret: true,
		Complaint: func(words string) string {
			return fmt.Sprintf(`{"time":1,"metrics":{"errors":{"canary":{"bad":%q}}}}`, words)
		},
		Open: func(t *testing.T, url string) metric.Source { return open(t, url) },
		Answer: func(_ *http.Request, history []metrictest.Snapshot) string {
			now := history[len(history)-1]
			counts := func(c metrictest.Counts) string {
				return strings.ReplaceAll(fmt.Sprintf(`{"bad":%v,"total":%v}`, c.Bad, c.Total), "NaN", `"NaN"`)
			}
			return fmt.Sprintf(`{"time":%d,"metrics":{"errors":{"canary":%s,"stable":%s}}}`, now.Time.Unix(), counts(now.Canary), counts(now.Stable))
		},
	})
}

// world is a server with changing answers, and the observations from them.
type world struct {
	t       *testing.T
	answer  string
	reader  metric.Reader
	seconds int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(to http.ResponseWriter, _ *http.Request) { fmt.Fprint(to, w.answer) }))
	t.Cleanup(server.Close)
	w.reader = metric.Reader{Source: open(t, server.URL), Tracker: metric.NewTracker(nil, metrictest.Begin()), Timeout: time.Hour}
	return w
}

func (w *world) read(answer string) metric.Outcome {
	w.answer = answer
	out := w.reader.Read(w.t.Context(), metrictest.Begin().Add(time.Duration(w.seconds)*time.Second), metric.Weight{})
	w.seconds += 15
	return out
}

func TestEverything(t *testing.T) {
	w := newWorld(t)
	w.read(`{"time":1,"metrics":{"errors":{"pods":{"canary":{"c1":{"bad":1,"total":5}},"stable":{"s1":{"bad":0,"total":50}}}}},
		"latency":{"slow":{"canary":{"0.1":3,"+Inf":5},"stable":{"0.1":40,"+Inf":50}}},"events":{"orders":{"canary":2,"stable":30},"logins":{"canary":0,"stable":9}},"gauges":{"cpu":{"canary":1,"stable":2}}}`)
	out := w.read(`{"time":2,"metrics":{"errors":{"pods":{"canary":{"c1":{"bad":2,"total":7},"c2":{"bad":1,"total":1}},"stable":{"s1":{"bad":0,"total":60}}}}},
		"latency":{"slow":{"canary":{"0.1":4,"+Inf":8},"stable":{"0.1":50,"+Inf":60}}},"events":{"orders":{"canary":3,"stable":37},"logins":{"canary":0,"stable":9}},"gauges":{"cpu":{"canary":3}}}`)
	arm := func(pods map[string]analysis.Counts, sum analysis.Counts) *analysis.Arm {
		return &analysis.Arm{Counts: sum, Pods: pods}
	}
	want := analysis.Observation{
		Time: 15,
		Metrics: map[string]analysis.Pair{"errors": {
			Canary: arm(map[string]analysis.Counts{"c1": {Bad: 1, Total: 2}, "c2": {Bad: 1, Total: 1}}, analysis.Counts{Bad: 2, Total: 3}),
			Stable: arm(map[string]analysis.Counts{"s1": {Total: 10}}, analysis.Counts{Total: 10}),
		}},
		Latency: map[string]analysis.HistogramPair{"slow": {
			Canary: &analysis.Histogram{Bounds: []float64{.1}, Below: []int64{1}, Total: 3},
			Stable: &analysis.Histogram{Bounds: []float64{.1}, Below: []int64{10}, Total: 10},
		}},
		Events: map[string]analysis.Events{"orders": {Canary: 1, Stable: 7}, "logins": {}},
		Gauges: map[string]analysis.Gauge{"cpu": {Canary: 3, Stable: math.NaN()}},
	}
	same := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
	if diff := cmp.Diff(want, out.Observation, same); diff != "" {
		t.Error(diff)
	}
}

func TestMissing(t *testing.T) {
	const whole = `{"time":1,"metrics":{"errors":{"canary":{"bad":0,"total":5},"stable":{"bad":0,"total":9}}}}`
	for answer, says := range map[string]string{
		`{"time":2}`: "errors: the answer has no counts for this metric",
		`{"time":2,"metrics":{"errors":{"stable":{"bad":0,"total":10}}}}`: ", canary: errors: the answer has no counts for this metric",
		`{"metrics":{}}`: `no "time"`,
		`{"time":2,"metrics":{"errors":{"canary":{"bad":0,"total":5},"stable":{"bad":0,"total":9}}},"events":{"orders":{"stable":1}}}`: ", canary: orders: the answer has no counts for this metric",
	} {
		w := newWorld(t)
		w.read(whole)
		out := w.read(answer)
		if have := strings.Join(out.Troubles, "; "); !strings.Contains(have, says) || out.Observation.Metrics["errors"].Canary != nil {
			t.Errorf("%s: %q, want %q", answer, have, says)
		}
	}
	w := newWorld(t)
	if out := w.read(`{"time":1}`); !strings.Contains(strings.Join(out.Troubles, "; "), "has no metrics") {
		t.Errorf("%+v", out)
	}
}

// TestSameAnswer checks that an answer from a cache is not counted, and that a
// new epoch restarts the counters.
func TestSameAnswer(t *testing.T) {
	w := newWorld(t)
	answer := func(time, total int, epoch string) string {
		return fmt.Sprintf(`{"time":%d,"epoch":%q,"metrics":{"errors":{"canary":{"bad":0,"total":%[3]d},"stable":{"bad":0,"total":%[3]d}}}}`, time, epoch, total)
	}
	w.read(answer(1, 5, "a"))
	if out := w.read(answer(1, 5, "a")); out.Ready {
		t.Errorf("%+v", out)
	}
	out := w.read(answer(2, 6, "b"))
	if a := out.Observation.Metrics["errors"].Canary; a == nil || a.Total != 6 {
		t.Errorf("%+v", out)
	}
}

// TestExample reads the answer in examples/metrics.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("../../../examples/metrics/web.json")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.read(string(text))
	out := w.read(strings.Replace(string(text), "1772366400", "1772366415", 1))
	if o := out.Observation; len(out.Troubles) > 0 || o.Metrics["orders"].Canary == nil || o.Latency["checkout"].Stable == nil || o.Gauges["queue"].Canary != 3.5 {
		t.Errorf("%+v", out)
	}
}
