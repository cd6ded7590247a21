// Package envoyconf turns what internal/route/emissary/model says Emissary would tell Envoy
// into Envoy's own configuration, in the way of Emissary's generator
// (python/ambassador/envoy/v3 in its source; the file names in comments are from
// there). It is pure: values in, JSON values out.
//
// Fields of Mappings are handed on as they are, right or wrong, as Emissary does:
// it is Envoy that refuses them. Two things differ in form and not in meaning.
// Fields that Envoy has meanwhile removed are written in their present form, and
// routes travel in a route discovery file instead of an aggregated stream.
package envoyconf

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// object is an object as JSON has it.
type object = map[string]any

// Site says where Envoy runs.
type Site struct {
	Dir       string // of the discovery files
	Bind      string // address the Listeners bind to
	AdminHost string
	AdminPort int
	// ByEndpoints makes every cluster use the endpoints the API server knows, and
	// not only those whose resolver asks for it: for where there is no DNS and no
	// kube-proxy to find Services by.
	ByEndpoints bool
}

// Names of the discovery files that there is one of.
const (
	CDS = "cds.json"
	LDS = "lds.json"
)

// EDS names the discovery file with the endpoints of a cluster. Envoy takes one
// cluster from such a file, and one route configuration from one for routes.
func EDS(cluster string) string { return "eds-" + cluster + ".json" }

// RDS names the discovery file with the routes of a port.
func RDS(port int) string { return fmt.Sprintf("rds-%d.json", port) }

const typePrefix = "type.googleapis.com/envoy."

// Bootstrap is what Envoy is started with.
func Bootstrap(s Site) any {
	out := s.base()
	out["dynamic_resources"] = object{
		"cds_config": s.file(CDS),
		"lds_config": s.file(LDS),
	}
	return out
}

// Static is the whole configuration in one piece, for `envoy --mode validate`:
// with the routes inside the listeners and the clusters beside them, so that also
// a route to a cluster that does not exist is found.
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

// Files gives the discovery files in the order in which they have to be written:
// what is referred to comes before what refers to it, as on Emissary's aggregated
// stream.
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

// Endpoints gives the discovery files with the endpoints of every cluster that is
// found by them.
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

// Encode writes a discovery file in one of its versions.
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

// milliseconds writes a duration as Envoy reads it.
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
