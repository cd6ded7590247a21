package model_test

import (
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// many returns a list of so many equal elements.
func many(n int, v any) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = deepCopy(v)
	}
	return out
}

// TestReader: what the API server refuses is a problem of a field, and the route has no
// effect. What it accepts or drops is none, or the route keeps its effect.
func TestReader(t *testing.T) {
	rules := func(rule m) m { return m{"parentRefs": []any{m{"name": "public"}}, "rules": []any{rule}} }
	matches := func(match m) m { return rules(m{"matches": []any{match}}) }
	backend := func(field string, v any) m {
		return rules(m{"backendRefs": []any{m{"name": "web", "port": 80, field: v}}})
	}
	filters := func(all ...any) m { return rules(m{"filters": all}) }
	path := func(typ, value any) m { return matches(m{"path": m{"type": typ, "value": value}}) }
	const refused = "; the API server refuses the "
	for name, c := range map[string]struct {
		kind  string // HTTPRoute without one
		spec  any
		field string // "" means that nothing is wrong
		text  string // a part of the text
	}{
		"nothing wrong": {spec: rules(m{"name": "r", "timeouts": m{"request": "1s"}, "retry": m{}, "backendRefs": []any{m{"name": "web", "port": 80.0, "weight": 0, "group": "", "kind": "Service"}}})},
		"nulls":         {spec: m{"parentRefs": []any{m{"name": "public", "port": nil}}, "hostnames": nil, "rules": []any{m{"matches": nil, "filters": nil}}}},

		"no spec":                {spec: 1, field: "spec", text: "is no object" + refused + "HTTPRoute"},
		"unknown field":          {spec: m{"hostname": "x"}, field: "spec.hostname", text: "is an unknown field: kubectl refuses it, and the API server drops it"},
		"rules of another type":  {spec: m{"rules": m{}}, field: "spec.rules", text: "is no list"},
		"a rule of another type": {spec: m{"rules": []any{"x"}}, field: "spec.rules[0]", text: "is no object"},
		"17 rules":               {spec: m{"rules": many(17, m{})}, field: "spec.rules", text: "has 17 items, and at most 16 are allowed"},
		"16 rules":               {spec: m{"rules": many(16, m{})}},
		"65 matches":             {spec: rules(m{"matches": many(65, m{})}), field: "spec.rules[0].matches", text: "has 65 items"},
		"129 matches":            {spec: m{"rules": []any{m{"matches": many(64, m{})}, m{"matches": many(64, m{})}, m{}}}, field: "spec.rules", text: "have 129 matches, and at most 128 are allowed"},
		"128 matches":            {spec: m{"rules": []any{m{"matches": many(64, m{})}, m{"matches": many(64, m{})}}}},
		"17 backends":            {spec: rules(m{"backendRefs": many(17, m{"name": "web", "port": 80})}), field: "spec.rules[0].backendRefs", text: "has 17 items"},
		"weight too large":       {spec: backend("weight", 1_000_001), field: "spec.rules[0].backendRefs[0].weight", text: "is 1000001, expected a whole number from 0 to 1000000"},
		"negative weight":        {spec: backend("weight", -1), field: "spec.rules[0].backendRefs[0].weight", text: "is -1, expected"},
		"half a weight":          {spec: backend("weight", 0.5), field: "spec.rules[0].backendRefs[0].weight", text: "is 0.5, expected"},
		"weight as text":         {spec: backend("weight", "1"), field: "spec.rules[0].backendRefs[0].weight", text: `is "1", expected`},
		"largest weight":         {spec: backend("weight", 1_000_000)},
		"no port":                {spec: backend("port", nil), field: "spec.rules[0].backendRefs[0].port", text: "is missing, and a Service needs one"},
		"port 0":                 {spec: backend("port", 0), field: "spec.rules[0].backendRefs[0].port", text: "expected a whole number from 1 to 65535"},
		"no name":                {spec: backend("name", ""), field: "spec.rules[0].backendRefs[0].name", text: "is missing"},
		"relative path":          {spec: path("Exact", "cart"), field: "spec.rules[0].matches[0].path.value", text: `is "cart", expected a path such as /cart`},
		"two slashes":            {spec: path("PathPrefix", "/a//b"), field: "spec.rules[0].matches[0].path.value", text: "expected a path"},
		"dots":                   {spec: path("PathPrefix", "/a/.."), field: "spec.rules[0].matches[0].path.value", text: "expected a path"},
		"query in a path":        {spec: path("PathPrefix", "/a?b"), field: "spec.rules[0].matches[0].path.value", text: "expected a path"},
		"dots in a name":         {spec: path("PathPrefix", "/.well-known/a..b")},
		"any expression":         {spec: path("RegularExpression", "cart(")},
		"unknown type of path":   {spec: path("Prefix", "/"), field: "spec.rules[0].matches[0].path.type", text: `is "Prefix", expected one of Exact, PathPrefix, RegularExpression`},
		"method in lower case":   {spec: matches(m{"method": "get"}), field: "spec.rules[0].matches[0].method", text: `is "get", expected one of GET`},
		"header without a value": {spec: matches(m{"headers": []any{m{"name": "x"}}}), field: "spec.rules[0].matches[0].headers[0].value", text: "is missing"},
		"pseudo header":          {spec: matches(m{"headers": []any{m{"name": ":path", "value": "x"}}}), field: "spec.rules[0].matches[0].headers[0].name", text: "which is no name of a header"},
		"header twice":           {spec: matches(m{"headers": many(2, m{"name": "x", "value": "1"})}), field: "spec.rules[0].matches[0].headers[1].name", text: `is "x" for the second time`},
		"17 headers":             {spec: matches(m{"queryParams": many(17, m{"name": "x", "value": "1"})}), field: "spec.rules[0].matches[0].queryParams", text: "has 17 items"},
		"wildcard in the middle": {spec: m{"hostnames": []any{"a.*.com"}}, field: "spec.hostnames[0]", text: `is "a.*.com", which is no hostname`},
		"every host":             {spec: m{"hostnames": []any{"*"}}, field: "spec.hostnames[0]", text: "is no hostname"},
		"filter without a type":  {spec: filters(m{}), field: "spec.rules[0].filters[0].type", text: "is missing"},
		"filter without a body":  {spec: filters(m{"type": "RequestMirror"}), field: "spec.rules[0].filters[0].requestMirror", text: "is missing"},
		"filter of two types":    {spec: filters(m{"type": "CORS", "cors": m{}, "urlRewrite": m{}}), field: "spec.rules[0].filters[0].urlRewrite", text: "stands in a filter of type CORS"},
		"redirect and rewrite":   {spec: filters(m{"type": "RequestRedirect", "requestRedirect": m{}}, m{"type": "URLRewrite", "urlRewrite": m{}}), field: "spec.rules[0].filters", text: "have RequestRedirect and URLRewrite"},
		"redirect and backends":  {spec: rules(m{"filters": []any{m{"type": "RequestRedirect", "requestRedirect": m{}}}, "backendRefs": []any{m{"name": "web", "port": 80}}}), field: "spec.rules[0].backendRefs", text: "stand beside a RequestRedirect"},
		"prefix of two matches": {spec: rules(m{
			"matches": []any{m{"method": "PUT"}, m{"method": "POST"}},
			"filters": []any{m{"type": "URLRewrite", "urlRewrite": m{"path": m{"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}},
		}), field: "spec.rules[0].filters[0].urlRewrite.path.type", text: "needs exactly one match, with a PathPrefix"},
		"prefix of an exact path": {spec: rules(m{
			"matches": []any{m{"path": m{"type": "Exact", "value": "/a"}}},
			"filters": []any{m{"type": "RequestRedirect", "requestRedirect": m{"path": m{"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}},
		}), field: "spec.rules[0].filters[0].requestRedirect.path.type", text: "needs exactly one match, with a PathPrefix"},
		"mirror of 101 %": {spec: filters(m{"type": "RequestMirror", "requestMirror": m{"percent": 101, "backendRef": m{"name": "web", "port": 80}}}), field: "spec.rules[0].filters[0].requestMirror.percent", text: "is 101, expected"},
		"mirror of both":  {spec: filters(m{"type": "RequestMirror", "requestMirror": m{"percent": 1, "fraction": m{"numerator": 1}, "backendRef": m{"name": "web", "port": 80}}}), field: "spec.rules[0].filters[0].requestMirror", text: "has a percent and a fraction"},

		"path of a GRPCRoute":       {kind: "GRPCRoute", spec: matches(m{"path": m{}}), field: "spec.rules[0].matches[0].path", text: "is an unknown field"},
		"empty gRPC method":         {kind: "GRPCRoute", spec: matches(m{"method": m{}}), field: "spec.rules[0].matches[0].method", text: "has neither a service nor a method"},
		"slash in a gRPC method":    {kind: "GRPCRoute", spec: matches(m{"method": m{"method": "a/b"}}), field: "spec.rules[0].matches[0].method.method", text: `is "a/b", which is no name of a gRPC method`},
		"redirect of a GRPCRoute":   {kind: "GRPCRoute", spec: filters(m{"type": "RequestRedirect"}), field: "spec.rules[0].filters[0].type", text: `is "RequestRedirect", expected one of`},
		"timeouts of a GRPCRoute":   {kind: "GRPCRoute", spec: rules(m{"timeouts": m{}}), field: "spec.rules[0].timeouts", text: "is an unknown field"},
		"listener without a port":   {kind: "Gateway", spec: m{"listeners": []any{m{"name": "a", "protocol": "HTTP"}}}, field: "spec.listeners[0].port", text: "is missing"},
		"listener twice":            {kind: "Gateway", spec: m{"listeners": many(2, m{"name": "a", "port": 80, "protocol": "HTTP"})}, field: "spec.listeners[1]", text: "has the name, or the port, protocol and hostname, of listener a"},
		"unknown operator":          {kind: "Gateway", spec: m{"listeners": []any{m{"name": "a", "port": 80, "protocol": "HTTP", "allowedRoutes": m{"namespaces": m{"from": "Selector", "selector": m{"matchExpressions": []any{m{"key": "x", "operator": "in"}}}}}}}}, field: "spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions[0].operator", text: `is "in", expected one of In`},
		"grant without a namespace": {kind: "ReferenceGrant", spec: m{"from": []any{m{"group": "", "kind": "HTTPRoute"}}, "to": []any{m{"kind": "Service"}}}, field: "spec.from[0].namespace", text: "is missing"},
	} {
		kind := c.kind
		if kind == "" {
			kind = "HTTPRoute"
		}
		set := model.New([]m{newObject(gatewayAPI, kind, "edge", "o", c.spec)}, model.Options{})
		found := false
		for _, p := range set.Report().Problems {
			wrong := strings.Contains(p.Text, refused) || strings.Contains(p.Text, "unknown field")
			if wrong && c.field == "" {
				t.Errorf("%s: %s", name, p)
			}
			found = found || strings.HasPrefix(p.String(), kind+" edge/o: "+c.field+" ") && strings.Contains(p.Text, c.text)
		}
		if !found && c.field != "" {
			t.Errorf("%s: no problem of %s with %q: %q", name, c.field, c.text, set.Report().Problems)
		}
		hasEffect := len(set.Report().Groups) > 0 || len(set.Report().Unattached) > 0
		if accepted := c.field == "" || strings.Contains(c.text, "unknown field"); strings.HasSuffix(kind, "Route") && c.field != "spec" && accepted != hasEffect {
			t.Errorf("%s: accepted %v, but has an effect: %v", name, accepted, hasEffect)
		}
	}
}

// TestSelector: a listener selects namespaces by labels, and by the name that each has as a
// label. Labels of a namespace that is not in the set are assumed to fit.
func TestSelector(t *testing.T) {
	expression := func(operator string, values ...any) m {
		return m{"matchExpressions": []any{m{"key": "zone", "operator": operator, "values": values}}}
	}
	for name, c := range map[string]struct {
		selector          m
		labels            any // nil without the Namespace
		accepted, assumed bool
	}{
		"label":         {m{"matchLabels": m{"zone": "a"}}, m{"zone": "a"}, true, false},
		"other label":   {m{"matchLabels": m{"zone": "a"}}, m{"zone": "b"}, false, false},
		"no label":      {m{"matchLabels": m{"zone": "a"}}, m{}, false, false},
		"unknown":       {m{"matchLabels": m{"zone": "a"}}, nil, true, true},
		"name":          {m{"matchLabels": m{"kubernetes.io/metadata.name": "shop"}}, nil, true, false},
		"other name":    {m{"matchLabels": m{"kubernetes.io/metadata.name": "x"}}, nil, false, false},
		"in":            {expression("In", "a", "b"), m{"zone": "b"}, true, false},
		"not in":        {expression("NotIn", "a", "b"), m{"zone": "b"}, false, false},
		"not in, empty": {expression("NotIn", "a"), m{}, true, false},
		"exists":        {expression("Exists"), m{"zone": ""}, true, false},
		"not exists":    {expression("DoesNotExist"), m{"zone": ""}, false, false},
		"everything":    {m{}, m{}, true, false},
		"no selector":   {nil, m{}, false, false},
	} {
		listener := m{"name": "web", "port": 80, "protocol": "HTTP", "allowedRoutes": m{"namespaces": m{"from": "Selector"}}}
		if c.selector != nil {
			listener["allowedRoutes"].(m)["namespaces"].(m)["selector"] = c.selector
		}
		set := []m{
			newObject(gatewayAPI, "Gateway", "edge", "public", m{"listeners": []any{listener}}),
			newObject(gatewayAPI, "HTTPRoute", "shop", "r", m{"parentRefs": []any{m{"name": "public", "namespace": "edge"}}}),
		}
		if c.labels != nil {
			set = append(set, m{"apiVersion": "v1", "kind": "Namespace", "metadata": m{"name": "shop", "labels": c.labels}})
		}
		report := model.New(set, model.Options{}).Report()
		if accepted := len(report.Groups) == 1 && len(report.Unattached) == 0; accepted != c.accepted || len(report.Assumed) > 0 != c.assumed {
			t.Errorf("%s: accepted %v, assumed %q", name, accepted, report.Assumed)
		}
	}
}

// TestExpressionsAreOpen: the rank of a regular expression in a path is open beside another
// rule for the same host, and not otherwise: between hosts the host decides.
func TestExpressionsAreOpen(t *testing.T) {
	route := func(name, host string, match m) m {
		return newObject(gatewayAPI, "HTTPRoute", "edge", name, m{
			"parentRefs": []any{m{"name": "public"}}, "hostnames": []any{host},
			"rules": []any{m{"matches": []any{match}, "backendRefs": []any{m{"name": "web", "port": 80}}}},
		})
	}
	expression := m{"path": m{"type": "RegularExpression", "value": "/v[0-9]+"}}
	for other, want := range map[string]bool{"a.com": true, "b.com": false, "*.com": false} {
		report := model.New([]m{route("a", "a.com", expression), route("b", other, m{})}, model.Options{}).Report()
		for _, g := range report.Groups {
			if isOpen := g.Open != ""; isOpen != (want && g.Route.Name == "a") {
				t.Errorf("beside %s: %s is open: %v", other, g.Route, isOpen)
			}
		}
	}
}
