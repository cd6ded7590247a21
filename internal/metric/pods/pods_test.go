package pods_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/metrictest"
	"github.com/canarize/canarize/internal/metric/pods"
	"github.com/canarize/canarize/internal/metric/scrape"
)

func ratio(t *testing.T) metric.Query {
	t.Helper()
	bad, err := metric.ParseSelector(`requests_total{custom_status="bad"}`)
	if err != nil {
		t.Fatal(err)
	}
	return metric.Query{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio}, Bad: bad, Total: metric.Selector{Name: "requests_total"}}
}

func open(t *testing.T, c scrape.Cluster, queries ...metric.Query) *pods.Source {
	t.Helper()
	s, err := pods.New(c, queries)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// server is a cluster with one pod of each version, whose pages come from a
// test server.
type server string

func (s server) Pods(context.Context) ([]scrape.Pod, error) {
	return []scrape.Pod{
		{Namespace: "shop", Name: "canary", Ready: true, Arms: []metric.Arm{metric.Canary}},
		{Namespace: "shop", Name: "stable", Ready: true, Arms: []metric.Arm{metric.Stable}},
	}, nil
}

func (s server) Page(ctx context.Context, p scrape.Pod) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, string(s)+"/"+p.Name, nil)
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

func TestContract(t *testing.T) {
	metrictest.Run(t, metrictest.Harness{
		Open: func(t *testing.T, url string) metric.Source { return open(t, server(url), ratio(t)) },
		Divided: func(t *testing.T, url string) metric.Source {
			q := ratio(t)
			q.Metric = metrictest.Divided()
			return open(t, server(url), q)
		},
		Answer: func(r *http.Request, history []metrictest.Snapshot) string {
			page := "# TYPE requests_total counter\nup 1\n"
			for _, route := range metrictest.RoutesOf(history) {
				counts, found := history[len(history)-1].At(metric.Arm(strings.TrimPrefix(r.URL.Path, "/")), route)
				escaped := strings.NewReplacer("\\", `\\`, "\n", `\n`, `"`, `\"`).Replace(route)
				if found {
					page += fmt.Sprintf("requests_total{custom_status=\"good\",route=\"%s\"} %v\n", escaped, counts.Total-counts.Bad)
				}
				if counts.Bad != 0 {
					page += fmt.Sprintf("requests_total{custom_status=\"bad\",route=\"%s\"} %v\n", escaped, counts.Bad)
				}
			}
			return page
		},
	})
}

// pages is a cluster with fixed pages by POD. The pods of the canary have names
// that begin with c.
type pages map[string]string

func (p pages) Pods(context.Context) (all []scrape.Pod, err error) {
	if p == nil {
		return nil, errors.New("the API server is away")
	}
	for name := range p {
		arm := metric.Stable
		if strings.HasPrefix(name, "c") {
			arm = metric.Canary
		}
		all = append(all, scrape.Pod{Namespace: "shop", Name: name, Ready: name != "c-unready", Arms: []metric.Arm{arm}})
	}
	return all, nil
}

func (p pages) Page(_ context.Context, pod scrape.Pod) ([]byte, error) {
	return []byte(p[pod.Name]), nil
}

func read(t *testing.T, p pages, queries ...metric.Query) metric.Reading {
	t.Helper()
	s, err := pods.New(p, queries)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Read(t.Context(), time.Time{}, metrictest.Begin())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPods(t *testing.T) {
	r := read(t, pages{"c1": "requests_total 5\n", "c-unready": "", "s1": "requests_total{custom_status=\"bad\"} 7\n"}, ratio(t))
	have := map[string][]metric.Value{}
	for _, target := range r.Targets {
		if target.Err != nil {
			if !target.Optional || target.Name != "Pod shop/c-unready" {
				t.Errorf("%+v", target)
			}
			continue
		}
		have[target.Name] = target.Scrapes[0].Values
	}
	value := func(arm metric.Arm, pod string, part metric.Part, series string, count float64) metric.Value {
		return metric.Value{Metric: "errors", Arm: arm, Pod: pod, Part: part, Series: series, Count: count}
	}
	const bad = `requests_total{custom_status="bad"}`
	want := map[string][]metric.Value{
		"Pod shop/c1": {value(metric.Canary, "c1", metric.Total, "requests_total{}", 5)},
		"Pod shop/s1": {value(metric.Stable, "s1", metric.Total, bad, 7), value(metric.Stable, "s1", metric.Bad, bad, 7)},
	}
	if diff := cmp.Diff(want, have); diff != "" || !r.Complete || len(r.Troubles) > 0 {
		t.Error(diff, r.Troubles)
	}
}

func TestTroubles(t *testing.T) {
	for says, page := range map[string]string{
		"errors: no pod has the metric requests_total yet": "up 1\n",
		"has the label custom_status":                      "requests_total{status=\"bad\"} 1\n",
	} {
		r := read(t, pages{"c1": page}, ratio(t))
		if len(r.Troubles) != 1 || !strings.Contains(r.Troubles[0], says) {
			t.Errorf("%q, want %q", r.Troubles, says)
		}
	}
	s, err := pods.New(pages(nil), []metric.Query{ratio(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context(), time.Time{}, time.Time{}); err == nil || err.Error() != "pods: the API server is away" {
		t.Error(err)
	}
}

func TestGauges(t *testing.T) {
	gauge := func(name, of string) metric.Query {
		return metric.Query{Metric: metric.Metric{Name: name, Kind: metric.KindGauge}, Gauge: of}
	}
	r := read(t, pages{"c1": "queue{a=\"b\"} 2\nqueue{a=\"c\"} 3\nqueue{a=\"no\"} 9\n", "c2": "queue{a=\"b\"} 1\n", "s1": "other 1\n"}, gauge("waiting", `queue{a!="no"}`))
	have := r.Gauges["waiting"]
	if have.Canary != 3 || !math.IsNaN(have.Stable) {
		t.Errorf("%+v, want 3 for the canary", have)
	}
	if _, err := pods.New(pages{}, []metric.Query{gauge("waiting", "sum(queue)")}); err == nil || !strings.Contains(err.Error(), "gauge waiting: ") {
		t.Error(err)
	}
}
