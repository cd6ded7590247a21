// Package faults injects the faults of networks, busy servers and people into releases
// under test: by a proxy and a forwarder in front of an API server, by a credential plugin
// that hangs, and by somebody with kubectl.
package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Fault names what happens to a request.
type Fault string

// The faults of requests.
const (
	None         Fault = ""
	Conflict     Fault = "conflict"      // 409: somebody else wrote at the same moment
	TooMany      Fault = "too many"      // 429 with Retry-After
	ServerError  Fault = "server error"  // 500
	Unauthorized Fault = "unauthorized"  // 401: the token has expired
	Forbidden    Fault = "forbidden"     // 403
	Timeout      Fault = "timeout"       // no answer until the client gives up; the server gets no request
	Reset        Fault = "reset"         // the connection breaks; the server gets no request
	Lost         Fault = "lost answer"   // the server executes the request, then the connection breaks
	Cut          Fault = "cut watch"     // a watch breaks after its first event
	Expired      Fault = "expired watch" // 410: the server has forgotten the version
)

// ForWrites, ForReads and ForWatches return the temporary faults of a kind of request.
func ForWrites() []Fault  { return []Fault{Conflict, TooMany, ServerError, Timeout, Reset, Lost} }
func ForReads() []Fault   { return []Fault{TooMany, ServerError, Timeout, Reset, Lost} }
func ForWatches() []Fault { return []Fault{TooMany, ServerError, Timeout, Reset, Cut, Expired} }

// Random returns a function that gives a random part of all requests one of the faults
// above. The same seed and order of requests give the same faults.
func Random(seed uint64, part float64) func(*http.Request) Fault {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func(r *http.Request) Fault {
		mu.Lock()
		defer mu.Unlock()
		kinds := ForReads()
		switch {
		case isWatch(r):
			kinds = ForWatches()
		case r.Method != http.MethodGet:
			kinds = ForWrites()
		}
		kind := kinds[random.IntN(len(kinds))]
		if random.Float64() >= part {
			return None
		}
		return kind
	}
}

// Request describes a received request without its content.
type Request struct {
	Method, Path string
	Query        url.Values
	Fault        Fault
}

// IsWrite reports whether a request asks for a change.
func (r Request) IsWrite() bool { return r.Method != http.MethodGet && !r.Query.Has("dryRun") }

// IsWatch reports whether a request is a watch.
func (r Request) IsWatch() bool { return r.Query.Get("watch") == "true" }

func (r Request) String() string {
	text := r.Method + " " + r.Path
	if r.IsWatch() {
		text += " (watch)"
	}
	if r.Fault != None {
		text += ": " + string(r.Fault)
	}
	return text
}

// Proxy stands between a program and an API server.
type Proxy struct {
	// Kubeconfig is the path of a file that leads a program to the proxy.
	Kubeconfig string

	forward *httputil.ReverseProxy
	decide  func(*http.Request) Fault

	silent atomic.Bool // watches send nothing

	mu       sync.Mutex
	requests []Request
}

// Start starts a proxy in front of the API server of a kubeconfig. decide returns the
// fault of each request and must be safe for concurrent use; nil means no faults. The
// proxy ends with the test.
func Start(t testing.TB, kubeconfig string, decide func(*http.Request) Fault) *Proxy {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	// Upgrades, as those of a port-forward, need HTTP/1.1.
	config.NextProtos = []string{"http/1.1"}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	if decide == nil {
		decide = func(*http.Request) Fault { return None }
	}
	p := &Proxy{decide: decide, Kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	p.forward = &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // events have to arrive at once
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	server := httptest.NewUnstartedServer(p)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections() // watches would not end by themselves
		server.Close()
	})
	if err := writeKubeconfig(p.Kubeconfig, server.URL); err != nil {
		t.Fatal(err)
	}
	return p
}

