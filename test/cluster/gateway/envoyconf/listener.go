package envoyconf

import (
	"fmt"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// StatPrefix is the prefix of the statistics of every HTTP listener.
const StatPrefix = "ingress_http"

// listener returns the configuration of a listener (v3listener.py), with its routes under
// the key routesKey. It logs only requests that did not end normally, because tests measure
// Envoy.
func (s Site) listener(p model.Port, module object, routesKey string, routes any) object {
	manager := object{
		"@type":              typePrefix + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
		"stat_prefix":        StatPrefix,
		"normalize_path":     true,
		"use_remote_address": true, // the Module's default
		"server_name":        "envoy",
		"http_filters": []any{
			filter("envoy.filters.http.cors", "extensions.filters.http.cors.v3.Cors"),
			filter("envoy.filters.http.router", "extensions.filters.http.router.v3.Router"),
		},
		routesKey:    routes,
		"access_log": []any{troubled()},
	}
	for _, field := range []string{"use_remote_address", "server_name", "preserve_external_request_id", "merge_slashes", "strip_matching_host_port"} {
		if v, found := module[field]; found {
			manager[field] = v
		}
	}
	return object{
		"name":    fmt.Sprintf("ambassador-listener-%d", p.Number),
		"address": socket(s.Bind, p.Number),
		"filter_chains": []any{object{
			"name": "httphost-shared",
			"filters": []any{object{
				"name":         "envoy.filters.network.http_connection_manager",
				"typed_config": manager,
			}},
		}},
	}
}

// Troubled begins the line, with Envoy's flags and details, that Envoy logs for a request
// that did not end normally.
const Troubled = "troubled request: "

// troubled returns the access log for requests with a flag.
func troubled() object {
	format := Troubled + "%START_TIME% %REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%: %RESPONSE_CODE% %RESPONSE_FLAGS%, " +
		"%RESPONSE_CODE_DETAILS%, after %DURATION% ms, by %UPSTREAM_CLUSTER% at %UPSTREAM_HOST%, attempt %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n"
	return object{
		"name":   "envoy.access_loggers.stderr",
		"filter": object{"response_flag_filter": object{}},
		"typed_config": object{
			"@type":      typePrefix + "extensions.access_loggers.stream.v3.StderrAccessLog",
			"log_format": object{"text_format_source": object{"inline_string": format}},
		},
	}
}

func filter(name, kind string) object {
	return object{"name": name, "typed_config": object{"@type": typePrefix + kind}}
}

// RouteConfigName names the route configuration of a port.
func RouteConfigName(port int) string { return fmt.Sprintf("listener-%d", port) }

// routeConfig returns the virtual hosts of a port.
func routeConfig(c model.Configuration, port int) object {
	p := c.Ports[port]
	hosts := []any{}
	for _, h := range p.VirtualHosts {
		routes := []any{}
		for _, i := range h.Routes {
			for _, r := range groupRoutes(c.Routes[i], c.Module) {
				routes = append(routes, variants(r, p.SecurityModel, h.Insecure)...)
			}
		}
		hosts = append(hosts, object{
			"name":    fmt.Sprintf("ambassador-listener-%d-%s", p.Number, h.Hostname),
			"domains": []any{h.Hostname},
			"routes":  routes,
		})
	}
	return object{"name": RouteConfigName(p.Number), "virtual_hosts": hosts}
}

// variants returns the variants of a route for secure and for insecure requests
// (compute_http_routes and V3RouteVariants).
func variants(r object, model, insecure string) []any {
	var out []any
	switch model {
	case "SECURE":
		return []any{r}
	case "INSECURE":
	default:
		out = append(out, matchingProto(r, "https"))
	}
	if fields(r["match"])["prefix"] == "/.well-known/acme-challenge/" {
		insecure = "Route"
	}
	switch insecure {
	case "Route":
	case "Redirect":
		r = redirected(r)
	default: // Reject
		return out
	}
	if model != "INSECURE" {
		r = matchingProto(r, "")
	}
	return append(out, r)
}

// matchingProto returns the route for requests with a value of x-forwarded-proto, no matter
// what the Mapping matches in that header; "" stands for any value.
func matchingProto(r object, value string) object {
	const header = "x-forwarded-proto"
	match := clone(fields(r["match"]))
	var headers []any
	for _, h := range anyList(match["headers"]) {
		if fields(h)["name"] != header {
			headers = append(headers, h)
		}
	}
	if value != "" {
		headers = append(headers, object{"name": header, "string_match": object{"exact": value}})
	}
	// Emissary does not write back an empty list (matcher_xfp): a Mapping that matches
	// only this header keeps its match.
	if len(headers) > 0 {
		match["headers"] = headers
	}
	out := clone(r)
	out["match"] = match
	return out
}

func redirected(r object) object {
	out := clone(r)
	delete(out, "route")
	out["redirect"] = object{"https_redirect": true}
	return out
}

func clone(o object) object {
	out := make(object, len(o)+1)
	for k, v := range o {
		out[k] = v
	}
	return out
}

func anyList(v any) []any {
	l, _ := v.([]any)
	return l
}
