package live

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Route holds the conditions of a Mapping that can be recognised in Envoy's routes.
type Route struct {
	Prefix string // or the path, or the regular expression
	// Conditions has the names of the checked headers and query parameters, in
	// alphabetical order.
	Conditions []string
}

func (r Route) equal(other Route) bool {
	return r.Prefix == other.Prefix && slices.Equal(r.Conditions, other.Conditions)
}

// emissarys lists the headers that Emissary checks by itself: one separates secure from
// insecure requests, the other separates hosts.
var emissarys = []string{"x-forwarded-proto", ":authority"}

// RouteOf returns the Route of a Mapping's spec; nil if it has no prefix.
func RouteOf(spec map[string]any) *Route {
	prefix, _ := spec["prefix"].(string)
	if prefix == "" {
		return nil
	}
	var names []string
	for _, field := range []string{"headers", "regex_headers", "query_parameters", "regex_query_parameters"} {
		conditions, _ := spec[field].(map[string]any)
		names = slices.AppendSeq(names, maps.Keys(conditions))
	}
	if method, _ := spec["method"].(string); method != "" {
		names = append(names, ":method")
	}
	return &Route{Prefix: prefix, Conditions: normal(names)}
}

// routeOfMatch returns the Route of an Envoy route (envoy.config.route.v3.RouteMatch).
func routeOfMatch(match map[string]any) Route {
	var names []string
	for _, field := range []string{"headers", "query_parameters"} {
		conditions, _ := match[field].([]any)
		for _, c := range conditions {
			condition, _ := c.(map[string]any)
			names = append(names, fmt.Sprint(condition["name"]))
		}
	}
	return Route{Prefix: pathOf(match), Conditions: normal(names)}
}

// normal normalises names: header names are case-insensitive, and a name that occurs
// twice counts once.
func normal(names []string) []string {
	var out []string
	for _, name := range names {
		if name = strings.ToLower(name); !slices.Contains(emissarys, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
