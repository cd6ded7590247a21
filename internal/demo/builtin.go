package demo

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

// builtin is a proxy in this process, with the pages of Envoy that canarize reads.
type builtin struct {
	listener net.Listener
	forward  http.Handler

	mu      sync.Mutex
	routing routing
	changed time.Time // when the split was last another one
	counts  map[string]*counts
}

// counts are Envoy's statistics of a cluster.
type counts struct {
	classes map[int]int // of the answers, such as 2 for 200 to 299
	below   []int       // by boundary of the latency
}

// bounds are the boundaries of Envoy's histograms, in milliseconds.
var bounds = []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000}

// startBuiltin returns a proxy that waits for its users on a free port of loopback.
func startBuiltin(first routing) (*builtin, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &builtin{listener: listener, routing: first, changed: time.Now(), counts: map[string]*counts{}, forward: &httputil.ReverseProxy{
		ErrorLog:     silent(),
		Rewrite:      func(r *httputil.ProxyRequest) {},
		Transport:    &http.Transport{MaxIdleConnsPerHost: atOnce},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) },
	}}, nil
}

// address is where the users' requests go.
func (b *builtin) address() string { return b.listener.Addr().String() }

func (b *builtin) run(ctx context.Context) error {
	server := &http.Server{Handler: b, ReadHeaderTimeout: time.Minute, ErrorLog: silent()}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // nobody uses it any more
	if err := server.Serve(b.listener); ctx.Err() == nil {
		return err
	}
	return nil
}

func (b *builtin) route(next routing) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if next.split != b.routing.split {
		b.changed = time.Now()
	}
	b.routing = next
	return nil
}

// ServeHTTP sends a request to a pod of one version.
func (b *builtin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	to, addresses, canary := b.draw()
	if canary {
		w.Header().Set(canaryHeader, "true")
	}
	answer := &answered{ResponseWriter: w, code: http.StatusOK}
	defer func() { b.count(to.stats, answer.code, time.Since(began)) }()
	if len(addresses) == 0 {
		answer.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	r.URL = &url.URL{Scheme: "http", Host: addresses[rand.IntN(len(addresses))], Path: r.URL.Path}
	b.forward.ServeHTTP(answer, r)
}

// answered remembers the code of an answer.
type answered struct {
	http.ResponseWriter
	code int
}

func (a *answered) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// draw chooses where a request goes: to the canary with the probability of its weight.
func (b *builtin) draw() (to arm, addresses []string, canary bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	to = b.routing.stable
	if b.routing.there && rand.IntN(100) < b.routing.weight {
		to, canary = b.routing.canary, true
	}
	return to, b.routing.addresses[to.cluster], canary
}

// count adds an answer to the statistics.
func (b *builtin) count(stats string, code int, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.counts[stats]
	if c == nil {
		c = &counts{classes: map[int]int{}, below: make([]int, len(bounds))}
		b.counts[stats] = c
	}
	c.classes[code/100]++
	for i, bound := range bounds {
		if took.Seconds()*1000 <= bound {
			c.below[i]++
		}
	}
}

func (b *builtin) page(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.URL.Path == "/config_dump" {
		return kubetest.Text(b.configuration()), nil
	}
	filter, err := regexp.Compile(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	return kubetest.Text(b.statistics(filter)), nil
}

// configuration returns Envoy's config_dump.
func (b *builtin) configuration() string {
	var routes []string
	if b.routing.there {
		routes = append(routes, fmt.Sprintf(`{"match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": %d}}}, "route": {"cluster": %q}}`, b.routing.weight, b.routing.canary.cluster))
	}
	routes = append(routes, fmt.Sprintf(`{"match": {"prefix": "/"}, "route": {"cluster": %q}}`, b.routing.stable.cluster))
	return fmt.Sprintf(`{"configs": [{"route_config": {"name": "routes", "virtual_hosts": [{"name": "all", "routes": [%s]}]}, "last_updated": %q}]}`,
		strings.Join(routes, ","), b.changed.UTC().Format(time.RFC3339Nano))
}

// statistics returns Envoy's metrics page for a filter.
func (b *builtin) statistics(filter *regexp.Regexp) string {
	var page strings.Builder
	page.WriteString("envoy_server_live{} 1\n")
	for _, name := range slices.Sorted(maps.Keys(b.counts)) {
		c := b.counts[name]
		all := 0
		for _, class := range slices.Sorted(maps.Keys(c.classes)) {
			all += c.classes[class]
			if filter.MatchString(fmt.Sprintf("cluster.%s.upstream_rq_%dxx", name, class)) {
				fmt.Fprintf(&page, "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"%d\",envoy_cluster_name=%q} %d\n", class, name, c.classes[class])
			}
		}
		if !filter.MatchString("cluster." + name + ".upstream_rq_time") {
			continue
		}
		for i, bound := range bounds {
			fmt.Fprintf(&page, "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q,le=\"%g\"} %d\n", name, bound, c.below[i])
		}
		fmt.Fprintf(&page, "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q,le=\"+Inf\"} %d\n", name, all)
	}
	return page.String()
}
