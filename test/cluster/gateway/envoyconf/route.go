package envoyconf

import (
	"fmt"
	"sort"
	"strings"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// defaultTimeout is the timeout of a request, in milliseconds, if neither the Mapping nor the
// Module sets one (v3route.py).
const defaultTimeout = 3000

// groupRoutes returns the routes of a group (V3Route.generate).
func groupRoutes(g model.RouteGroup, module object) []object {
	if g.Redirect != nil {
		r := shared(g, module)
		r["match"] = match(g, nil, 100)
		r["redirect"] = redirect(g.Redirect.Spec)
		return []object{r}
	}
	var out []object
	for _, route := range g.Routes {
		r := shared(g, module)
		r["match"] = match(g, &route, route.Threshold)
		r["route"] = action(g, route, module)
		out = append(out, r)
	}
	return out
}

// shared returns the fields that all routes of a group have.
func shared(g model.RouteGroup, module object) object {
	out := object{}
	for _, h := range []struct{ field, envoy string }{
		{"add_request_headers", "request_headers_to_add"}, {"add_response_headers", "response_headers_to_add"},
	} {
		if headers := added(fields(g.Spec[h.field])); len(headers) > 0 {
			out[h.envoy] = headers
		}
	}
	for _, h := range []struct{ field, envoy string }{
		{"remove_request_headers", "request_headers_to_remove"}, {"remove_response_headers", "response_headers_to_remove"},
	} {
		switch v := g.Spec[h.field].(type) {
		case string:
			out[h.envoy] = []any{v}
		case []any:
			if len(v) > 0 {
				out[h.envoy] = v
			}
		}
	}
	cors, found := g.Spec["cors"]
	if !found {
		cors = module["cors"]
	}
	if set(cors) {
		out["typed_per_filter_config"] = object{"envoy.filters.http.cors": corsPolicy(fields(cors))}
	}
	return out
}

func added(headers object) []any {
	var out []any
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		value, appended := headers[name], true
		if o, isObject := value.(object); isObject {
			value = o["value"]
			if v, found := o["append"]; found {
				appended = set(v)
			}
		}
		how := "APPEND_IF_EXISTS_OR_ADD"
		if !appended {
			how = "OVERWRITE_IF_EXISTS_OR_ADD"
		}
		out = append(out, object{"header": object{"key": name, "value": value}, "append_action": how})
	}
	return out
}

// corsPolicy follows ircors.py.
func corsPolicy(in object) object {
	out := object{
		"@type":          typePrefix + "extensions.filters.http.cors.v3.CorsPolicy",
		"filter_enabled": object{"default_value": percent(100)},
	}
	for field, envoy := range map[string]string{
		"max_age": "max_age", "credentials": "allow_credentials", "methods": "allow_methods",
		"headers": "allow_headers", "exposed_headers": "expose_headers",
	} {
		if v := in[field]; set(v) {
			out[envoy] = joined(v)
		}
	}
	var origins []any
	for _, o := range anyList(in["origins"]) {
		origins = append(origins, object{"exact": o})
	}
	if origins != nil {
		out["allow_origin_string_match"] = origins
	}
	return out
}

func joined(v any) any {
	l, isList := v.([]any)
	if !isList {
		return v
	}
	parts := make([]string, len(l))
	for i, p := range l {
		parts[i] = fmt.Sprint(p)
	}
	return strings.Join(parts, ", ")
}

func percent(n int) object { return object{"numerator": n, "denominator": "HUNDRED"} }

func match(g model.RouteGroup, route *model.Route, threshold int) object {
	caseSensitive := any(true)
	if v, found := g.Spec["case_sensitive"]; found {
		caseSensitive = v
	}
	fraction := object{"default_value": percent(threshold)}
	if route != nil {
		if v, found := route.Spec["case_sensitive"]; found {
			caseSensitive = v
		}
		fraction["runtime_key"] = "routing.traffic_shift." + route.Cluster
	}
	out := object{"case_sensitive": caseSensitive, "runtime_fraction": fraction}
	switch {
	case set(g.Spec["prefix_regex"]):
		out["safe_regex"] = regex(g.Prefix)
	case set(g.Spec["prefix_exact"]):
		out["path"] = g.Prefix
	default:
		out["prefix"] = g.Prefix
	}
	if headers := headerMatches(g.Headers); len(headers) > 0 {
		out["headers"] = headers
	}
	if query := queryMatches(g.Query); len(query) > 0 {
		out["query_parameters"] = query
	}
	return out
}

// regex returns a matcher for a regular expression. Emissary writes the bound on its size
// here; meanwhile it is a runtime value of Envoy, which base sets to Emissary's default.
func regex(pattern string) object { return object{"regex": pattern} }

