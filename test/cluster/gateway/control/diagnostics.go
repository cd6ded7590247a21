package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// Admin is the part of Envoy that the diagnostics need.
type Admin interface {
	Ready(ctx context.Context) bool
	Get(ctx context.Context, path string) ([]byte, error)
}

// Handler serves Emissary's port 8877: its probes, the statistics, and the diagnostics as
// JSON. The diagnostics have only the parts that programs can rely on, under Emissary's names
// (diagnostics.py, diagd.py).
func (c *Controller) Handler(admin Admin, began time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ambassador/v0/check_alive", func(w http.ResponseWriter, r *http.Request) {
		if !admin.Ready(r.Context()) && c.health.overdue(time.Now()) {
			http.Error(w, "Ambassador is not alive", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "Ambassador is alive and well")
	})
	mux.HandleFunc("GET /ambassador/v0/check_ready", func(w http.ResponseWriter, r *http.Request) {
		if c.config() == nil || !admin.Ready(r.Context()) {
			http.Error(w, "Ambassador is not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "Ambassador is ready and waiting")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		body, err := admin.Get(r.Context(), "/stats/prometheus")
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write(body) // an error means that the client has left
		c.writeOwnMetrics(w)
	})
	mux.HandleFunc("GET /ambassador/v0/diag/", func(w http.ResponseWriter, r *http.Request) {
		now := c.diagnosed()
		if now == nil {
			http.Error(w, "Can't do overview before configuration", http.StatusServiceUnavailable)
			return
		}
		if !shows(now.config.Module, r.RemoteAddr) {
			http.Error(w, "Not found", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.overview(*now, admin.Ready(r.Context()), began, time.Now()))
	})
	return mux
}

// diagnosed is the configuration the diagnostics show: the one that was applied
// last, or an older one while a test keeps them stale.
func (c *Controller) diagnosed() *applied {
	if !c.Faults.Now().Stale {
		c.shown.Store(c.current.Load())
	}
	return c.shown.Load()
}

// shows says whether a client may see the diagnostics (_allow_diag_ui in diagd.py):
// where the Module switches them off, only one in the same pod may, which a
// port-forward is.
func shows(module object, client string) bool {
	settings, found := module["diagnostics"].(object)
	enabled, _ := settings["enabled"].(bool)
	if nonLocal, _ := settings["allow_non_local"].(bool); nonLocal || enabled || !found {
		return true
	}
	address, err := netip.ParseAddrPort(client)
	return err == nil && address.Addr().Unmap().IsLoopback()
}

// writeOwnMetrics adds the few metrics of Emissary's own that say something here.
func (c *Controller) writeOwnMetrics(w http.ResponseWriter) {
	errors := 0
	if shown := c.diagnosed(); shown != nil {
		errors = len(shown.config.Posted)
	}
	fmt.Fprintf(w, "# HELP ambassador_diagnostics_errors Number of configuration errors\n"+
		"# TYPE ambassador_diagnostics_errors gauge\nambassador_diagnostics_errors %d\n", errors)
	fmt.Fprintf(w, "# HELP ambassador_reconfiguration_time_seconds Elapsed time on reconfiguration operations\n"+
		"# TYPE ambassador_reconfiguration_time_seconds gauge\nambassador_reconfiguration_time_seconds %g\n", c.health.took().Seconds())
}

type object = map[string]any

func (c *Controller) overview(now applied, ready bool, began, at time.Time) object {
	clusters := object{}
	for _, cluster := range now.config.Clusters {
		clusters[cluster.Name] = clusterInfo(cluster)
	}
	routes := []object{}
	for _, g := range now.config.Routes {
		routes = append(routes, routeInfo(g, now.config))
	}
	errors := [][2]string{}
	for _, p := range now.config.Posted {
		errors = append(errors, [2]string{p.Name + "." + p.Namespace + ".1", p.Text})
	}
	id := c.Options.AmbassadorID
	if id == "" {
		id = "default"
	}
	return object{
		"route_info":   routes,
		"cluster_info": clusters,
		"errors":       errors,
		"notices":      []object{},
		"envoy_status": object{
			"alive": ready, "ready": ready,
			"uptime": at.Sub(began).Round(time.Second).String(), "since_update": at.Sub(now.at).Round(time.Second).String(),
		},
		"system": object{
			"ambassador_id": id, "ambassador_namespace": c.Options.Namespace, "version": "canarize-test-gateway",
			"boot_time": began.UTC().Format(time.RFC3339), "env_good": true,
		},
	}
}

func clusterInfo(c model.Cluster) object {
	return object{
		"name": c.Name, "envoy_name": c.Name, "stats_name": c.Stats, "namespace": c.Namespace,
		"service": fmt.Sprintf("%s:%d", c.Host, c.Port),
		"urls":    []string{fmt.Sprintf("tcp://%s:%d", c.Host, c.Port)},
	}
}

// routeInfo describes a group as include_httpgroup does (diagnostics.py). That lists the
// Mappings by descending weight of their routes, this in the order of the routes. Both are
// the same unless members differ in more than their weight.
func routeInfo(g model.RouteGroup, config model.Configuration) object {
	host, method := "*", "*"
	var headers []object
	for _, h := range g.Headers {
		switch h.Name {
		case ":authority":
			host = h.Value
		case ":method":
			method = h.Value
		default:
			headers = append(headers, object{"name": h.Name, "value": h.Value, "regex": h.Regex})
		}
	}
	mappings, clusters := []object{}, []object{}
	for _, r := range g.Routes {
		mappings = append(mappings, mappingInfo(r, config))
		weight, found := r.Spec["weight"]
		if !found {
			weight = 100
		}
		clusters = append(clusters, object{"name": r.Cluster, "weight": weight})
	}
	shadows := []object{}
	if g.Shadow != nil {
		shadows = append(shadows, mappingInfo(*g.Shadow, config))
		clusters = append(clusters, object{"name": g.Shadow.Cluster, "type_label": "shadow", "weight": 100})
	}
	route := object{"prefix": g.Prefix, "host": host, "mappings": mappings, "shadows": shadows, "headers": headers}
	for field, v := range g.Spec {
		if _, found := route[field]; !found {
			route[field] = v
		}
	}
	rewrite := any("/")
	if len(g.Routes) > 0 {
		if v, found := g.Routes[len(g.Routes)-1].Spec["rewrite"]; found {
			rewrite = v
		}
	}
	return object{
		"_route": route, "key": "http://" + host + g.Prefix, "prefix": g.Prefix, "rewrite": rewrite,
		"method": method, "headers": headers, "clusters": clusters, "host": host,
	}
}

func mappingInfo(r model.Route, config model.Configuration) object {
	out := object{}
	for field, v := range r.Spec {
		out[field] = v
	}
	out["name"], out["namespace"], out["_weight"] = r.Mapping, r.Namespace, r.Threshold
	for _, cluster := range config.Clusters {
		if cluster.Name == r.Cluster {
			out["cluster"] = clusterInfo(cluster)
		}
	}
	return out
}
