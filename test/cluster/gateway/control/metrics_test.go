package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	metrics "github.com/canarize/canarize/internal/metric/emissary"
	"github.com/canarize/canarize/internal/metric/scrape"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// admin is a gateway pod with only Envoy's admin interface.
type admin struct{ url string }

func (admin) Pods(context.Context) ([]scrape.Pod, error) {
	return []scrape.Pod{{Namespace: "emissary", Name: "gateway", Ready: true, Arms: metric.Arms()}}, nil
}

func (a admin) Page(ctx context.Context, _ scrape.Pod) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

// TestMetrics checks that the metric source counts every request through a real Envoy,
// including those that Envoy answers itself.
func TestMetrics(t *testing.T) {
	b := newTestbed(t, "web", "web-canary")
	web := mapping("web", nil)
	canary := func(weight int) map[string]any {
		return mapping("web-canary", map[string]any{"weight": weight, "timeout_ms": 200})
	}
	stats := func(mapping map[string]any) string {
		_, name := model.Names(mapping, b.controller.Options)
		return name
	}
	clusters := metrics.Clusters{metric.Canary: {stats(canary(0))}, metric.Stable: {stats(web)}}
	source, err := metrics.New(admin{"http://" + b.envoy.Admin + metrics.Path(slices.Concat(clusters[metric.Canary], clusters[metric.Stable]))}, clusters)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	reader := metric.Reader{Source: source, Tracker: metric.NewTracker(metric.Metrics(metrics.Queries()), now), Timeout: 5 * time.Second}
	var timed, fast int64 // requests of stable in the histogram, and those within a second
	read := func() analysis.Observation {
		t.Helper()
		out := reader.Read(t.Context(), now, metric.Weight{})
		if now = now.Add(15 * time.Second); !out.Ready || len(out.Troubles) > 0 {
			t.Errorf("%+v", out)
		}
		if h := out.Observation.Latency[metrics.Latency].Stable; h != nil {
			timed += h.Total
			fast += h.Below[slices.Index(h.Bounds, 1)]
		}
		return out.Observation
	}
	want := func(what string, canary, stable analysis.Counts) {
		t.Helper()
		pair := read().Metrics[metrics.Errors]
		if pair.Canary == nil || pair.Stable == nil || pair.Canary.Counts != canary || pair.Stable.Counts != stable {
			t.Errorf("%s: canary %+v, stable %+v; want %v and %v", what, pair.Canary, pair.Stable, canary, stable)
		}
	}
	upstream := func(status int, delay time.Duration) {
		u := b.upstreams["web-canary"]
		u.mu.Lock()
		defer u.mu.Unlock()
		u.status, u.delay = status, delay
	}

	b.apply(b.with(web, canary(0))...)
	read()
	want("nothing yet", analysis.Counts{}, analysis.Counts{})
	b.count(40, request{})
	want("without weight", analysis.Counts{}, analysis.Counts{Total: 40})
	b.apply(b.with(web, canary(100))...)
	b.count(20, request{})
	want("good ones", analysis.Counts{Total: 20}, analysis.Counts{})
	upstream(http.StatusServiceUnavailable, 0)
	b.count(8, request{})
	want("bad ones", analysis.Counts{Bad: 8, Total: 8}, analysis.Counts{})
	upstream(http.StatusNotFound, 0)
	b.count(4, request{})
	want("of the client's making", analysis.Counts{Total: 4}, analysis.Counts{})
	upstream(0, time.Second)
	b.count(4, request{})
	want("too late", analysis.Counts{Bad: 4, Total: 4}, analysis.Counts{})
	b.upstreams["web-canary"].server.CloseClientConnections()
	b.upstreams["web-canary"].server.Close()
	b.count(4, request{})
	want("nobody there", analysis.Counts{Bad: 4, Total: 4}, analysis.Counts{})
	// Envoy updates its histograms every five seconds.
	for deadline := time.Now().Add(time.Minute); timed < 40 && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		read()
	}
	if timed != 40 || fast != 40 {
		t.Errorf("the latency of %d requests of stable, and %d were fast; want 40", timed, fast)
	}
	fmt.Println("Envoy's statistics: every request counted, 5xx, timeouts and refused connections as bad")
}
