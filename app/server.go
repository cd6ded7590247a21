package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// The exit codes. They match canarize's own.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// timing holds the durations of the two phases of draining. Their sum must stay
// below terminationGracePeriodSeconds in manifests/deployment.yml.
type timing struct {
	// settle is how long the application continues to serve while /readyz
	// already fails. Kubernetes removes a pod from its Services at the same
	// time as it sends SIGTERM, not before, so requests keep coming for a
	// while. Every answer in that time closes its connection. An idle
	// connection is closed afterwards; the proxy in front must have closed it
	// by then. cluster_idle_timeout_ms in manifests/mapping.yml makes it do
	// so.
	settle time.Duration
	// finish limits the wait for requests in flight after that.
	finish time.Duration
}

// run runs the program. It returns the exit code once ctx has ended and the
// application has drained, or as soon as there is an error.
func run(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) int {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	if len(args) != 0 {
		_, _ = fmt.Fprintf(stderr, "app: unexpected argument %q: app takes no arguments; set SUCCESS_RATE, HOST, PORT, "+
			"PROMETHEUS_PORT, LATENCY_MS, LATENCY_P99_MS or VERSION in the environment\n", args[0])
		return exitUsage
	}
	cfg, err := parseConfig(getenv)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "app: wrong configuration:\n%v\n", err)
		return exitUsage
	}
	listeners, err := listen(ctx, cfg)
	if err != nil {
		log.Error("cannot listen", "err", err)
		return exitFailed
	}
	log.Info("serving", "app", listeners.app.Addr().String(), "metrics", listeners.metrics.Addr().String(),
		"success_rate", cfg.successRate, "version", cfg.version)
	app := newApplication(cfg, rand.Float64)
	err = app.serve(ctx, listeners, timing{settle: 5 * time.Second, finish: 15 * time.Second}, log)
	if err != nil {
		log.Error("stopped", "err", err)
		return exitFailed
	}
	log.Info("drained")
	return exitDone
}

type listeners struct{ app, metrics net.Listener }

// listen opens both ports before serving either, so that a port in use is
// detected before the first request is accepted.
func listen(ctx context.Context, cfg config) (listeners, error) {
	var lc net.ListenConfig
	app, err := lc.Listen(ctx, "tcp", cfg.appAddress)
	if err != nil {
		return listeners{}, fmt.Errorf("application: %w; choose another HOST or PORT", err)
	}
	metrics, err := lc.Listen(ctx, "tcp", cfg.metricsAddr)
	if err != nil {
		return listeners{}, errors.Join(fmt.Errorf("metrics: %w; choose another HOST or PROMETHEUS_PORT", err), app.Close())
	}
	return listeners{app: app, metrics: metrics}, nil
}

// newServer sets the timeouts. They prevent a client from holding a connection
// by sending slowly, and still allow the longest answer.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      maxLatency + 10*time.Second,
		// Envoy's default is to keep an idle connection for an hour. If this
		// side closed it first, a request could cross the close on the wire
		// and become a 503 that looks like a fault of the released version.
		IdleTimeout:    65 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// serve answers on both listeners until ctx ends, then drains. It returns an
// error if a listener fails or if requests were cut off.
func (a *application) serve(ctx context.Context, l listeners, t timing, log *slog.Logger) error {
	app, metrics := newServer(a.routes(), log), newServer(a.metricsRoutes(), log)
	failed := make(chan error, 2)
	go func() { failed <- app.Serve(l.app) }()
	go func() { failed <- metrics.Serve(l.metrics) }()

	select {
	case err := <-failed:
		return errors.Join(err, app.Close(), metrics.Close())
	case <-ctx.Done():
	}
	log.Info("draining", "settle", t.settle, "finish", t.finish)
	a.draining.Store(true)
	// The end of ctx started the drain, so the drain needs a context without
	// it.
	ctx = context.WithoutCancel(ctx)
	wait(ctx, t.settle)
	err := shutdown(ctx, app, t.finish)
	// Close the metrics last, so that a scrape can still count the final
	// requests.
	return errors.Join(err, metrics.Close())
}

// shutdown waits for the requests in flight, at most for bound, and then closes
// the rest.
func shutdown(ctx context.Context, server *http.Server, bound time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests still in flight after %s were cut off: %w", bound, err), server.Close())
	}
	return nil
}
