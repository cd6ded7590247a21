package model

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// These checks follow setup in irbasemapping.py and irhttpmapping.py. Each
// returns what is wrong with a Mapping, or "".

func (m *mapping) checkResolver(w *world) string {
	name := w.resolverName(m.resource)
	switch w.resolverKind(m.resource) {
	case "":
		if _, refused := w.resolvers[name]; refused {
			return fmt.Sprintf("has the resolver %q, which has no datacenter", name)
		}
		return fmt.Sprintf("has the resolver %q, which is not defined", name)
	case "KubernetesServiceResolver":
		if truthy(m.spec["load_balancer"]) {
			return fmt.Sprintf("has a load_balancer, which its resolver %q does not do", name)
		}
	case "ConsulResolver":
		if strings.Contains(m.service, ".") {
			return "has a dot in its service, which a Consul resolver does not allow"
		}
	}
	return ""
}

func (m *mapping) checkBreakers(w *world) string {
	m.breakers = m.spec["circuit_breakers"]
	if m.breakers == nil {
		m.breakers = w.module.breakers
	}
	if m.breakers == nil {
		return ""
	}
	ids, ok := breakerIDs(m.breakers)
	if !ok {
		return "has circuit_breakers that are not valid"
	}
	m.breakerIDs = ids
	return ""
}

// breakerIDs returns the part of a cluster's name that distinguishes circuit
// breakers.
func breakerIDs(v any) ([]string, bool) {
	breakers, ok := v.([]any)
	if !ok {
		return nil, false
	}
	var ids []string
	for _, b := range breakers {
		breaker, ok := b.(map[string]any)
		if !ok {
			return nil, false
		}
		id := "cbn"
		if priority, found := breaker["priority"]; found {
			p := strings.ToLower(text(priority))
			if p != "default" && p != "high" {
				return nil, false
			}
			id = "cb" + p[:1]
		}
		for _, f := range [][2]string{
			{"max_connections", "c"}, {"max_pending_requests", "p"}, {"max_requests", "r"}, {"max_retries", "t"},
		} {
			v, found := breaker[f[0]]
			if !found {
				continue
			}
			n, ok := wholeNumber(v)
			if !ok {
				return nil, false
			}
			id += f[1] + n
		}
		ids = append(ids, id)
	}
	return ids, true
}

// wholeNumber reads a number, or a string with a number, and truncates it to an
// integer.
func wholeNumber(v any) (string, bool) {
	if s, isText := v.(string); isText {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	}
	f, ok := asNumber(v)
	if !ok || math.Abs(f) > 1e15 {
		return "", false
	}
	return strconv.FormatInt(int64(f), 10), true
}

func (m *mapping) checkRetries() string {
	policy, found := m.spec["retry_policy"]
	if !found {
		return ""
	}
	switch text(object(policy)["retry_on"]) {
	case "5xx", "gateway-error", "connect-failure", "retriable-4xx", "refused-stream", "retriable-status-codes":
		return ""
	}
	return "has a retry_policy that is not valid"
}

// checkErrorResponses rejects custom error responses, which Emissary 4 removed.
func (m *mapping) checkErrorResponses() string {
	if _, found := m.spec["error_response_overrides"]; found {
		return "has error_response_overrides, which Emissary does not support since 4.0"
	}
	return ""
}

func (m *mapping) checkBalancer() string {
	lb, found := m.spec["load_balancer"]
	if !found || validBalancer(object(lb)) {
		return ""
	}
	return "has a load_balancer that is not valid"
}

// validBalancer corresponds to validate_load_balancer in irhttpmapping.py.
func validBalancer(lb map[string]any) bool {
	switch text(lb["policy"]) {
	case "round_robin", "least_request":
		return len(lb) == 1
	case "ring_hash", "maglev":
	default:
		return false
	}
	if len(lb) != 2 {
		return false
	}
	if cookie, found := lb["cookie"]; found {
		_, named := object(cookie)["name"]
		return named
	}
	_, header := lb["header"]
	_, source := lb["source_ip"]
	return header || source
}

func (m *mapping) checkOutliers() string {
	if _, found := m.spec["outlier_detection"]; found {
		return "has outlier_detection, which is not supported"
	}
	return ""
}

// checkRedirects posts Emissary's errors about redirects that exclude each
// other. The Mapping stays.
func (m *mapping) checkRedirects(w *world) {
	has := func(field string) bool { _, found := m.spec[field]; return found }
	drop := func(kept, other string) {
		if has(kept) && has(other) {
			w.log.post(m.resource, fmt.Sprintf("has both %s and %s: Emissary ignores %s", kept, other, other))
			delete(m.spec, other)
		}
	}
	drop("path_redirect", "prefix_redirect")
	drop("path_redirect", "regex_redirect")
	drop("prefix_redirect", "regex_redirect")
}
