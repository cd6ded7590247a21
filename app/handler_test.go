package main

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// seeded returns a random source that draws the same numbers in every run.
func seeded() func() float64 {
	return rand.New(rand.NewPCG(20, 26)).Float64
}

func get(handler http.Handler, method, target string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(method, target, nil))
	return answer
}

// counted reads one line of /metrics, as Prometheus would.
func counted(t *testing.T, app *application, status string) string {
	t.Helper()
	want := `requests_total{custom_status="` + status + `"} `
	for line := range strings.Lines(get(app.metricsRoutes(), "GET", "/metrics").Body.String()) {
		if value, found := strings.CutPrefix(line, want); found {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no series %s", want)
	return ""
}

func TestRoutes(t *testing.T) {
	for name, test := range map[string]struct {
		rate           float64
		method, target string
		status         int
		body           string
	}{
		"good":            {100, "GET", "/", 200, "Hello World!"},
		"bad":             {0, "GET", "/", 500, "Internal Server Error"},
		"query":           {100, "GET", "/?a=b", 200, "Hello World!"},
		"head":            {100, "HEAD", "/", 200, "Hello World!"},
		"other method":    {100, "POST", "/", 405, "Method Not Allowed\n"},
		"other path":      {100, "GET", "/other", 404, "404 page not found\n"},
		"health":          {0, "GET", "/healthz", 200, "ok"},
		"readiness":       {0, "GET", "/readyz", 200, "ok"},
		"metrics of this": {100, "GET", "/metrics", 404, "404 page not found\n"},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApplication(config{successRate: test.rate, version: "7"}, seeded())
			answer := get(app.routes(), test.method, test.target)
			if answer.Code != test.status || answer.Body.String() != test.body {
				t.Errorf("got %d %q, want %d %q", answer.Code, answer.Body, test.status, test.body)
			}
			if got := answer.Header().Get("X-Version"); got != "7" {
				t.Errorf("X-Version is %q", got)
			}
			if got := answer.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type is %q", got)
			}
		})
	}
}

func TestNoVersionNoHeader(t *testing.T) {
	answer := get(newApplication(config{}, seeded()).routes(), "GET", "/")
	if _, set := answer.Header()["X-Version"]; set {
		t.Error("X-Version is set without VERSION")
	}
}

func TestMetricsExistFromTheStart(t *testing.T) {
	app := newApplication(config{successRate: 100}, seeded())
	if good, bad := counted(t, app, "good"), counted(t, app, "bad"); good != "0" || bad != "0" {
		t.Errorf("good %s, bad %s; want 0 and 0", good, bad)
	}
	get(app.routes(), "GET", "/")
	get(app.routes(), "GET", "/healthz")
	get(app.routes(), "GET", "/other")
	get(app.routes(), "POST", "/")
	if good, bad := counted(t, app, "good"), counted(t, app, "bad"); good != "1" || bad != "0" {
		t.Errorf("good %s, bad %s; want only the request to / counted", good, bad)
	}
	if answer := get(app.metricsRoutes(), "GET", "/"); answer.Code != http.StatusNotFound {
		t.Errorf("the metrics port answers / with %d", answer.Code)
	}
}

// TestSuccessRate compares the share of good answers with the binomial
// distribution. With four standard deviations, a correct program would fail for
// one seed in 16,000; the fixed seed does not fail.
func TestSuccessRate(t *testing.T) {
	requests := 20_000
	if testing.Short() {
		requests /= 10
	}
	for _, rate := range []float64{0, 0.5, 50, 98, 99.5, 100} {
		app := newApplication(config{successRate: rate}, seeded())
		good := 0
		for range requests {
			if get(app.routes(), "GET", "/").Code == http.StatusOK {
				good++
			}
		}
		p := rate / 100
		mean, margin := float64(requests)*p, 4*math.Sqrt(float64(requests)*p*(1-p))
		if math.Abs(float64(good)-mean) > margin {
			t.Errorf("rate %g: %d of %d good, want %.0f ± %.0f", rate, good, requests, mean, margin)
		}
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests = 20_000
		cfg := config{successRate: 50, latency: 20 * time.Millisecond, latencyP99: 3 * time.Second}
		app := newApplication(cfg, seeded())
		slow := 0
		for range requests {
			start := time.Now()
			get(app.routes(), "GET", "/")
			switch took := time.Since(start); took {
			case cfg.latency:
			case cfg.latencyP99:
				slow++
			default:
				t.Fatalf("a request took %s", took)
			}
		}
		mean, margin := requests*slowShare, 4*math.Sqrt(requests*slowShare*(1-slowShare))
		if math.Abs(float64(slow)-mean) > margin {
			t.Errorf("%d of %d slow, want %.0f ± %.0f", slow, requests, mean, margin)
		}
	})
}

func TestProbesAreNotSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newApplication(config{latency: time.Minute, latencyP99: time.Minute}, seeded())
		start := time.Now()
		get(app.routes(), "GET", "/healthz")
		get(app.routes(), "GET", "/readyz")
		if took := time.Since(start); took != 0 {
			t.Errorf("took %s", took)
		}
	})
}

func TestClientThatLeavesIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newApplication(config{successRate: 100, latency: 5 * time.Second}, seeded())
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		app.routes().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %s", took)
		}
		if good, bad := counted(t, app, "good"), counted(t, app, "bad"); good != "0" || bad != "0" {
			t.Errorf("good %s, bad %s; want neither", good, bad)
		}
	})
}
