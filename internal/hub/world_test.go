package hub_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/hub"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/emissary"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/runner"
)

const (
	gatewayNamespace = "emissary"
	gatewayPods      = 2
	mappingsPath     = "/apis/getambassador.io/v3alpha1/namespaces/shop/mappings/"
	deploymentsPath  = "/apis/apps/v1/namespaces/shop/deployments/"
)

type values = map[string]any

// world is a cluster in memory with applications. Its gateway routes as the Mappings
// say and counts the requests.
type world struct {
	*kubetest.API
	hub      *hub.Hub
	gateways *live.Gateways

	mu      sync.Mutex
	tunnels map[string]int         // opened, by pod
	read    map[string][]time.Time // when pages were read, by pod and path
	counts  map[string]float64     // of requests, by cluster and class
	counted time.Time
	names   map[string]names // of Mappings, by path
	routed  map[string]routed
	dump    string                     // config_dump
	version int                        // of the cluster when routed and dump were computed
	frozen  bool                       // the gateway applies no change
	fault   string                     // errors in its diagnostics
	events  map[string][]rollout.Event // by release
}

// newWorld returns a world with version 1 of the applications. Releases change them to
// version 2.
func newWorld(t testing.TB, applications int) *world {
	t.Helper()
	w := &world{
		API: kubetest.New(), tunnels: map[string]int{}, read: map[string][]time.Time{},
		counts: map[string]float64{}, counted: time.Now(), names: map[string]names{}, events: map[string][]rollout.Event{},
	}
	w.Settle = settle
	for n := range gatewayPods {
		name := fmt.Sprintf("emissary-%d", n)
		w.Put("/api/v1/namespaces/"+gatewayNamespace+"/pods/"+name, values{
			"apiVersion": "v1", "kind": "Pod", "metadata": values{"name": name, "namespace": gatewayNamespace, "labels": values{"app.kubernetes.io/name": "emissary-ingress"}},
			"status": values{"phase": "Running", "conditions": []any{values{"type": "Ready", "status": "True"}}},
		})
	}
	for n := range applications {
		for _, o := range application(n, "", "good:1") {
			w.Put(pathOf(o), o)
		}
	}
	cluster := w.connect(t)
	w.gateways = live.NewGateways(cluster, live.Gateway{Namespace: gatewayNamespace, Forward: w.forward})
	w.hub = w.process(cluster)
	return w
}

