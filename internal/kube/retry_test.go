package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
)

var aMapping = Ref{Kind: "ConfigMap", Namespace: "shop", Name: "web"}

const discovered = `{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": true, "verbs": ["get"]}]}`

// answering returns a cluster whose API server answers reads of a ConfigMap with the
// given answers in order. The last one repeats.
func answering(t *testing.T, options Options, answers ...http.HandlerFunc) (c *Cluster, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	mux := http.NewServeMux()
	mux.HandleFunc("/api", respond(200, `{"kind": "APIVersions", "versions": ["v1"]}`))
	mux.HandleFunc("/apis", respond(200, `{"kind": "APIGroupList", "groups": []}`))
	mux.HandleFunc("/api/v1", respond(200, discovered))
	mux.HandleFunc("/api/v1/namespaces/shop/configmaps/web", func(w http.ResponseWriter, r *http.Request) {
		n := int(requests.Add(1))
		answers[min(n, len(answers))-1](w, r)
	})
	if options.Backoff == nil {
		options.Backoff = func(int, time.Duration) time.Duration { return 0 }
	}
	c, err := New(&rest.Config{Host: "http://fake:6443", Transport: inMemory{mux}}, options)
	if err != nil {
		t.Fatal(err)
	}
	return c, requests
}

// inMemory answers requests without a network, so that synctest's clock is the only
// one.
type inMemory struct{ http.Handler }

func (h inMemory) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			response, err = nil, io.ErrUnexpectedEOF
		} else if p != nil {
			panic(p)
		}
	}()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

func (inMemory) CloseIdleConnections() {}

func respond(code int, text string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		fmt.Fprint(w, text)
	}
}

var (
	found      = respond(200, `{"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "web", "namespace": "shop"}}`)
	breakOff   = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	tooMany    = respond(429, `{"kind": "Status", "apiVersion": "v1", "code": 429, "reason": "TooManyRequests"}`, "Retry-After: 7")
	noAnswer   = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	forbidden  = respond(403, `{"kind": "Status", "apiVersion": "v1", "code": 403, "reason": "Forbidden", "message": "no"}`)
	expired    = respond(401, `{"kind": "Status", "apiVersion": "v1", "code": 401, "reason": "Unauthorized", "message": "no"}`)
	invalid    = respond(422, `{"kind": "Status", "apiVersion": "v1", "code": 422, "reason": "Invalid", "message": "no"}`)
	notThere   = respond(404, `{"kind": "Status", "apiVersion": "v1", "code": 404, "reason": "NotFound"}`)
	aPlainPage = respond(503, `<html>the load balancer has no backend</html>`)
)

// TestRetry: a temporary error is retried, a permanent one is returned at once.
func TestRetry(t *testing.T) {
	for _, c := range []struct {
		name     string
		answers  []http.HandlerFunc
		requests int64
		err      string // "" for success
	}{
		{"at once", []http.HandlerFunc{found}, 1, ""},
		{"not there", []http.HandlerFunc{notThere}, 1, ""},
		{"server errors", []http.HandlerFunc{respond(500, "{}"), aPlainPage, respond(504, "{}"), found}, 4, ""},
		{"too many requests", []http.HandlerFunc{tooMany, tooMany, found}, 3, ""},
		{"broken connections", []http.HandlerFunc{breakOff, found}, 2, ""},
		{"no answer", []http.HandlerFunc{noAnswer, found}, 2, ""},
		{"a new token", []http.HandlerFunc{expired, found}, 2, ""},
		{"no new token", []http.HandlerFunc{expired}, 2, "log in again"},
		{"forbidden", []http.HandlerFunc{forbidden}, 1, "not allowed to get it: "},
		{"invalid", []http.HandlerFunc{invalid}, 1, "ConfigMap shop/web: get: "},
		{"never", []http.HandlerFunc{respond(500, "{}")}, 5, "given up after 5 attempts"},
		{"never an answer", []http.HandlerFunc{noAnswer}, 5, "no answer within 100ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster, requests := answering(t, Options{Attempts: 5, Timeout: 50 * time.Millisecond}, c.answers...)
				_, err := cluster.Get(t.Context(), aMapping)
				if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, expected %q", err, c.err)
				}
				if n := requests.Load(); n != c.requests {
					t.Errorf("%d requests, expected %d", n, c.requests)
				}
			})
		})
	}
}

// TestBackoffIsInjected: Backoff gets the number of the attempt and Retry-After.
func TestBackoffIsInjected(t *testing.T) {
	var waits []string
	cluster, _ := answering(t, Options{
		Backoff: func(n int, requests time.Duration) time.Duration {
			waits = append(waits, fmt.Sprint(n, " ", requests))
			return 0
		},
	}, tooMany, respond(500, "{}"), found)
	if _, err := cluster.Get(t.Context(), aMapping); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(waits); got != "[1 7s 2 0s]" {
		t.Error(got)
	}
}

// TestPersistent retries until its context ends, and returns the reason.
func TestPersistent(t *testing.T) {
	stop := errors.New("killed")
	ctx, cancel := context.WithCancelCause(t.Context())
	cluster, requests := answering(t, Options{Attempts: 1, Backoff: func(n int, _ time.Duration) time.Duration {
		if n == 20 {
			cancel(stop)
		}
		return time.Microsecond
	}}, respond(500, "{}"))
	_, err := cluster.Persistent().Get(ctx, aMapping)
	if !errors.Is(err, stop) || requests.Load() != 20 {
		t.Errorf("%d requests: %v", requests.Load(), err)
	}
	if cluster.Requests() < 20 {
		t.Errorf("%d requests counted", cluster.Requests())
	}
}

func TestDefaultBackoff(t *testing.T) {
	for n := 1; n < 100; n++ {
		if wait := DefaultBackoff(n, 0); wait < 50*time.Millisecond || wait > 5*time.Second {
			t.Errorf("%d: %s", n, wait)
		}
	}
	if wait := DefaultBackoff(1, time.Minute); wait != time.Minute {
		t.Errorf("%s, but the server asked for a minute", wait)
	}
}
