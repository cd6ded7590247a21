package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

// gateway stands in for Emissary: its proxy sends requests where the Mappings of the cluster
// ask, and it has the pages that canarize reads.
type gateway struct {
	api   *kubetest.API
	node  *node
	proxy proxy

	mu      sync.Mutex
	version int // of the cluster when routing was computed; -1 before
	routing routing
	frozen  bool // applies no change of a Mapping
	silent  bool // does not tell its statistics
}

// proxy takes the requests of the users: an Envoy, or a stand-in for one.
type proxy interface {
	// route makes it send requests as they say from now on, or a few milliseconds later.
	route(routing) error
	// page answers with a page of Envoy's admin interface.
	page(*http.Request) (*http.Response, error)
	// run serves the users until ctx ends. An error says why it ended before that. Nothing
	// of the proxy is left then.
	run(ctx context.Context) error
}

// routing says where requests go.
type routing struct {
	split
	addresses map[string][]string // of the pods that answer for a cluster of Envoy, sorted
}

// split says which version gets a request.
type split struct {
	stable, canary arm
	there          bool // there is a canary
	weight         int  // of the canary, in percent
}

// arm is one of the two Mappings.
type arm struct {
	service        string
	cluster, stats string // Envoy's names
	timeout        time.Duration
}

// arms returns the arms of a split.
func (s split) arms() []arm {
	if s.there {
		return []arm{s.canary, s.stable}
	}
	return []arm{s.stable}
}

// canaryHeader tells a client of the demo that the canary answered. Emissary adds no such
// header.
const canaryHeader = "Demo-Canary"

// newGateway returns a gateway whose proxy start starts.
func newGateway(api *kubetest.API, n *node, start func(routing) (proxy, error)) (*gateway, error) {
	g := &gateway{api: api, node: n, version: -1}
	g.routing = g.wanted()
	var err error
	g.proxy, err = start(g.routing)
	return g, err
}

// run serves the users and applies what changes until ctx ends. An error says why the
// gateway ended before that.
func (g *gateway) run(ctx context.Context) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx)) // the proxy ends after its last change
	ended := make(chan error, 1)
	go func() { ended <- g.proxy.run(serving) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := g.follow(); err != nil {
				stop()
				if died := <-ended; died != nil {
					return died // the reason
				}
				return err
			}
		case err := <-ended:
			stop()
			return err
		case <-ctx.Done():
			stop()
			return <-ended
		}
	}
}

// follow applies what has changed in the cluster.
func (g *gateway) follow() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.api.Version()
	if now == g.version {
		return nil
	}
	g.version, g.routing = now, g.wanted()
	return g.proxy.route(g.routing)
}

// wanted returns the routing that the cluster asks for. A frozen gateway keeps its split, but
// where a Service leads is not up to it.
func (g *gateway) wanted() routing {
	next := routing{g.routing.split, map[string][]string{}}
	if !g.frozen {
		next.split = splitOf(g.api.Under(mappingsPath))
	}
	for _, a := range next.arms() {
		next.addresses[a.cluster] = g.node.endpoints(g.api.Get(servicesPath + a.service))
	}
	return next
}

// splitOf returns the split of Mappings, by path.
func splitOf(mappings map[string]map[string]any) (s split) {
	for _, mapping := range mappings {
		spec, _ := mapping["spec"].(values)
		service, _ := spec["service"].(string)
		service, _, _ = strings.Cut(service, ":")
		service, _, _ = strings.Cut(service, ".")
		milliseconds, _ := strconv.Atoi(fmt.Sprint(spec["timeout_ms"]))
		a := arm{service, derive.Cluster(mapping, gatewayNamespace), derive.Stats(mapping, gatewayNamespace), time.Duration(milliseconds) * time.Millisecond}
		weight, weighted := spec["weight"]
		if !weighted {
			s.stable = a
			continue
		}
		s.canary, s.there = a, true
		s.weight, _ = strconv.Atoi(fmt.Sprint(weight))
	}
	return s
}

// weight returns the canary's share, in percent.
func (g *gateway) weight() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.routing.weight
}

// freeze makes the gateway ignore changes of Mappings. silence hides its statistics.
func (g *gateway) freeze()         { g.mu.Lock(); defer g.mu.Unlock(); g.frozen = true }
func (g *gateway) silence(on bool) { g.mu.Lock(); defer g.mu.Unlock(); g.silent = on }

// forward opens a tunnel to the gateway's pod.
func (g *gateway) forward(_ context.Context, _, pod string) (live.Tunnel, error) {
	return kubetest.NewTunnel(pod, g.page), nil
}

// page answers with a page of the gateway's pod: of Envoy's admin interface, or Emissary's
// diagnostics, in which nothing is ever wrong.
func (g *gateway) page(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/ambassador/") {
		return kubetest.Text(`{"route_info": [], "errors": []}`), nil
	}
	g.mu.Lock()
	silent := g.silent
	g.mu.Unlock()
	if silent && strings.HasPrefix(r.URL.Path, "/stats") {
		return nil, errors.New("connection refused")
	}
	return g.proxy.page(r)
}
