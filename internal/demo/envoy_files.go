package demo

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// files are Envoy's configuration in a folder. Envoy reads a file of discovery again when
// another one is renamed to its name.
type files struct {
	dir      string
	clusters map[string]string // statistics names by cluster, of all routings so far
	written  map[string]string // content by name
	version  int               // of the last file
}

// The names of the files, and of the socket of the admin interface. Only who may read the
// folder reaches the socket: the admin interface can end Envoy.
const (
	bootstrapFile = "envoy.json"
	clustersFile  = "clusters.json"
	routesFile    = "routes.json"
	adminSocket   = "admin"
)

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

// source returns a ConfigSource that reads a file.
func (f *files) source(name string) values {
	return values{"path_config_source": values{"path": f.path(name)}}
}

// endpointsFile is the file with the addresses of a cluster; Envoy reads one cluster from it.
func endpointsFile(cluster string) string { return "endpoints-" + cluster + ".json" }

const envoyTypes = "type.googleapis.com/envoy."

// bootstrap writes the configuration with which Envoy starts. The users' requests go to a
// free port of loopback.
func (f *files) bootstrap() error {
	const network = envoyTypes + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
	const router = envoyTypes + "extensions.filters.http.router.v3.Router"
	manager := values{
		"@type": network, "stat_prefix": "ingress_http",
		"http_filters": []any{values{"name": "envoy.filters.http.router", "typed_config": values{"@type": router}}},
		"rds":          values{"route_config_name": "routes", "config_source": f.source(routesFile)},
	}
	text, err := json.MarshalIndent(values{
		"node":              values{"id": "emissary-0", "cluster": "demo"},
		"admin":             values{"address": values{"pipe": values{"path": f.path(adminSocket)}}},
		"dynamic_resources": values{"cds_config": f.source(clustersFile)},
		"static_resources": values{"listeners": []any{values{
			"name": "users", "address": socket("127.0.0.1", 0),
			"filter_chains": []any{values{"filters": []any{values{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}}}},
		}}},
	}, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(f.path(bootstrapFile), text, 0o600)
}

func socket(host string, port int) values {
	return values{"socket_address": values{"address": host, "port_value": port}}
}

// write writes the files of discovery whose content a routing changes. A file comes after
// those that it refers to, and a cluster stays for ever: no route leads to one that Envoy
// does not have.
func (f *files) write(r routing) error {
	for _, a := range r.arms() {
		f.clusters[a.cluster] = a.stats
		endpoints, err := endpointsOf(a.cluster, r.addresses[a.cluster])
		if err != nil {
			return err
		}
		if err := f.put(endpointsFile(a.cluster), endpoints); err != nil {
			return err
		}
	}
	var clusters []any
	for _, name := range slices.Sorted(maps.Keys(f.clusters)) {
		clusters = append(clusters, values{
			"@type": envoyTypes + "config.cluster.v3.Cluster", "name": name, "alt_stat_name": f.clusters[name],
			"type": "EDS", "connect_timeout": "3s", "eds_cluster_config": values{"eds_config": f.source(endpointsFile(name))},
		})
	}
	if err := f.put(clustersFile, clusters...); err != nil {
		return err
	}
	return f.put(routesFile, routesOf(r.split))
}

// endpointsOf returns the ClusterLoadAssignment of a cluster.
func endpointsOf(cluster string, addresses []string) (values, error) {
	all := []any{}
	for _, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", address, err)
		}
		all = append(all, values{"endpoint": values{"address": socket(host, number)}})
	}
	return values{
		"@type":        envoyTypes + "config.endpoint.v3.ClusterLoadAssignment",
		"cluster_name": cluster, "endpoints": []any{values{"lb_endpoints": all}},
	}, nil
}

// routesOf returns the RouteConfiguration of a split as Emissary writes it: a route for each
// Mapping, the canary's first, for its percentage of the requests. A header says that the
// canary has answered.
func routesOf(s split) values {
	var routes []any
	for _, a := range s.arms() {
		route := values{"match": values{"prefix": "/"}, "route": values{"cluster": a.cluster, "timeout": fmt.Sprintf("%gs", a.timeout.Seconds())}}
		if s.there && a == s.canary {
			route["match"] = values{"prefix": "/", "runtime_fraction": values{"default_value": values{"numerator": s.weight, "denominator": "HUNDRED"}}}
			route["response_headers_to_add"] = []any{values{"header": values{"key": canaryHeader, "value": "true"}}}
		}
		routes = append(routes, route)
	}
	return values{
		"@type": envoyTypes + "config.route.v3.RouteConfiguration", "name": "routes",
		"virtual_hosts": []any{values{"name": "all", "domains": []any{"*"}, "routes": routes}},
	}
}

// put replaces a file of discovery in one step, unless it has these resources.
func (f *files) put(name string, resources ...any) error {
	content, err := json.Marshal(resources)
	if err != nil || f.written[name] == string(content) {
		return err
	}
	f.version++
	text, err := json.Marshal(values{"version_info": strconv.Itoa(f.version), "resources": json.RawMessage(content)})
	if err != nil {
		return err
	}
	if err := os.WriteFile(f.path(name+".new"), text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(f.path(name+".new"), f.path(name)); err != nil {
		return err
	}
	f.written[name] = string(content)
	return nil
}
