package live

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Route is what a Mapping matches, as far as it can be recognised in Envoy's
// routes.
type Route struct {
	Prefix string // or the path, or the regular expression
	// Conditions are the names of headers and query parameters that are looked at,
	// in alphabetical order.
	Conditions []string
}

func (r Route) equal(other Route) bool {
	return r.Prefix == other.Prefix && slices.Equal(r.Conditions, other.Conditions)
}

// emissarys are headers that Emissary looks at by itself: it tells secure from
// insecure requests by the one, and hosts by the other.
var emissarys = []string{"x-forwarded-proto", ":authority"}

// RouteOf is what a Mapping with a spec matches; nil when it has no prefix.
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

// routeOfMatch is what a route of Envoy matches (envoy.config.route.v3.RouteMatch).
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

// normal brings names into one form: header names know no case, and one that is
// looked at twice is one.
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
