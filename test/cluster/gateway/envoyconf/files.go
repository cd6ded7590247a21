// Package envoyconf translates results of internal/route/emissary/model into Envoy's own
// configuration, as Emissary's generator does (python/ambassador/envoy/v3 in its source; the
// file names in comments are from there). It is pure: values in, JSON values out.
//
// Like Emissary it passes on fields of Mappings unchanged, right or wrong, and lets Envoy
// refuse them. Two things differ in form, not in meaning: fields that Envoy has removed
// since are written in their present form, and routes are in route discovery files instead
// of an aggregated stream.
package envoyconf

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// object is a JSON object.
type object = map[string]any

// Site describes where Envoy runs.
type Site struct {
	Dir       string // of the discovery files
	Bind      string // address the Listeners bind to
	AdminHost string
	AdminPort int
	// ByEndpoints makes every cluster use the API server's endpoints, not only those
	// whose resolver asks for it. It is for machines without DNS and kube-proxy.
	ByEndpoints bool
}

// Names of the discovery files that exist once.
const (
	CDS = "cds.json"
	LDS = "lds.json"
)

// EDS names the discovery file with the endpoints of a cluster. Envoy reads one cluster from
// such a file, and one route configuration from a file for routes.
func EDS(cluster string) string { return "eds-" + cluster + ".json" }

// RDS names the discovery file with the routes of a port.
func RDS(port int) string { return fmt.Sprintf("rds-%d.json", port) }

const typePrefix = "type.googleapis.com/envoy."

// Bootstrap returns the configuration with which Envoy starts.
func Bootstrap(s Site) any {
	out := s.base()
	out["dynamic_resources"] = object{
		"cds_config": s.file(CDS),
		"lds_config": s.file(LDS),
	}
	return out
}

// Static returns the whole configuration in one piece, for `envoy --mode validate`. The
// routes are inside the listeners and the clusters beside them, so that Envoy also finds a
// route to a cluster that does not exist.
func Static(s Site, c model.Configuration) any {
	out := s.base()
	clusters := []any{}
	for _, cluster := range c.Clusters {
		clusters = append(clusters, s.cluster(cluster, c.Module))
	}
	listeners := []any{}
	for i, p := range c.Ports {
		listeners = append(listeners, s.listener(p, c.Module, "route_config", routeConfig(c, i)))
	}
	out["static_resources"] = object{"clusters": clusters, "listeners": listeners}
	return out
}

func (s Site) base() object {
	return object{
		"node":  object{"id": "test-id", "cluster": "gateway"},
		"admin": object{"address": socket(s.AdminHost, s.AdminPort)},
		"layered_runtime": object{"layers": []any{object{
			"name":         "static_layer",
			"static_layer": object{"re2.max_program_size.error_level": 200},
		}}},
	}
}

// File is a discovery file.
type File struct {
	Name      string
	Resources []any
}

// Files returns the discovery files in the order in which they have to be written: a file
// comes after the files that it refers to, as on Emissary's aggregated stream.
func Files(s Site, c model.Configuration) []File {
	clusters := File{Name: CDS, Resources: []any{}}
	for _, cluster := range c.Clusters {
		clusters.Resources = append(clusters.Resources, typed("config.cluster.v3.Cluster", s.cluster(cluster, c.Module)))
	}
	out := []File{clusters}
	listeners := File{Name: LDS, Resources: []any{}}
	for i, p := range c.Ports {
		routes := typed("config.route.v3.RouteConfiguration", routeConfig(c, i))
		out = append(out, File{Name: RDS(p.Number), Resources: []any{routes}})
		rds := object{"route_config_name": RouteConfigName(p.Number), "config_source": s.file(RDS(p.Number))}
		listeners.Resources = append(listeners.Resources, typed("config.listener.v3.Listener", s.listener(p, c.Module, "rds", rds)))
	}
	return append(out, listeners)
}

// Endpoint is an address that answers for a cluster.
type Endpoint struct {
	Address string
	Port    int
}

// Endpoints returns the discovery files with the endpoints of every cluster that uses them.
func Endpoints(s Site, c model.Configuration, of func(model.Cluster) []Endpoint) []File {
	var out []File
	for _, cluster := range c.Clusters {
		if s.byEndpoints(cluster) {
			known := typed("config.endpoint.v3.ClusterLoadAssignment", assignment(cluster.Name, of(cluster)))
			out = append(out, File{Name: EDS(cluster.Name), Resources: []any{known}})
		}
	}
	return out
}

// Encode returns a discovery file with a version.
func (f File) Encode(version string) ([]byte, error) {
	b, err := json.MarshalIndent(object{"version_info": version, "resources": f.Resources}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", f.Name, err)
	}
	return b, nil
}

func typed(name string, o object) object {
	out := object{"@type": typePrefix + name}
	for k, v := range o {
		out[k] = v
	}
	return out
}

func (s Site) file(name string) object {
	return object{
		"resource_api_version": "V3",
		"path_config_source":   object{"path": filepath.Join(s.Dir, name)},
	}
}

func socket(address string, port int) object {
	return object{"socket_address": object{"address": address, "port_value": port, "protocol": "TCP"}}
}

// milliseconds formats a duration for Envoy.
func milliseconds(ms float64) string { return fmt.Sprintf("%.3fs", ms/1000) }

// defaultValidation is how long one validation may take (irambassador.py).
const defaultValidation = 60 * time.Second

// ValidationTimeout is how long one validation may take; 0: Emissary does without.
func ValidationTimeout(module object) time.Duration {
	if seconds, ok := number(module["envoy_validation_timeout"]); ok {
		return time.Duration(seconds) * time.Second
	}
	return defaultValidation
}

// number reads a number as encoding/json or client-go decodes it.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}

func fields(v any) object {
	o, _ := v.(object)
	return o
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func set(v any) bool {
	switch t := v.(type) {
	case nil:
		return false
	case bool:
		return t
	case string:
		return t != ""
	case []any:
		return len(t) > 0
	case object:
		return len(t) > 0
	}
	return true
}
