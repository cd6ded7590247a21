package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// running is an application that serves on real ports of this machine.
type running struct {
	url, metricsURL string
	stop            context.CancelFunc
	stopped         chan error
	client          *http.Client
}

func start(t *testing.T, cfg config, limits timing) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	cfg.appAddress, cfg.metricsAddr = "127.0.0.1:0", "127.0.0.1:0"
	l, err := listen(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := running{
		url: "http://" + l.app.Addr().String(), metricsURL: "http://" + l.metrics.Addr().String(),
		stop: cancel, stopped: make(chan error, 1),
		client: &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second},
	}
	app := newApplication(cfg, func() float64 { return 0.5 })
	go func() { r.stopped <- app.serve(ctx, l, limits, slog.New(slog.DiscardHandler)) }()
	return r
}

// get returns status, body and whether the server asked to close the connection.
func (r running) get(t *testing.T, url string) (int, string, bool) {
	t.Helper()
	answer, err := r.client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Close
}

// eventually polls, because a drain becomes visible a moment after it was asked for.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("did not happen within 10 s: %s", what)
}

func TestDrain(t *testing.T) {
	r := start(t, config{successRate: 100, latency: 1500 * time.Millisecond},
		timing{settle: time.Second, finish: 15 * time.Second})
	if status, _, closing := r.get(t, r.url+"/readyz"); status != http.StatusOK || closing {
		t.Fatalf("before: readyz %d, closing %v", status, closing)
	}

	inFlight := make(chan int, 1)
	begin := func() {
		answer, err := http.Get(r.url)
		if err != nil {
			inFlight <- 0
			return
		}
		_ = answer.Body.Close()
		inFlight <- answer.StatusCode
	}
	go begin()
	time.Sleep(100 * time.Millisecond) // lets the request arrive before the signal
	r.stop()

	eventually(t, "readyz says 503", func() bool {
		status, _, closing := r.get(t, r.url+"/readyz")
		return status == http.StatusServiceUnavailable && closing
	})
	if status, _, _ := r.get(t, r.url+"/healthz"); status != http.StatusOK {
		t.Errorf("while draining: healthz %d, and the kubelet would kill the pod", status)
	}
	// A request that comes while the endpoints update is still answered, even
	// though its answer is due after the listener has closed.
	go begin()
	for range 2 {
		if status := <-inFlight; status != http.StatusOK {
			t.Errorf("a request in flight got %d", status)
		}
	}
	if err := <-r.stopped; err != nil {
		t.Errorf("drained with %v", err)
	}
	for _, url := range []string{r.url, r.metricsURL} {
		if connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err == nil {
			_ = connection.Close()
			t.Errorf("%s still accepts connections", url)
		}
	}
}

func TestMetricsOutliveTheDrain(t *testing.T) {
	r := start(t, config{successRate: 100, latency: time.Second}, timing{finish: 15 * time.Second})
	go func() { _, _ = r.client.Get(r.url) }()
	time.Sleep(100 * time.Millisecond)
	r.stop()
	eventually(t, "the application's port is closed", func() bool {
		connection, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err == nil {
			_ = connection.Close()
		}
		return err != nil
	})
	if status, body, _ := r.get(t, r.metricsURL+"/metrics"); status != http.StatusOK ||
		!strings.Contains(body, `requests_total{custom_status="bad"} 0`) {
		t.Errorf("metrics while draining: %d %s", status, body)
	}
	if err := <-r.stopped; err != nil {
		t.Errorf("drained with %v", err)
	}
}

func TestDrainIsBounded(t *testing.T) {
	r := start(t, config{successRate: 100, latency: time.Minute}, timing{finish: 200 * time.Millisecond})
	failed := make(chan error, 1)
	go func() {
		_, err := http.Get(r.url)
		failed <- err
	}()
	time.Sleep(100 * time.Millisecond)
	begin := time.Now()
	r.stop()
	err := <-r.stopped
	if err == nil || !strings.Contains(err.Error(), "requests still in flight after 200ms") {
		t.Errorf("got %v, want an error that says what was cut off", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if <-failed == nil {
		t.Error("the request that was cut off succeeded")
	}
}

func TestRunRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)

	for name, test := range map[string]struct {
		args []string
		env  func(string) string
		code int
		want string
	}{
		"wrong value": {nil, environment("SUCCESS_RATE", "110"), exitUsage, `SUCCESS_RATE="110"`},
		"argument":    {[]string{"--port=80"}, environment(), exitUsage, `"--port=80"`},
		"port in use": {nil, environment("HOST", "127.0.0.1", "PORT", port), exitFailed, "choose another HOST or PORT"},
		"metrics port in use": {nil, environment("HOST", "127.0.0.1", "PORT", freePort(t), "PROMETHEUS_PORT", port),
			exitFailed, "choose another HOST or PROMETHEUS_PORT"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr strings.Builder
			if code := run(t.Context(), test.args, test.env, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stderr.String(), test.want) {
				t.Errorf("stderr %q does not say %q", stderr.String(), test.want)
			}
		})
	}
}

// freePort returns a port that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