func headerMatches(in []model.Match) []any {
	var out []any
	for _, m := range in {
		h := object{"name": m.Name}
		switch {
		case m.Regex:
			h["string_match"] = object{"safe_regex": regex(m.Value)}
		case m.Any:
			h["present_match"] = true
		case m.Name == ":authority" && m.Value == "*":
			continue
		case m.Name == ":authority" && strings.HasPrefix(m.Value, "*"):
			h["string_match"] = object{"suffix": m.Value[1:]}
		case m.Name == ":authority" && strings.HasSuffix(m.Value, "*"):
			h["string_match"] = object{"prefix": strings.TrimSuffix(m.Value, "*")}
		default:
			h["string_match"] = object{"exact": m.Value}
		}
		out = append(out, h)
	}
	return out
}

func queryMatches(in []model.Match) []any {
	var out []any
	for _, m := range in {
		q := object{"name": m.Name}
		switch {
		case m.Regex:
			q["string_match"] = object{"safe_regex": regex(m.Value)}
		case m.Any:
			q["present_match"] = true
		default:
			q["string_match"] = object{"exact": m.Value}
		}
		out = append(out, q)
	}
	return out
}

// action returns what a route does with a request: V3Route after the redirects.
func action(g model.RouteGroup, r model.Route, module object) object {
	timeout := float64(defaultTimeout)
	for _, v := range []any{module["cluster_request_timeout_ms"], r.Spec["timeout_ms"]} {
		if ms, ok := number(v); ok {
			timeout = ms
		}
	}
	out := object{"cluster": r.Cluster, "timeout": milliseconds(timeout)}
	if ms, ok := number(r.Spec["idle_timeout_ms"]); ok {
		out["idle_timeout"] = milliseconds(ms)
	}
	rewrite(out, g, r)
	for field, envoy := range map[string]string{"host_rewrite": "host_rewrite_literal", "auto_host_rewrite": "auto_host_rewrite"} {
		if v, found := r.Spec[field]; found {
			out[envoy] = v
		}
	}
	if v, found := g.Spec["priority"]; found {
		out["priority"] = v
	}
	if policy := hashPolicy(fields(g.Spec["load_balancer"])); policy != nil {
		out["hash_policy"] = []any{policy}
	}
	retry, found := g.Spec["retry_policy"]
	if !found {
		retry = module["retry_policy"]
	}
	if set(retry) {
		out["retry_policy"] = retry
	}
	if g.Shadow != nil {
		out["request_mirror_policies"] = []any{mirror(*g.Shadow)}
	}
	var upgrades []any
	for _, kind := range anyList(g.Spec["allow_upgrade"]) {
		upgrades = append(upgrades, object{"upgrade_type": kind})
	}
	if upgrades != nil {
		out["upgrade_configs"] = upgrades
	}
	return out
}

// rewrite sets how the path changes: by the regex_rewrite of the whole group, or by the
// Mapping's own rewrite, which is / by default.
func rewrite(out object, g model.RouteGroup, r model.Route) {
	if rule := fields(g.Spec["regex_rewrite"]); len(rule) > 0 {
		out["regex_rewrite"] = object{
			"pattern":      regex(text(rule["pattern"])),
			"substitution": text(rule["substitution"]),
		}
		return
	}
	prefix, found := r.Spec["rewrite"]
	if !found {
		prefix = "/"
	}
	if _, hasRegex := r.Spec["regex_rewrite"]; !hasRegex && set(prefix) {
		out["prefix_rewrite"] = prefix
	}
}

func mirror(shadow model.Route) object {
	weight := any(100)
	if v, found := shadow.Spec["weight"]; found {
		weight = v
	}
	return object{
		"cluster":          shadow.Cluster,
		"runtime_fraction": object{"default_value": object{"numerator": weight, "denominator": "HUNDRED"}},
	}
}

func hashPolicy(lb object) object {
	if policy := lb["policy"]; policy != "ring_hash" && policy != "maglev" {
		return nil
	}
	if cookie, found := lb["cookie"]; found {
		out := object{}
		for _, field := range []string{"name", "path", "ttl"} {
			if v, found := fields(cookie)[field]; found {
				out[field] = v
			}
		}
		return object{"cookie": out}
	}
	if header, found := lb["header"]; found {
		return object{"header": object{"header_name": header}}
	}
	return object{"connection_properties": object{"source_ip": lb["source_ip"]}}
}

// redirect answers with another location instead of asking a service.
func redirect(spec object) object {
	out := object{"host_redirect": spec["service"]}
	switch {
	case set(spec["path_redirect"]):
		out["path_redirect"] = spec["path_redirect"]
	case set(spec["prefix_redirect"]):
		out["prefix_rewrite"] = spec["prefix_redirect"]
	case set(spec["regex_redirect"]):
		rule := fields(spec["regex_redirect"])
		out["regex_rewrite"] = object{
			"pattern": regex(text(rule["pattern"])), "substitution": text(rule["substitution"]),
		}
	}
	if code, ok := number(spec["redirect_response_code"]); ok {
		names := map[float64]string{
			301: "MOVED_PERMANENTLY", 302: "FOUND", 303: "SEE_OTHER", 307: "TEMPORARY_REDIRECT", 308: "PERMANENT_REDIRECT",
		}
		out["response_code"] = names[301]
		if name, found := names[code]; found {
			out["response_code"] = name
		}
	}
	return out
}
