package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	"github.com/canarize/canarize/internal/route/emissary/live"
)

// gatewayNamespace is where Emissary runs.
const gatewayNamespace = "emissary"

// gateway is a reverse proxy that splits requests as the Mappings of the cluster ask, and
// has the pages of Emissary and its Envoy that canarize reads.
type gateway struct {
	api   *kubetest.API
	node  *node
	proxy http.Handler

	mu      sync.Mutex
	version int // of the cluster when split was computed; -1 before
	split   split
	changed time.Time // when split was last another one
	frozen  bool      // applies no change of a Mapping
	silent  bool      // does not tell its statistics
	counts  map[string]*counts
}

// split says where requests go.
type split struct {
	stable, canary arm
	there          bool    // there is a canary
	weight         float64 // of the canary, in percent
}

// arm is one of the two Mappings.
type arm struct {
	service        string
	cluster, stats string // Envoy's names
}

// counts are Envoy's statistics of a cluster.
type counts struct {
	classes map[int]int // of the answers, such as 2 for 200 to 299
	below   []int       // by boundary of the latency
}

// bounds are the boundaries of Envoy's histograms, in milliseconds.
var bounds = []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000}

// canaryHeader tells a client of the demo that the canary answered. Emissary adds no such
// header.
const canaryHeader = "Demo-Canary"

func newGateway(api *kubetest.API, n *node) *gateway {
	g := &gateway{api: api, node: n, version: -1, counts: map[string]*counts{}}
	g.proxy = &httputil.ReverseProxy{
		ErrorLog:     silent(),
		Rewrite:      func(r *httputil.ProxyRequest) {},
		Transport:    &http.Transport{MaxIdleConnsPerHost: atOnce},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) },
	}
	return g
}

// ServeHTTP sends a request to a pod of one version.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	to, canary := g.draw()
	if canary {
		w.Header().Set(canaryHeader, "true")
	}
	answer := &answered{ResponseWriter: w, code: http.StatusOK}
	defer func() { g.count(to.stats, answer.code, time.Since(began)) }()
	addresses := g.node.endpoints(g.api.Get(servicesPath + to.service))
	if len(addresses) == 0 {
		answer.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	r.URL = &url.URL{Scheme: "http", Host: addresses[rand.IntN(len(addresses))], Path: r.URL.Path}
	g.proxy.ServeHTTP(answer, r)
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
func (g *gateway) draw() (to arm, canary bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.follow()
	if g.split.there && rand.Float64()*100 < g.split.weight {
		return g.split.canary, true
	}
	return g.split.stable, false
}

// follow applies the Mappings of the cluster, unless the gateway is frozen.
func (g *gateway) follow() {
	now := g.api.Version()
	if now == g.version || g.frozen {
		return
	}
	g.version = now
	var next split
	for _, mapping := range g.api.Under(mappingsPath) {
		spec, _ := mapping["spec"].(values)
		service, _ := spec["service"].(string)
		service, _, _ = strings.Cut(service, ":")
		service, _, _ = strings.Cut(service, ".")
		a := arm{service, derive.Cluster(mapping, gatewayNamespace), derive.Stats(mapping, gatewayNamespace)}
		weight, weighted := spec["weight"]
		if !weighted {
			next.stable = a
			continue
		}
		next.canary, next.there = a, true
		next.weight, _ = strconv.ParseFloat(fmt.Sprint(weight), 64)
	}
	if next != g.split {
		g.split, g.changed = next, time.Now()
	}
}

// count adds an answer to the statistics.
func (g *gateway) count(stats string, code int, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.counts[stats]
	if c == nil {
		c = &counts{classes: map[int]int{}, below: make([]int, len(bounds))}
		g.counts[stats] = c
	}
	c.classes[code/100]++
	for i, bound := range bounds {
		if took.Seconds()*1000 <= bound {
			c.below[i]++
		}
	}
}

// freeze makes the gateway ignore changes of Mappings. silence hides its statistics.
func (g *gateway) freeze(on bool)  { g.mu.Lock(); defer g.mu.Unlock(); g.follow(); g.frozen = on }
func (g *gateway) silence(on bool) { g.mu.Lock(); defer g.mu.Unlock(); g.silent = on }

// forward opens a tunnel to the gateway's pod.
func (g *gateway) forward(_ context.Context, _, pod string) (live.Tunnel, error) {
	return kubetest.NewTunnel(pod, g.page), nil
}

// page answers with a page that canarize reads.
func (g *gateway) page(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.follow()
	switch {
	case r.URL.Path == "/config_dump":
		return kubetest.Text(g.configuration()), nil
	case r.URL.Path == "/stats/prometheus" && g.silent:
		return nil, errors.New("connection refused")
	case r.URL.Path == "/stats/prometheus":
		filter, err := regexp.Compile(r.URL.Query().Get("filter"))
		if err != nil {
			return nil, err
		}
		return kubetest.Text(g.statistics(filter)), nil
	}
	return kubetest.Text(`{"route_info": [], "errors": []}`), nil
}

// configuration returns Envoy's config_dump.
func (g *gateway) configuration() string {
	var routes []string
	if g.split.there {
		routes = append(routes, fmt.Sprintf(`{"match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": %g}}}, "route": {"cluster": %q}}`, g.split.weight, g.split.canary.cluster))
	}
	routes = append(routes, fmt.Sprintf(`{"match": {"prefix": "/"}, "route": {"cluster": %q}}`, g.split.stable.cluster))
	return fmt.Sprintf(`{"configs": [{"route_config": {"name": "routes", "virtual_hosts": [{"name": "all", "routes": [%s]}]}, "last_updated": %q}]}`,
		strings.Join(routes, ","), g.changed.UTC().Format(time.RFC3339Nano))
}

// statistics returns Envoy's metrics page for a filter.
func (g *gateway) statistics(filter *regexp.Regexp) string {
	var b strings.Builder
	b.WriteString("envoy_server_live{} 1\n")
	for _, name := range slices.Sorted(maps.Keys(g.counts)) {
		c := g.counts[name]
		all := 0
		for _, class := range slices.Sorted(maps.Keys(c.classes)) {
			all += c.classes[class]
			if filter.MatchString(fmt.Sprintf("cluster.%s.upstream_rq_%dxx", name, class)) {
				fmt.Fprintf(&b, "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"%d\",envoy_cluster_name=%q} %d\n", class, name, c.classes[class])
			}
		}
		if !filter.MatchString("cluster." + name + ".upstream_rq_time") {
			continue
		}
		for i, bound := range bounds {
			fmt.Fprintf(&b, "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q,le=\"%g\"} %d\n", name, bound, c.below[i])
		}
		fmt.Fprintf(&b, "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q,le=\"+Inf\"} %d\n", name, all)
	}
	return b.String()
}
