package model

// MustEqualFields are the fields of a Mapping that all members of a group have
// to agree on. A member that has one of them with another value than the group's
// first Mapping, or that the first lacks, is dropped; the reverse goes unnoticed,
// except for circuit_breakers, which have to be equal both ways. Source:
// CoreMappingKeys in irhttpmappinggroup.py.
func MustEqualFields() []string {
	return []string{
		"bypass_auth", "circuit_breakers", "cluster_idle_timeout_ms",
		"cluster_max_connection_lifetime_ms", "connect_timeout_ms", "headers",
		"keepalive", "labels", "load_balancer", "prefix", "prefix_exact", "prefix_regex",
	}
}

// FlattenedFields are the fields of which a group has one value: that of the
// member whose routes come last. Source: finalize in irhttpmappinggroup.py.
func FlattenedFields() []string {
	return []string{
		"allow_upgrade", "cors", "priority", "regex_rewrite",
		"remove_request_headers", "remove_response_headers", "retry_policy",
	}
}

// MergedFields are the fields of which a group has all members' values together:
// a header added by the canary's Mapping is added to the stable's requests too.
func MergedFields() []string {
	return []string{"add_request_headers", "add_response_headers"}
}

// FreeFields are the fields every member of a group has for itself.
func FreeFields() []string {
	return []string{
		"auth_context_extensions", "auto_host_rewrite", "case_sensitive", "cluster_tag",
		"grpc", "health_checks", "host_rewrite", "idle_timeout_ms", "resolver",
		"rewrite", "service", "stats_name", "timeout_ms", "tls", "weight",
	}
}
