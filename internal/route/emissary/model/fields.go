package model

// MustEqualFields returns the fields of a Mapping on which all members of a
// group must agree. If the group's first Mapping lacks such a field or has
// another value, the member is dropped. A member may lack a field that the
// first has, except circuit_breakers, which must be equal both ways. Source:
// CoreMappingKeys in irhttpmappinggroup.py.
func MustEqualFields() []string {
	return []string{
		"bypass_auth", "circuit_breakers", "cluster_idle_timeout_ms",
		"cluster_max_connection_lifetime_ms", "connect_timeout_ms", "headers",
		"keepalive", "labels", "load_balancer", "prefix", "prefix_exact", "prefix_regex",
	}
}

// FlattenedFields returns the fields that a group has only once, with the value
// of the member whose routes come last. Source: finalize in
// irhttpmappinggroup.py.
func FlattenedFields() []string {
	return []string{
		"allow_upgrade", "cors", "priority", "regex_rewrite",
		"remove_request_headers", "remove_response_headers", "retry_policy",
	}
}

// MergedFields returns the fields whose values Emissary merges over all members
// of a group: a header that the canary's Mapping adds is also added to the
// stable's requests.
func MergedFields() []string {
	return []string{"add_request_headers", "add_response_headers"}
}

// FreeFields returns the fields that every member of a group sets for itself.
func FreeFields() []string {
	return []string{
		"auth_context_extensions", "auto_host_rewrite", "case_sensitive", "cluster_tag",
		"grpc", "health_checks", "host_rewrite", "idle_timeout_ms", "resolver",
		"rewrite", "service", "stats_name", "timeout_ms", "tls", "weight",
	}
}
