package control

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/test/cluster/gateway/envoy"
	"github.com/canarize/canarize/test/cluster/gateway/envoyconf"
	"github.com/canarize/canarize/test/cluster/gateway/fault"
)

// testbed is a real Envoy with a Controller, for a cluster that exists only as a list of
// objects.
type testbed struct {
	t          *testing.T
	controller *Controller
	envoy      envoy.Envoy
	source     *list
	port       int
	client     *http.Client
	upstreams  map[string]*upstream
}

// list is a Source.
type list struct {
	changes chan struct{}
	mu      sync.Mutex
	objects []map[string]any
	slices  []map[string]any
}

func (l *list) Changes() <-chan struct{} { return l.changes }
func (l *list) Slices() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slices
}
func (l *list) Objects() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.objects
}

func (l *list) set(objects []map[string]any) {
	l.mu.Lock()
	l.objects = objects
	l.mu.Unlock()
	l.changes <- struct{}{}
}

// upstream is a service whose answers contain its name.
type upstream struct {
	server *httptest.Server
	mu     sync.Mutex
	delay  time.Duration
	status int // of answers; 0 is 200
	paths  map[string]int
	header http.Header // of the last request
}

func (u *upstream) serve(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.paths[r.URL.Path]++
		u.header = r.Header.Clone()
		delay, status := u.delay, u.status
		u.mu.Unlock()
		time.Sleep(delay)
		w.Header().Set("X-Version", name)
		if status != 0 {
			w.WriteHeader(status)
		}
	}
}

func (u *upstream) seen() map[string]int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.paths)
}

// envoyPath gets the path of Envoy from the command in test/cluster, which downloads Envoy if
// it is missing.
func envoyPath(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", ".", "envoy")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("find Envoy: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func newTestbed(t *testing.T, names ...string) *testbed {
	t.Helper()
	admin := freePort(t)
	b := &testbed{
		t: t, source: &list{changes: make(chan struct{}, 1)}, port: freePort(t), upstreams: map[string]*upstream{},
		envoy: envoy.Envoy{Path: envoyPath(t), Admin: net.JoinHostPort("127.0.0.1", strconv.Itoa(admin)), Log: io.Discard},
		client: &http.Client{
			Timeout:       10 * time.Second,
			Transport:     &http.Transport{MaxIdleConnsPerHost: 8},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	b.controller = &Controller{
		Source: b.source, Proxy: b.envoy, Upstreams: map[string]envoyconf.Endpoint{},
		Site:    envoyconf.Site{Dir: t.TempDir(), Bind: "127.0.0.1", AdminHost: "127.0.0.1", AdminPort: admin, ByEndpoints: true},
		Options: model.Options{Namespace: "emissary", Complete: true, Running: true},
		Log:     slog.New(slog.NewTextHandler(t.Output(), nil)),
		Faults:  fault.New(),
	}
	for _, name := range names {
		u := &upstream{paths: map[string]int{}}
		u.server = httptest.NewServer(u.serve(name))
		t.Cleanup(u.server.Close)
		b.upstreams[name] = u
		port := u.server.Listener.Addr().(*net.TCPAddr).Port
		b.controller.Upstreams[name+".shop:80"] = envoyconf.Endpoint{Address: "127.0.0.1", Port: port}
	}
	b.start()
	return b
}

func (b *testbed) start() {
	bootstrap, err := b.controller.Prepare()
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.envoy.Run(ctx, bootstrap) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	})
	if err := b.envoy.AwaitReady(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// apply makes the controller apply objects at once.
func (b *testbed) apply(objects ...map[string]any) {
	b.t.Helper()
	b.source.mu.Lock()
	b.source.objects = objects
	b.source.mu.Unlock()
	if err := b.controller.reconcile(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	if len(objects) == 0 || len(b.controller.config().Ports) == 0 {
		return
	}
	// A new port opens a moment after Envoy has loaded the listener.
	for deadline := time.Now().Add(5 * time.Second); ; {
		c, err := net.DialTimeout("tcp", b.address(), time.Second)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatal("the port of the Listener does not open:", err)
		}
	}
}

func (b *testbed) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// request holds the differences from GET /.
type request struct {
	method, host, path string
	header             map[string]string
}

// ask sends a request and returns the version that answered, or the status of Envoy's own
// answer.
func (b *testbed) ask(q request) (string, error) {
	if q.method == "" {
		q.method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(b.t.Context(), q.method, "http://"+b.address()+"/"+strings.TrimPrefix(q.path, "/"), nil)
	if err != nil {
		return "", err
	}
	if q.host != "" {
		r.Host = q.host
	}
	for k, v := range q.header {
		r.Header.Set(k, v)
	}
	response, err := b.client.Do(r)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, response.Body)
	err = errors.Join(err, response.Body.Close())
	if version := response.Header.Get("X-Version"); version != "" {
		return version, err
	}
	return strconv.Itoa(response.StatusCode), err
}

// count sends a request n times, over a few connections, and counts the answers.
func (b *testbed) count(n int, q request) map[string]int {
	b.t.Helper()
	const clients = 4
	results := make(chan map[string]int, clients)
	for range clients {
		go func() {
			seen := map[string]int{}
			for range n / clients {
				answer, err := b.ask(q)
				if err != nil {
					answer = err.Error()
				}
				seen[answer]++
			}
			results <- seen
		}()
	}
	all := map[string]int{}
	for range clients {
		for answer, times := range <-results {
			all[answer] += times
		}
	}
	return all
}

func (b *testbed) listener() map[string]any {
	return crd("Listener", "emissary", "http", map[string]any{
		"port": b.port, "protocol": "HTTP", "securityModel": "XFP",
		"hostBinding": map[string]any{"namespace": map[string]any{"from": "ALL"}},
	})
}

func host(name, hostname, insecure string, more map[string]any) map[string]any {
	spec := map[string]any{
		"hostname": hostname, "requestPolicy": map[string]any{"insecure": map[string]any{"action": insecure}},
	}
	maps.Copy(spec, more)
	return crd("Host", "emissary", name, spec)
}

func crd(kind, namespace, name string, spec map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": "getambassador.io/v3alpha1", "kind": kind,
		"metadata": map[string]any{"name": name, "namespace": namespace}, "spec": spec,
	}
}

// mapping returns a Mapping for hostname *, prefix / and the service of its name; fields adds
// to these or replaces them.
func mapping(name string, fields map[string]any) map[string]any {
	spec := map[string]any{"hostname": "*", "prefix": "/", "service": name}
	for k, v := range fields {
		if v == nil {
			delete(spec, k)
			continue
		}
		spec[k] = v
	}
	return crd("Mapping", "shop", name, spec)
}
