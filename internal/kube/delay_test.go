package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

// lines collects the reported waits, with the seconds since the beginning.
type lines struct {
	mu      sync.Mutex
	began   time.Time
	reports []string
}

func (l *lines) add(d Delay) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reports = append(l.reports, fmt.Sprintf("%d s: %s", int(time.Since(l.began).Seconds()), d))
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.reports, "\n")
}

// warmUp fills the cache of discovery, so that a later outage affects only the calls
// themselves. client-go's discovery sleeps while it holds a lock, and a lock stops the
// clock of synctest.
func warmUp(t *testing.T, c *Cluster) {
	t.Helper()
	if _, err := c.Get(t.Context(), aMapping); err != nil {
		t.Fatal(err)
	}
}

// A wait is reported after 3 s, every 30 s, and when the reason changes. There is never
// a line for each attempt, however many calls wait.
func TestDelayIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delays := &lines{began: time.Now()}
		c, api := newFake(t, Options{Delayed: delays.add, Patient: func() bool { return true }})
		warmUp(t, c)
		before := api.Count("GET")
		delays.began = time.Now()
		var reason atomic.Value
		reason.Store(syscall.ECONNREFUSED)
		api.Intercept(func(*http.Request) (*http.Response, error) { return nil, reason.Load().(error) })
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { _, _ = c.Get(ctx, aMapping) })
		}
		time.Sleep(2 * time.Second)
		if d, waits := c.Waits(); waits {
			t.Errorf("after 2 s: %s", d)
		}
		time.Sleep(63 * time.Second)
		if d, waits := c.Waits(); !waits || d.String() != "waiting for the API server fake:6443: GET ConfigMap shop/web, for 65 s: connection refused" {
			t.Errorf("%v %s", waits, d)
		}
		reason.Store(syscall.EHOSTUNREACH)
		time.Sleep(20 * time.Second)
		cancel()
		all.Wait()
		if d, waits := c.Waits(); waits {
			t.Errorf("nobody calls: %s", d)
		}
		want := `3 s: waiting for the API server fake:6443: GET ConfigMap shop/web, for 3 s: connection refused
33 s: waiting for the API server fake:6443: GET ConfigMap shop/web, for 33 s: connection refused
63 s: waiting for the API server fake:6443: GET ConfigMap shop/web, for 63 s: connection refused
`
		got := delays.text()
		if !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 3 || !strings.Contains(got, "no route to host") {
			t.Error(got)
		}
		if n := api.Count("GET") - before; n < 50 {
			t.Errorf("%d attempts, want at least 50", n)
		}
	})
}

// A quick call is not reported, and a report that blocks stops no call.
func TestDelayBlocksNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports, stuck := 0, make(chan struct{})
		c, api := newFake(t, Options{Delayed: func(Delay) {
			reports++
			<-stuck // like a terminal after Ctrl-S
		}})
		if _, err := c.Get(t.Context(), aMapping); err != nil || reports != 0 {
			t.Fatal(reports, err)
		}
		var away atomic.Bool
		away.Store(true)
		api.Intercept(func(*http.Request) (*http.Response, error) {
			if away.Load() {
				return nil, syscall.ECONNREFUSED
			}
			return nil, nil
		})
		done := make(chan error)
		go func() {
			_, err := c.Persistent().Get(t.Context(), aMapping)
			done <- err
		}()
		time.Sleep(10 * time.Minute)
		away.Store(false)
		if err := <-done; err != nil || reports != 1 {
			t.Errorf("reported %d times: %v", reports, err)
		}
		close(stuck)
	})
}

// Retry-After is limited, most of all for calls that set the weight to 0.
func TestRetryAfterIsCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		var n atomic.Int32
		warmUp(t, c)
		api.Intercept(func(*http.Request) (*http.Response, error) {
			if n.Add(1) == 2 {
				return nil, nil
			}
			response := kubetest.Answer(429, kubetest.Status(429, "TooManyRequests", "", ""))
			response.Header.Set("Retry-After", "3600")
			return response, nil
		})
		for name, w := range map[string]struct {
			cluster *Cluster
			most    time.Duration
		}{"others": {c, maxRetryAfter}, "taking traffic off": {c.Persistent(), maxRetryAfterPersistent}} {
			n.Store(0)
			began := time.Now()
			if _, err := w.cluster.Fresh(t.Context(), aMapping); err != nil || time.Since(began) != w.most {
				t.Errorf("%s: %v after %s", name, err, time.Since(began))
			}
		}
	})
}

// Patient is called only after the attempts are used up, and each time again.
func TestPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c, api := newFake(t, Options{Attempts: 3, Patient: func() bool {
			asked++
			return asked < 5
		}})
		warmUp(t, c)
		api.Intercept(func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED })
		_, err := c.Fresh(t.Context(), aMapping)
		if n := api.Count("GET"); err == nil || !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "given up after 7 attempts") || asked != 5 {
			t.Errorf("%d requests, asked %d times: %v", n, asked, err)
		}
	})
}

// A slow answer is accepted as long as data arrives, but silence ends an attempt. A
// slow admission webhook gets twice the time in the end.
func TestSilenceEndsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		warmUp(t, c)
		slow := func(after time.Duration) {
			api.Intercept(func(r *http.Request) (*http.Response, error) {
				timer := time.NewTimer(after)
				select {
				case <-timer.C:
					return nil, nil
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			})
		}
		slow(9 * time.Second)
		began := time.Now()
		if _, err := c.Fresh(t.Context(), aMapping); err != nil || time.Since(began) < 19*time.Second {
			t.Errorf("a slow webhook: %v after %s", err, time.Since(began))
		}
		slow(11 * time.Second)
		if _, err := c.Fresh(t.Context(), aMapping); err == nil || !strings.Contains(err.Error(), "no answer within 10s") {
			t.Error("a server that is silent:", err)
		}
		api.Intercept(func(*http.Request) (*http.Response, error) {
			response := kubetest.Answer(200, map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "metadata": map[string]any{"name": "web", "namespace": "shop"}})
			response.Body = &dripping{rest: response.Body}
			return response, nil
		})
		began = time.Now()
		if o, err := c.Fresh(t.Context(), aMapping); err != nil || o == nil || time.Since(began) < time.Minute {
			t.Errorf("an answer that comes slowly: %v, %v after %s", o, err, time.Since(began))
		}
	})
}

// dripping returns one byte a second.
type dripping struct {
	rest interface{ Read([]byte) (int, error) }
}

func (d *dripping) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return d.rest.Read(p[:1])
}

func (d *dripping) Close() error { return nil }
