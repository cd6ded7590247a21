package migrate

import (
	"fmt"
	"slices"
)

// fate is what becomes of a field of a Mapping.
type fate int

const (
	moves    fate = iota // translated, or refused by the translation of its value
	harmless             // says nothing about requests
	refused              // the Gateway API has no such setting; a value that sets nothing is harmless
)

// field is a field of a Mapping's spec.
type field struct {
	name string
	fate fate
	why  string // of a harmless or refused field
}

// noField ends the reason for a setting that the Gateway API leaves to its vendors.
const noField = "the Gateway API has no such field; the gateway's vendor may have a policy for it"

// fields are all fields of a Mapping in the CRD of Emissary 3.10, which its own generator
// reads (AllowedKeys and the named parameters in irhttpmapping.py).
var fields = []field{
	{"add_linkerd_headers", refused, "the header l5d-dst-override is different for each backend"},
	{"add_request_headers", moves, ""},
	{"add_response_headers", moves, ""},
	{"allow_upgrade", moves, ""},
	{"ambassador_id", harmless, "chooses the Emissary"},
	{"auth_context_extensions", refused, "they are for Emissary's AuthService"},
	{"auto_host_rewrite", refused, noField},
	{"bypass_auth", harmless, "routes have no AuthService"},
	{"bypass_error_response_overrides", harmless, "Emissary has no error_response_overrides since 4.0"},
	{"case_sensitive", moves, ""},
	{"circuit_breakers", refused, noField},
	{"cluster_idle_timeout_ms", refused, noField},
	{"cluster_max_connection_lifetime_ms", refused, noField},
	{"cluster_tag", harmless, "names Envoy's cluster"},
	{"connect_timeout_ms", refused, noField},
	{"cors", moves, ""},
	{"dns_type", harmless, "is about looking up the Service"},
	{"docs", harmless, "is for the developer portal"},
	{"enable_ipv4", harmless, "is about looking up the Service"},
	{"enable_ipv6", harmless, "is about looking up the Service"},
	{"envoy_override", refused, "it changes Envoy's configuration"},
	{"error_response_overrides", refused, "Emissary drops a Mapping that has it"},
	{"grpc", moves, ""},
	{"headers", moves, ""},
	{"health_checks", refused, noField},
	{"host", moves, ""},
	{"host_redirect", moves, ""},
	{"host_regex", moves, ""},
	{"host_rewrite", moves, ""},
	{"hostname", moves, ""},
	{"idle_timeout_ms", refused, noField},
	{"keepalive", refused, noField},
	{"labels", refused, "they are for rate limits; " + noField},
	{"load_balancer", moves, ""},
	{"method", moves, ""},
	{"method_regex", moves, ""},
	{"modules", refused, "it configures modules of Emissary"},
	{"outlier_detection", refused, "Emissary drops a Mapping that has it"},
	{"path_redirect", moves, ""},
	{"precedence", moves, ""},
	{"prefix", moves, ""},
	{"prefix_exact", moves, ""},
	{"prefix_redirect", moves, ""},
	{"prefix_regex", moves, ""},
	{"priority", refused, noField},
	{"query_parameters", moves, ""},
	{"redirect_response_code", moves, ""},
	{"regex_headers", moves, ""},
	{"regex_query_parameters", moves, ""},
	{"regex_redirect", refused, "a route redirects to a path without parts of the old one"},
	{"regex_rewrite", refused, "a route rewrites whole paths and prefixes only"},
	{"remove_request_headers", moves, ""},
	{"remove_response_headers", moves, ""},
	{"resolver", moves, ""},
	{"respect_dns_ttl", harmless, "is about looking up the Service"},
	{"retry_policy", refused, "retries are no part of the standard channel of release 1.6"},
	{"rewrite", moves, ""},
	{"service", moves, ""},
	{"shadow", moves, ""},
	{"stats_name", harmless, "names Envoy's statistics"},
	{"timeout_ms", moves, ""},
	{"tls", refused, "a BackendTLSPolicy makes a gateway speak TLS to a Service"},
	{"use_websocket", moves, ""},
	{"v2BoolHeaders", harmless, "is for the conversion of versions"},
	{"v2BoolQueryParameters", harmless, "is for the conversion of versions"},
	{"v2ExplicitTLS", harmless, "is for the conversion of versions"},
	{"weight", moves, ""},
}

// lookUp returns what becomes of a field. A field that no CRD has is refused.
func lookUp(name string) field {
	for _, f := range fields {
		if f.name == name {
			return f
		}
	}
	return field{name, refused, "it is no known field of a Mapping"}
}

// setsNothing reports whether a value is one that Emissary treats like a missing field.
func setsNothing(v any) bool {
	switch t := v.(type) {
	case nil:
		return true
	case bool:
		return !t
	case string:
		return t == ""
	case []any:
		return len(t) == 0
	case map[string]any:
		return len(t) == 0
	}
	return false
}

// Field is a field of a Mapping and why it does not matter to a route.
type Field struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// sortFields divides the fields of a Mapping's spec into those that are translated, the
// harmless ones, and the reasons for which the Mapping cannot move.
func sortFields(spec map[string]any) (moved []string, idle []Field, reasons []reason) {
	for _, name := range sortedKeys(spec) {
		f := lookUp(name)
		switch {
		case f.fate == refused && !setsNothing(spec[name]):
			reasons = append(reasons, reason{[]string{"spec", name}, name + ": " + f.why})
		case f.fate == moves:
			moved = append(moved, name)
		case f.fate == harmless:
			idle = append(idle, Field{name, f.why})
		default:
			idle = append(idle, Field{name, fmt.Sprintf("%v sets nothing", spec[name])})
		}
	}
	return moved, idle, reasons
}

// ofModule are the fields of a Mapping for which the Module has a value if the Mapping has
// none.
var ofModule = []string{"circuit_breakers", "cors", "load_balancer", "retry_policy"}

// quiet are the fields of a Module that change neither where a request goes nor what a
// service or client sees of it, or that the translation includes.
var quiet = []string{
	"ambassador_id", "circuit_breakers", "cluster_request_timeout_ms", "cors", "defaults", "diagnostics",
	"liveness_probe", "load_balancer", "prune_unreachable_routes", "readiness_probe", "regex_max_size", "resolver",
	"retry_policy", "statsd", "use_ambassador_namespace_for_service_resolution",
}

// loud returns the fields of a Module's configuration that are not translated.
func loud(config map[string]any) (out []string) {
	for _, name := range sortedKeys(config) {
		if !slices.Contains(quiet, name) && !setsNothing(config[name]) {
			out = append(out, name)
		}
	}
	return out
}