func writeKubeconfig(path, server string) error {
	config := api.NewConfig()
	config.Clusters["proxy"] = &api.Cluster{Server: server}
	config.Contexts["proxy"] = &api.Context{Cluster: "proxy", Namespace: "default"}
	config.CurrentContext = "proxy"
	return clientcmd.WriteToFile(*config, path)
}

// Requests returns all requests so far, in order.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Faults counts the faults of requests.
func (p *Proxy) Faults() map[Fault]int {
	count := map[Fault]int{}
	for _, r := range p.Requests() {
		if r.Fault != None {
			count[r.Fault]++
		}
	}
	return count
}

// Summary returns Faults as a text.
func (p *Proxy) Summary() string {
	count := p.Faults()
	var parts []string
	for _, fault := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%s %d", fault, count[fault]))
	}
	return fmt.Sprintf("%d requests: %s", len(p.Requests()), strings.Join(parts, ", "))
}

func isWatch(r *http.Request) bool { return r.URL.Query().Get("watch") == "true" }

// ServeHTTP forwards a request, or injects the fault that was decided for it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := p.decide(r)
	p.mu.Lock()
	p.requests = append(p.requests, Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Fault: fault})
	p.mu.Unlock()
	switch fault {
	case None:
		if isWatch(r) {
			w = &swallowing{ResponseWriter: w, silent: &p.silent}
		}
		p.forward.ServeHTTP(w, r)
	case Timeout:
		_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the client disconnects
		<-r.Context().Done()
	case Reset:
		reset(w)
	case Lost:
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		reset(w)
	case Cut:
		p.forward.ServeHTTP(&cutting{ResponseWriter: w}, r)
	default:
		refuse(w, fault)
	}
}

var statuses = map[Fault]metav1.Status{
	Conflict:     {Code: http.StatusConflict, Reason: metav1.StatusReasonConflict, Message: "the object has been modified; please apply your changes to the latest version and try again"},
	TooMany:      {Code: http.StatusTooManyRequests, Reason: metav1.StatusReasonTooManyRequests, Message: "too many requests, please try again later", Details: &metav1.StatusDetails{RetryAfterSeconds: 1}},
	ServerError:  {Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError, Message: "etcdserver: leader changed"},
	Unauthorized: {Code: http.StatusUnauthorized, Reason: metav1.StatusReasonUnauthorized, Message: "Unauthorized"},
	Forbidden:    {Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: "not allowed, by a fault"},
	Expired:      {Code: http.StatusGone, Reason: metav1.StatusReasonExpired, Message: "too old resource version"},
}

func refuse(w http.ResponseWriter, fault Fault) {
	status, known := statuses[fault]
	if !known {
		panic("no such fault: " + string(fault))
	}
	status.TypeMeta, status.Status = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, metav1.StatusFailure
	w.Header().Set("Content-Type", "application/json")
	if fault == TooMany {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(int(status.Code))
	_ = json.NewEncoder(w).Encode(status) // an error means that the client has left
}

// reset ends the connection by a TCP reset, so that the client notices at once.
func reset(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, isTCP := connection.(*net.TCPConn); isTCP {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

// SilenceWatches makes open and new watches stay open and send nothing, as behind a proxy
// that has lost its server. Events swallowed meanwhile do not arrive later.
func (p *Proxy) SilenceWatches(silent bool) { p.silent.Store(silent) }

// swallowing is the response of a watch that may become silent.
type swallowing struct {
	http.ResponseWriter
	silent *atomic.Bool
}

func (s *swallowing) Write(p []byte) (int, error) {
	if s.silent.Load() {
		return len(p), nil
	}
	return s.ResponseWriter.Write(p)
}

func (s *swallowing) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// cutting breaks a watch after its first event.
type cutting struct {
	http.ResponseWriter
	written bool
}

func (c *cutting) Write(p []byte) (int, error) {
	if c.written {
		panic(http.ErrAbortHandler)
	}
	c.written = true
	return c.ResponseWriter.Write(p)
}

func (c *cutting) Unwrap() http.ResponseWriter { return c.ResponseWriter }
