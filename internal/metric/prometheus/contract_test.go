package prometheus_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/endpoint"
	"github.com/canarize/canarize/internal/metric/metrictest"
	"github.com/canarize/canarize/internal/metric/prometheus"
)

// odd returns label values that try to break out of their quotes.
func odd() map[metric.Arm]string {
	return map[metric.Arm]string{metric.Canary: `can"ary\} or vector(1) #`, metric.Stable: "sta\nble"}
}

func selector(t *testing.T, text string) metric.Selector {
	t.Helper()
	s, err := metric.ParseSelector(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, url string, queries ...metric.Query) *prometheus.Source {
	t.Helper()
	server, err := endpoint.New(metric.Access{Address: url, Bearer: metric.Secret{Env: "TOKEN"}}, metrictest.Getenv, nil)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[metric.Arm][]metric.Matcher{}
	for arm, value := range odd() {
		labels[arm] = []metric.Matcher{metric.Equal("version", value)}
	}
	return prometheus.New(server, prometheus.Options{Queries: queries, Labels: labels})
}

// TestContract queries once with the same name for bad and all requests, and
// once with two names.
func TestContract(t *testing.T) {
	for name, selectors := range map[string][2]string{
		"one name":  {`requests_total{code=~"5.."}`, "requests_total"},
		"two names": {"failures_total", "requests_total"},
	} {
		t.Run(name, func(t *testing.T) {
			metrictest.Run(t, metrictest.Harness{
				Secret: true,
				Answer: answer,
				Complaint: func(words string) string {
					return fmt.Sprintf(`{"status":"error","errorType":"internal","error":%q}`, words)
				},
				Open: func(t *testing.T, url string) metric.Source {
					return open(t, url, metric.Query{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio}, Bad: selector(t, selectors[0]), Total: selector(t, selectors[1])})
				},
				Divided: func(t *testing.T, url string) metric.Source {
					return open(t, url, metric.Query{Metric: metrictest.Divided(), Bad: selector(t, selectors[0]), Total: selector(t, selectors[1])})
				},
			})
		})
	}
}

// answer returns the answer of a Prometheus that scrapes one pod of each
// version.
func answer(r *http.Request, history []metrictest.Snapshot) string {
	name, rest, _ := strings.Cut(r.FormValue("query"), "{")
	inner, window, _ := strings.Cut(rest, "}[")
	if at := strings.LastIndex(rest, "}["); at >= 0 {
		inner, window = rest[:at], rest[at:]
	}
	matchers, err := metric.ParseMatchers(inner)
	if err != nil || !strings.HasSuffix(window, "s]") || r.URL.Path != "/api/v1/query" {
		return fmt.Sprintf(`{"status":"error","errorType":"bad_data","error":%q}`, r.FormValue("query"))
	}
	var result []string
	for arm, value := range odd() {
		for _, route := range metrictest.RoutesOf(history) {
			for _, code := range []string{"200", "500"} {
				labels := map[string]string{"__name__": name, "instance": string(arm), "version": value, "code": code, "route": route}
				values := samples(history, arm, route, name == "requests_total" && code == "200")
				selected := name == "requests_total" || name == "failures_total" && code == "500"
				for _, m := range matchers {
					selected = selected && m.Matches(labels[m.Label])
				}
				text, err := json.Marshal(labels)
				if err == nil && selected && len(values) > 0 {
					result = append(result, fmt.Sprintf(`{"metric":%s,"values":[%s]}`, text, strings.Join(values, ",")))
				}
			}
		}
	}
	return fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, strings.Join(result, ","))
}

// samples returns the counts of a route: of its good requests, or of its bad ones once there
// are any.
func samples(history []metrictest.Snapshot, arm metric.Arm, route string, good bool) (all []string) {
	for _, s := range history {
		counts, found := s.At(arm, route)
		count := counts.Bad
		if good {
			count = counts.Total - counts.Bad
		}
		if found && (good || counts.Bad != 0) {
			all = append(all, fmt.Sprintf("[%d.000,%q]", s.Time.Unix(), number(count)))
		}
	}
	return all
}

func number(v float64) string {
	if math.IsNaN(v) {
		return "NaN"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
