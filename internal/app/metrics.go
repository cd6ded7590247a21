package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/azuremonitor"
	"github.com/canarize/canarize/internal/metric/emissary"
	"github.com/canarize/canarize/internal/metric/endpoint"
	"github.com/canarize/canarize/internal/metric/exposition"
	"github.com/canarize/canarize/internal/metric/pods"
	"github.com/canarize/canarize/internal/metric/prometheus"
	"github.com/canarize/canarize/internal/metric/scrape"
	"github.com/canarize/canarize/internal/metric/web"
	"github.com/canarize/canarize/internal/rollout"
	routes "github.com/canarize/canarize/internal/traffic/emissary"
)

// Metrics is an open metric source of a release. The caller closes it.
type Metrics struct {
	source  metric.Source
	metrics []metric.Metric // empty when the source says so itself
	timeout time.Duration
	close   func()
}

// Close ends what is kept open between two readings.
func (m *Metrics) Close() { m.close() }

// Reader counts what happens to a release that begins at a time.
func (m *Metrics) Reader(begin time.Time) *metric.Reader {
	return &metric.Reader{Source: m.source, Tracker: metric.NewTracker(m.metrics, begin), Timeout: m.timeout}
}

// OpenMetrics opens the metric source that counts the requests of a release, whose
// canary is deployed; one without a name is Emissary. getenv looks up secrets.
func (e *Engine) OpenMetrics(ctx context.Context, plan rollout.Plan, config metric.Config, getenv func(string) string) (*Metrics, error) {
	var opened *Metrics
	var err error
	switch config.Source {
	case "", metric.Emissary:
		opened, err = e.openEmissary(ctx, plan)
	case metric.Pods:
		opened, err = e.openPods(ctx, plan, config)
	case metric.Prometheus, metric.AzureMonitor:
		opened, err = openPrometheus(plan, config, getenv)
	case metric.Web:
		opened, err = openWeb(config, getenv)
	default:
		err = fmt.Errorf("the metric source %s is not known; the known ones are %v", config.Source, metric.SourceNames())
	}
	if err != nil {
		return nil, err
	}
	opened.timeout = cmp.Or(config.Timeout, metric.DefaultTimeout)
	return opened, nil
}

func openWeb(config metric.Config, getenv func(string) string) (*Metrics, error) {
	server, err := endpoint.New(config.Access, getenv, nil)
	if err != nil {
		return nil, err
	}
	return &Metrics{source: web.New(server), close: func() {}}, nil
}

func openPrometheus(plan rollout.Plan, config metric.Config, getenv func(string) string) (*Metrics, error) {
	options := prometheus.Options{Queries: config.Queries, PodLabel: config.PodLabel, Labels: map[metric.Arm][]metric.Matcher{metric.Canary: config.Canary, metric.Stable: config.Stable}}
	if config.Canary == nil {
		var err error
		if options.Labels, err = podNames(plan.Workloads); err != nil {
			return nil, err
		}
		if options.PodLabel == "" {
			options.PodLabel = podLabel
		}
	}
	opened := &Metrics{metrics: metric.Metrics(config.Queries), close: func() {}}
	if config.Source == metric.AzureMonitor {
		credential, err := azuremonitor.Login(getenv)
		if err != nil {
			return nil, fmt.Errorf("azuremonitor: %w", err)
		}
		opened.source, err = azuremonitor.New(config.Access, options, getenv, credential)
		return opened, err
	}
	server, err := endpoint.New(config.Access, getenv, nil)
	if err != nil {
		return nil, err
	}
	opened.source = prometheus.New(server, options)
	return opened, nil
}

func (e *Engine) openEmissary(ctx context.Context, plan rollout.Plan) (*Metrics, error) {
	router, known := e.runner.Router.(*router)
	if !known {
		return nil, errors.New("the metric source emissary needs Emissary as the router of traffic")
	}
	if !slices.ContainsFunc(plan.Routes, func(r rollout.Route) bool { return r.Canary.Kind != "TCPMapping" }) {
		return nil, errors.New("the metric source emissary counts HTTP requests, and the release has only TCPMappings; name another source in spec.metrics")
	}
	clusters := emissary.Clusters{}
	for _, route := range plan.Routes {
		both, err := router.statsNames(ctx, route)
		if err != nil {
			return nil, err
		}
		for arm, name := range both {
			if !slices.Contains(clusters[arm], name) {
				clusters[arm] = append(clusters[arm], name)
			}
		}
	}
	followed := e.gateways.Pods()
	source, err := emissary.New(gatewayPages{e.gateways, followed, emissary.Path(clusters)}, clusters)
	if err != nil {
		return nil, err
	}
	return &Metrics{source: source, metrics: metric.Metrics(emissary.Queries()), close: followed.Close}, nil
}

