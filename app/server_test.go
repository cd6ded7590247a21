package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// port is a listener in memory. With a real connection open, the clock of
// testing/synctest would not advance.
type port struct {
	dialed chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPort() *port { return &port{dialed: make(chan net.Conn), closed: make(chan struct{})} }

func (p *port) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialed:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *port) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *port) Addr() net.Addr { return &net.TCPAddr{} }

func (p *port) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.dialed <- there:
		return here, nil
	case <-p.closed:
		return nil, syscall.ECONNREFUSED
	}
}

// running is an application that serves on two ports in memory.
type running struct {
	app, metrics *port
	stop         context.CancelFunc
	stopped      chan error
	client       *http.Client
}

const (
	url        = "http://app"
	metricsURL = "http://metrics"
)

func start(t *testing.T, cfg config, limits timing) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r := running{app: newPort(), metrics: newPort(), stop: cancel, stopped: make(chan error, 1)}
	transport := &http.Transport{DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
		if address == "metrics:80" {
			return r.metrics.dial()
		}
		return r.app.dial()
	}}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &http.Client{Transport: transport}
	app := newApplication(cfg, func() float64 { return 0.5 })
	go func() {
		r.stopped <- app.serve(ctx, listeners{r.app, r.metrics}, limits, slog.New(slog.DiscardHandler))
	}()
	return r
}

// get returns the status, the body and whether the server asked to close the
// connection.
func (r running) get(t *testing.T, address string) (int, string, bool) {
	t.Helper()
	answer, err := r.client.Get(address)
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

type answer struct {
	status int
	err    error
}

// begin sends a request and returns when it has arrived.
func (r running) begin() <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		got, err := r.client.Get(url)
		if err != nil {
			answers <- answer{err: err}
			return
		}
		answers <- answer{status: got.StatusCode, err: got.Body.Close()}
	}()
	synctest.Wait()
	return answers
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, config{successRate: 100, latency: 1500 * time.Millisecond},
			timing{settle: time.Second, finish: 15 * time.Second})
		if status, _, closing := r.get(t, url+"/readyz"); status != http.StatusOK || closing {
			t.Fatalf("before: readyz %d, closing %v", status, closing)
		}

		first := r.begin()
		r.stop()
		synctest.Wait()

		if status, _, closing := r.get(t, url+"/readyz"); status != http.StatusServiceUnavailable || !closing {
			t.Errorf("while draining: readyz %d, closing %v", status, closing)
		}
		if status, _, _ := r.get(t, url+"/healthz"); status != http.StatusOK {
			t.Errorf("while draining: healthz %d, and the kubelet would kill the pod", status)
		}
		// A request that arrives while the endpoints update is still
		// answered, even if its answer is due after the listener has closed.
		second := r.begin()
		for _, request := range []<-chan answer{first, second} {
			if a := <-request; a.status != http.StatusOK {
				t.Errorf("a request in flight got %d, %v", a.status, a.err)
			}
		}
		if err := <-r.stopped; err != nil {
			t.Errorf("drained with %v", err)
		}
		for name, p := range map[string]*port{"app": r.app, "metrics": r.metrics} {
			if connection, err := p.dial(); err == nil {
				_ = connection.Close()
				t.Errorf("%s still accepts connections", name)
			}
		}
	})
}

func TestMetricsOutliveTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, config{successRate: 100, latency: time.Second}, timing{finish: 15 * time.Second})
		request := r.begin()
		r.stop()
		synctest.Wait()
		if connection, err := r.app.dial(); err == nil {
			_ = connection.Close()
			t.Error("the application's port is open")
		}
		if status, body, _ := r.get(t, metricsURL+"/metrics"); status != http.StatusOK ||
			!strings.Contains(body, `requests_total{custom_status="bad"} 0`) {
			t.Errorf("metrics while draining: %d %s", status, body)
		}
		if err := <-r.stopped; err != nil {
			t.Errorf("drained with %v", err)
		}
		if a := <-request; a.status != http.StatusOK {
			t.Errorf("the request in flight got %d, %v", a.status, a.err)
		}
	})
}

func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, config{successRate: 100, latency: time.Minute}, timing{finish: 200 * time.Millisecond})
		request := r.begin()
		begin := time.Now()
		r.stop()
		err := <-r.stopped
		if err == nil || !strings.Contains(err.Error(), "requests still in flight after 200ms") {
			t.Errorf("got %v, want an error about the requests that were cut off", err)
		}
		if took := time.Since(begin); took != 200*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if a := <-request; a.err == nil {
			t.Error("the request that was cut off succeeded")
		}
	})
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

// freePort returns a port that was unused a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
