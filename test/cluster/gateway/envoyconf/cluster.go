package envoyconf

import (
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// cluster returns the configuration of a cluster (v3cluster.py).
func (s Site) cluster(c model.Cluster, module object) object {
	connect := float64(3000)
	if ms, ok := number(c.Spec["connect_timeout_ms"]); ok {
		connect = ms
	}
	out := object{
		"name":              c.Name,
		"alt_stat_name":     c.Stats,
		"connect_timeout":   milliseconds(connect),
		"lb_policy":         "ROUND_ROBIN",
		"dns_lookup_family": "V4_ONLY",
	}
	if s.byEndpoints(c) {
		out["type"] = "EDS"
		out["eds_cluster_config"] = object{"eds_config": s.file(EDS(c.Name))}
		if policy := text(fields(c.Spec["load_balancer"])["policy"]); policy != "" {
			out["lb_policy"] = strings.ToUpper(policy)
		}
	} else {
		out["type"] = dnsType(c.Spec)
		out["load_assignment"] = assignment(c.Name, []Endpoint{{Address: c.Host, Port: c.Port}})
	}
	if breakers := circuitBreakers(c.Spec, module); breakers != nil {
		out["circuit_breakers"] = object{"thresholds": breakers}
	}
	if c.TLS {
		out["transport_socket"] = object{
			"name": "envoy.transport_sockets.tls",
			"typed_config": object{
				"@type":              typePrefix + "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
				"common_tls_context": object{},
			},
		}
	}
	if options := protocolOptions(c.Spec, module); options != nil {
		out["typed_extension_protocol_options"] = object{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}
	}
	if keepalive := keepalive(c.Spec, module); keepalive != nil {
		out["upstream_connection_options"] = object{"tcp_keepalive": keepalive}
	}
	return out
}

func (s Site) byEndpoints(c model.Cluster) bool {
	// Emissary's own probes have its own address, not a Service.
	return c.Resolver != "KubernetesServiceResolver" || s.ByEndpoints && c.Host != "127.0.0.1"
}

func dnsType(spec object) string {
	if strings.EqualFold(text(spec["dns_type"]), "logical_dns") {
		return "LOGICAL_DNS"
	}
	return "STRICT_DNS"
}

func assignment(cluster string, endpoints []Endpoint) object {
	all := []any{}
	for _, e := range endpoints {
		all = append(all, object{"endpoint": object{"address": socket(e.Address, e.Port)}})
	}
	return object{"cluster_name": cluster, "endpoints": []any{object{"lb_endpoints": all}}}
}

func circuitBreakers(spec, module object) []any {
	breakers, found := spec["circuit_breakers"]
	if !found {
		breakers = module["circuit_breakers"]
	}
	var out []any
	for _, b := range anyList(breakers) {
		threshold := object{"priority": "DEFAULT"}
		if p := text(fields(b)["priority"]); p != "" {
			threshold["priority"] = strings.ToUpper(p)
		}
		for _, field := range []string{"max_connections", "max_pending_requests", "max_requests", "max_retries"} {
			v, found := fields(b)[field]
			if s, isText := v.(string); isText {
				n, err := strconv.Atoi(strings.TrimSpace(s))
				v, found = n, err == nil
			}
			if found {
				threshold[field] = v
			}
		}
		out = append(out, threshold)
	}
	return out
}

func protocolOptions(spec, module object) object {
	common := object{}
	for field, envoy := range map[string]string{
		"cluster_idle_timeout_ms": "idle_timeout", "cluster_max_connection_lifetime_ms": "max_connection_duration",
	} {
		for _, v := range []any{module[field], spec[field]} {
			if ms, ok := number(v); ok && ms != 0 {
				common[envoy] = milliseconds(ms)
			}
		}
	}
	grpc := set(spec["grpc"])
	if len(common) == 0 && !grpc {
		return nil
	}
	protocol := "http_protocol_options"
	if grpc {
		protocol = "http2_protocol_options"
	}
	return object{
		"@type":                        typePrefix + "extensions.upstreams.http.v3.HttpProtocolOptions",
		"common_http_protocol_options": common,
		"explicit_http_config":         object{protocol: object{}},
	}
}

func keepalive(spec, module object) object {
	in, found := spec["keepalive"]
	if !found {
		in = module["keepalive"]
	}
	if in == nil {
		return nil
	}
	out := object{}
	for field, envoy := range map[string]string{
		"time": "keepalive_time", "interval": "keepalive_interval", "probes": "keepalive_probes",
	} {
		if v, found := fields(in)[field]; found {
			out[envoy] = v
		}
	}
	return out
}