// statsNames are the names under which Envoy counts a pair of routes; none of
// TCPMappings, whose connections have no good or bad answers.
func (r *router) statsNames(ctx context.Context, route rollout.Route) (map[metric.Arm]string, error) {
	if route.Canary.Kind == "TCPMapping" {
		return nil, nil
	}
	canary, err := r.Get(ctx, route.Canary)
	if err != nil {
		return nil, err
	}
	object, err := r.Get(ctx, route.Stable)
	if err != nil {
		return nil, err
	}
	var stable map[string]any
	if object != nil {
		if stable, err = routes.StableRoute(object, route.Name); err != nil {
			return nil, fmt.Errorf("%s: %w", route.Stable, err)
		}
	}
	names := map[metric.Arm]string{}
	for _, pair := range []struct {
		arm metric.Arm
		id  manifest.ID
		o   map[string]any
	}{{metric.Canary, route.Canary, canary}, {metric.Stable, route.Stable, stable}} {
		if pair.o == nil {
			return nil, fmt.Errorf("there are no requests to count: %w", &rollout.Refusal{Code: rollout.RefusedGone, Objects: []string{pair.id.String()}})
		}
		if names[pair.arm] = routes.Stats(pair.o, r.namespace); names[pair.arm] == "" {
			return nil, fmt.Errorf("%s: Emissary refuses it, so there are no requests to count", pair.id)
		}
	}
	return names, nil
}

// gatewayPages are the statistics of the gateway's Envoys.
type gatewayPages struct {
	gateways *kube.Gateways
	followed *kube.Pods
	path     string
}

func podOf(p kube.Pod, arms ...metric.Arm) scrape.Pod {
	return scrape.Pod{Namespace: p.Namespace, Name: p.Name, UID: p.UID, Restarts: p.Restarts, Ready: p.Ready, Arms: arms}
}

// Pods implements scrape.Cluster.
func (g gatewayPages) Pods(ctx context.Context) ([]scrape.Pod, error) {
	running, err := g.followed.Running(ctx)
	all := make([]scrape.Pod, len(running))
	for i, p := range running {
		all[i] = podOf(p, metric.Arms()...)
	}
	return all, err
}

// Page implements scrape.Cluster.
func (g gatewayPages) Page(ctx context.Context, p scrape.Pod) ([]byte, error) {
	return g.gateways.Page(ctx, kube.Pod{Namespace: p.Namespace, Name: p.Name, UID: p.UID}, g.path, exposition.Accept, scrape.Limit)
}

func (e *Engine) openPods(ctx context.Context, plan rollout.Plan, config metric.Config) (*Metrics, error) {
	pages, err := e.cluster.kube.Pages()
	if err != nil {
		return nil, err
	}
	a := &applicationPages{pages: pages, port: config.Port, path: config.Path, followed: map[metric.Arm][]*kube.Pods{}}
	for _, w := range plan.Workloads {
		for arm, id := range workloadsOf(w) {
			followed, err := e.follow(ctx, id)
			if err != nil {
				return nil, err
			}
			a.followed[arm] = append(a.followed[arm], followed)
		}
	}
	source, err := pods.New(a, config.Queries)
	if err != nil {
		return nil, err
	}
	return &Metrics{source: source, metrics: metric.Metrics(config.Queries), close: a.close}, nil
}

func workloadsOf(w rollout.Workload) map[metric.Arm]manifest.ID {
	return map[metric.Arm]manifest.ID{metric.Canary: w.Canary, metric.Stable: w.Stable}
}

// follow follows the pods of a workload.
func (e *Engine) follow(ctx context.Context, id manifest.ID) (*kube.Pods, error) {
	workload, err := e.cluster.Get(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case workload == nil:
		return nil, fmt.Errorf("there are no pods to ask: %w", &rollout.Refusal{Code: rollout.RefusedGone, Objects: []string{id.String()}})
	}
	selector, err := kube.SelectorOf(workload)
	if err != nil {
		return nil, err
	}
	return e.cluster.kube.Follow(id.Namespace, selector), nil
}

// applicationPages are the pages of metrics of the application's pods.
type applicationPages struct {
	pages    *kube.Pages
	port     int
	path     string
	followed map[metric.Arm][]*kube.Pods
}

// Pods implements scrape.Cluster.
func (a *applicationPages) Pods(ctx context.Context) ([]scrape.Pod, error) {
	var all []scrape.Pod
	for _, arm := range metric.Arms() {
		for _, followed := range a.followed[arm] {
			running, err := followed.Running(ctx)
			if err != nil {
				return nil, err
			}
			for _, p := range running {
				all = append(all, podOf(p, arm))
			}
		}
	}
	return all, nil
}

// Page implements scrape.Cluster.
func (a *applicationPages) Page(ctx context.Context, p scrape.Pod) ([]byte, error) {
	return a.pages.Get(ctx, kube.Pod{Namespace: p.Namespace, Name: p.Name}, a.port, a.path, exposition.Accept, scrape.Limit)
}

func (a *applicationPages) close() {
	for _, arm := range metric.Arms() {
		for _, followed := range a.followed[arm] {
			followed.Close()
		}
	}
}
