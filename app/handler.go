package main

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// slowShare is the fraction of requests that take LATENCY_P99_MS.
const slowShare = 0.01

// application answers the requests of one process.
type application struct {
	cfg config
	// draw returns a random number in [0, 1). It must be safe for concurrent
	// use.
	draw     func() float64
	draining atomic.Bool
	registry *prometheus.Registry
	good     prometheus.Counter
	bad      prometheus.Counter
}

func newApplication(cfg config, draw func() float64) *application {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "requests_total",
		Help: "Answers to GET /, by custom_status: good is 200, bad is 500.",
	}, []string{"custom_status"})
	registry := prometheus.NewRegistry()
	registry.MustRegister(requests, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &application{
		cfg: cfg, draw: draw, registry: registry,
		// WithLabelValues creates the series. A counter that appears only
		// with its first failure makes rate() miss that failure.
		good: requests.WithLabelValues("good"),
		bad:  requests.WithLabelValues("bad"),
	}
}

// routes returns the handler of PORT. The method patterns make net/http answer
// other methods with 405 and other paths with 404.
func (a *application) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.hello)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", a.ready)
	return a.dressed(mux)
}

// metricsRoutes returns the handler of PROMETHEUS_PORT.
func (a *application) metricsRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{Registry: a.registry}))
	return mux
}

// dressed adds the headers that every response of the application has.
func (a *application) dressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.cfg.version != "" {
			w.Header().Set("X-Version", a.cfg.version)
		}
		if a.draining.Load() {
			// A proxy that keeps its connections would continue to use this
			// pod, whatever the endpoints say: kube-proxy balances
			// connections, not requests. This header makes it open a new
			// connection, which goes to another pod.
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (a *application) hello(w http.ResponseWriter, r *http.Request) {
	if !wait(r.Context(), a.delay()) {
		// The client has left. Nobody gets this answer, so it is neither good
		// nor bad.
		return
	}
	if a.draw()*100 < a.cfg.successRate {
		a.good.Inc()
		respond(w, http.StatusOK, "Hello World!")
		return
	}
	a.bad.Inc()
	respond(w, http.StatusInternalServerError, "Internal Server Error")
}

// delay draws the duration of one request.
func (a *application) delay() time.Duration {
	if a.cfg.latencyP99 != 0 && a.draw() < slowShare {
		return a.cfg.latencyP99
	}
	return a.cfg.latency
}

func (a *application) ready(w http.ResponseWriter, _ *http.Request) {
	if a.draining.Load() {
		respond(w, http.StatusServiceUnavailable, "draining")
		return
	}
	respond(w, http.StatusOK, "ok")
}

// respond writes a plain text body. A write error means that the client has
// left, so it is ignored.
func respond(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// wait waits for the duration. It returns false if ctx ended first.
func wait(ctx context.Context, duration time.Duration) bool {
	if duration <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