func (w *world) connect(t testing.TB) *kube.Cluster {
	t.Helper()
	cluster, err := kube.New(&rest.Config{Host: "http://fake:6443", Transport: w.API}, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

// another returns the hub of another process.
func (w *world) another(t testing.TB) *hub.Hub { return w.process(w.connect(t)) }

func (w *world) process(cluster *kube.Cluster) *hub.Hub {
	return hub.New(hub.Options{
		Cluster: cluster, Source: w.source, Runner: runner.Options{ReadyTimeout: time.Minute},
		Router: func(c route.Cluster) route.Live {
			return &live.Router{Cluster: c, Namespace: gatewayNamespace, Gateways: w.gateways}
		},
		Emit: func(r runner.Release, e rollout.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events[r.Name] = append(w.events[r.Name], e)
		},
	})
}

// settle acts like the controller of Deployments: pods are ready at once.
func settle(o map[string]any) {
	if o["kind"] != "Deployment" {
		return
	}
	n := o["spec"].(values)["replicas"]
	o["status"] = values{"observedGeneration": 1, "replicas": n, "updatedReplicas": n, "readyReplicas": n, "availableReplicas": n}
}

func pathOf(o map[string]any) string {
	meta := kubetest.Meta(o)
	group := map[string]string{"Deployment": "/apis/apps/v1", "Service": "/api/v1", "Mapping": "/apis/getambassador.io/v3alpha1"}[o["kind"].(string)]
	return fmt.Sprintf("%s/namespaces/%s/%ss/%s", group, meta["namespace"], strings.ToLower(o["kind"].(string)), meta["name"])
}

func nameOf(n int) string { return fmt.Sprintf("app-%d", n) }

// application returns the objects of a version of an application, or of its canary.
func application(n int, suffix, image string) []map[string]any {
	name := nameOf(n) + suffix
	object := func(version, kind string, spec values) values {
		meta := values{"name": name, "namespace": "shop"}
		if suffix != "" {
			meta["labels"] = values{rollout.ReleaseLabel: nameOf(n)}
		}
		return values{"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec}
	}
	replicas, route := int64(4), values{"hostname": "*", "prefix": "/" + nameOf(n) + "/", "service": name + ":8080"}
	if suffix != "" {
		replicas, route["weight"] = 1, int64(0)
	}
	labels := values{"app": name}
	pods := values{"metadata": values{"labels": labels}, "spec": values{"containers": []any{values{"name": "web", "image": image}}}}
	return []map[string]any{
		object("apps/v1", "Deployment", values{"replicas": replicas, "selector": values{"matchLabels": labels}, "template": pods}),
		object("v1", "Service", values{"selector": labels, "ports": []any{values{"port": int64(8080)}}}),
		object("getambassador.io/v3alpha1", "Mapping", route),
	}
}

// plan returns the plan for a version of an application.
func plan(n int, image string) *rollout.Plan {
	id := func(group, kind, suffix string) manifest.ID {
		return manifest.ID{Group: group, Kind: kind, Namespace: "shop", Name: nameOf(n) + suffix}
	}
	pair := func(group, kind string) rollout.Pair {
		return rollout.Pair{Stable: id(group, kind, ""), Canary: id(group, kind, "-canary")}
	}
	canary := application(n, "-canary", image)
	return &rollout.Plan{
		Stable: application(n, "", image), Canary: canary,
		Workloads: []rollout.Workload{{Pair: pair("apps", "Deployment")}},
		Services:  []rollout.Pair{pair("", "Service")},
		Routes:    []rollout.Route{{Pair: pair("getambassador.io", "Mapping"), TimeoutMS: 3000, Target: derive.Cluster(canary[2], gatewayNamespace)}},
	}
}

// run releases a version of an application, to the end.
func (w *world) run(ctx context.Context, n int, image string, steps ...analysis.Step) (rollout.State, error) {
	return w.release(ctx, n, plan(n, image), steps...)
}

// release carries out a plan for an application, to the end.
func (w *world) release(ctx context.Context, n int, p *rollout.Plan, steps ...analysis.Step) (rollout.State, error) {
	config := analysis.Default()
	config.Interval, config.Warmup, config.Bake, config.Ramp.Steps = 5, 5, 20, steps
	return w.hub.Run(ctx, runner.Release{Namespace: "shop", Name: nameOf(n)}, rollout.Run{Holder: "test"}, p, hub.RunOptions{
		Analysis: config, Metrics: metric.DefaultConfig(),
	})
}

// source opens the gateways as the metric source.
func (w *world) source(ctx context.Context, o hub.Opening) (*metric.Opened, error) {
	clusters := emissary.Clusters{}
	for _, r := range o.Plan.Routes {
		stable, canary, err := o.Router.(route.Counted).Names(ctx, r)
		if err != nil {
			return nil, err
		}
		clusters[metric.Stable], clusters[metric.Canary] = append(clusters[metric.Stable], stable), append(clusters[metric.Canary], canary)
	}
	statistics := w.gateways.Statistics(clusters.Names())
	source, err := emissary.New(statistics, clusters)
	return &metric.Opened{Source: source, Metrics: metric.Metrics(emissary.Queries()), End: statistics.Close}, err
}

// forward opens a tunnel to a gateway pod.
func (w *world) forward(_ context.Context, _, pod string) (live.Tunnel, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tunnels[pod]++
	return kubetest.NewTunnel(pod, func(r *http.Request) (*http.Response, error) { return w.page(pod, r), nil }), nil
}

// page answers for a gateway pod.
func (w *world) page(pod string, r *http.Request) *http.Response {
	w.mu.Lock()
	defer w.mu.Unlock()
	page := pod + " " + r.URL.Path
	w.read[page] = append(w.read[page], time.Now())
	switch r.URL.Path {
	case "/config_dump":
		w.route()
		return kubetest.Text(w.dump)
	case "/stats/prometheus":
		w.count()
		w.route()
		return kubetest.Text(w.statistics(regexp.MustCompile(r.URL.Query().Get("filter"))))
	}
	return kubetest.Text(`{"route_info": [], "errors": [` + w.fault + `]}`)
}

// routed is an application as the gateway routes it.
type routed struct {
	stable, canary names
	there          bool    // whether it has a canary
	weight         float64 // of the canary
	bad, refuses   bool    // whether the canary fails, or answers 404
}

// names are Envoy's names of a Mapping.
type names struct{ cluster, stats string }

// route computes the routes of the current Mappings, as Emissary would.
func (w *world) route() {
	if w.version == w.Version() || w.frozen {
		return
	}
	w.version, w.routed = w.Version(), map[string]routed{}
	for path, mapping := range w.Under(mappingsPath) {
		if _, known := w.names[path]; !known {
			w.names[path] = names{derive.Cluster(mapping, gatewayNamespace), derive.Stats(mapping, gatewayNamespace)}
		}
		name, is := strings.CutSuffix(strings.TrimPrefix(path, mappingsPath), "-canary")
		r := w.routed[name]
		if is {
			spec := mapping["spec"].(values)
			r.canary, r.there = w.names[path], true
			r.weight, _ = spec["weight"].(float64)
			image := imageOf(w.Get(deploymentsPath + name + "-canary"))
			r.bad, r.refuses = image == "bad:2", image == "refuses:2"
		} else {
			r.stable = w.names[path]
		}
		w.routed[name] = r
	}
	var routes []string
	for _, name := range slices.Sorted(maps.Keys(w.routed)) {
		r := w.routed[name]
		if r.there {
			routes = append(routes, fmt.Sprintf(`{"match": {"prefix": "/%s/", "runtime_fraction": {"default_value": {"numerator": %g}}}, "route": {"cluster": %q}}`, name, r.weight, r.canary.cluster))
		}
		routes = append(routes, fmt.Sprintf(`{"match": {"prefix": "/%s/"}, "route": {"cluster": %q}}`, name, r.stable.cluster))
	}
	config := fmt.Sprintf(`{"name": "routes", "virtual_hosts": [{"name": "all", "routes": [%s]}]}`, strings.Join(routes, ","))
	if !strings.Contains(w.dump, config) {
		w.dump = fmt.Sprintf(`{"configs": [{"route_config": %s, "last_updated": %q}]}`, config, time.Now().UTC().Format(time.RFC3339Nano))
	}
}

// imageOf returns the image in a Deployment.
func imageOf(deployment map[string]any) string {
	for _, field := range []string{"spec", "template", "spec"} {
		deployment, _ = deployment[field].(values)
	}
	containers, _ := deployment["containers"].([]any)
	if len(containers) == 0 {
		return ""
	}
	image, _ := containers[0].(values)["image"].(string)
	return image
}

// requestsPerSecond is the rate of each application.
const requestsPerSecond = 1000

// count adds the requests since its last call, split by the weights at that time.
func (w *world) count() {
	seconds := time.Since(w.counted).Seconds()
	w.counted = time.Now()
	for _, r := range w.routed {
		sent := seconds * requestsPerSecond / gatewayPods
		canary, failed := sent*r.weight/100, .001
		if r.bad {
			failed = .5
		}
		refused := 0.
		if r.refuses {
			refused = .05
		}
		if r.there {
			w.counts[r.canary.stats+" 4"] += canary * refused
			w.counts[r.canary.stats+" 2"] += canary * (1 - failed - refused)
			w.counts[r.canary.stats+" 5"] += canary * failed
		}
		w.counts[r.stable.stats+" 2"] += (sent - canary) * .999
		w.counts[r.stable.stats+" 5"] += (sent - canary) * .001
	}
}

// statistics returns Envoy's metrics page for a filter. All pods return the same
// counts.
func (w *world) statistics(filter *regexp.Regexp) string {
	var b strings.Builder
	b.WriteString("envoy_server_live{} 1\n")
	for key, n := range w.counts {
		name, class, _ := strings.Cut(key, " ")
		if !filter.MatchString("cluster." + name + ".upstream_rq_" + class + "xx") {
			continue
		}
		fmt.Fprintf(&b, "envoy_cluster_upstream_rq_xx{envoy_response_code_class=%q,envoy_cluster_name=%q} %d\n", class, name, int(n))
		if class == "2" {
			fmt.Fprintf(&b, "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q,le=\"25\"} %d\n", name, int(n))
			fmt.Fprintf(&b, "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q,le=\"+Inf\"} %d\n", name, int(n))
		}
	}
	return b.String()
}

// mostIn returns the largest number of reads of one page of a pod within a time.
func (w *world) mostIn(d time.Duration) (most int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, times := range w.read {
		first := 0
		for i, began := range times {
			for began.Sub(times[first]) >= d {
				first++
			}
			most = max(most, i-first+1)
		}
	}
	return most
}

// requestsFrom returns the requests from number from on, without the renewals of locks.
func (w *world) requestsFrom(from int) []string {
	return slices.DeleteFunc(w.Requests()[from:], func(r string) bool { return strings.Contains(r, "/leases") })
}
