package migrate

import (
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// node returns a rule as YAML.
func (r *rule) node() *manifest.Node {
	matches := manifest.NewList()
	methods := r.methods
	if len(methods) == 0 {
		methods = []string{""}
	}
	for _, method := range methods {
		if match := r.matchNode(method); len(match.Content) > 0 {
			matches.Content = append(matches.Content, match)
		}
	}
	out := manifest.NewMap()
	if len(matches.Content) > 0 { // a gRPC rule for everything has none
		manifest.Put(out, "matches", matches)
	}
	if filters := r.filterNodes(); len(filters.Content) > 0 {
		manifest.Put(out, "filters", filters)
	}
	if r.redirects != nil {
		return out
	}
	backends := manifest.NewList()
	for _, b := range r.backends {
		node := r.reference(b)
		if len(r.backends) > 1 {
			manifest.Put(node, "weight", manifest.NewInt(b.weight))
		}
		backends.Content = append(backends.Content, node)
	}
	manifest.Put(out, "backendRefs", backends)
	if r.timeout != "" {
		manifest.Put(out, "timeouts", manifest.NewMap("request", r.timeout))
	}
	return out
}

func (r *rule) matchNode(method string) *manifest.Node {
	match := manifest.NewMap()
	switch parts := strings.SplitN(strings.Trim(r.at.value, "/"), "/", 2); {
	case !r.grpc:
		manifest.Put(match, "path", manifest.NewMap("type", r.at.kind, "value", r.at.value))
	case parts[0] == "":
	case len(parts) == 1:
		manifest.Put(match, "method", manifest.NewMap("service", parts[0]))
	default:
		manifest.Put(match, "method", manifest.NewMap("service", parts[0], "method", parts[1]))
	}
	if method != "" {
		manifest.PutString(match, "method", method)
	}
	if len(r.headers) > 0 {
		manifest.Put(match, "headers", conditionNodes(r.headers))
	}
	if len(r.query) > 0 {
		manifest.Put(match, "queryParams", conditionNodes(r.query))
	}
	return match
}

func conditionNodes(all []condition) *manifest.Node {
	out := manifest.NewList()
	for _, c := range all {
		node := manifest.NewMap()
		if c.kind != "Exact" { // the default
			manifest.PutString(node, "type", c.kind)
		}
		manifest.PutString(node, "name", c.name)
		manifest.PutString(node, "value", c.value)
		out.Content = append(out.Content, node)
	}
	return out
}

func (r *rule) reference(b backend) *manifest.Node {
	node := manifest.NewMap("name", b.service)
	if b.namespace != r.namespace {
		manifest.PutString(node, "namespace", b.namespace)
	}
	manifest.Put(node, "port", manifest.NewInt(b.port))
	return node
}

func (r *rule) filterNodes() *manifest.Node {
	out := manifest.NewList()
	add := func(kind, field string, value *manifest.Node) {
		out.Content = append(out.Content, manifest.NewMap("type", kind, field, value))
	}
	if n := r.filters.request.node(); n != nil {
		add("RequestHeaderModifier", "requestHeaderModifier", n)
	}
	if n := r.filters.answer.node(); n != nil {
		add("ResponseHeaderModifier", "responseHeaderModifier", n)
	}
	if r.filters.cors != nil {
		add("CORS", "cors", manifest.From(r.filters.cors))
	}
	if r.filters.mirror != nil {
		mirror := manifest.NewMap("backendRef", r.reference(*r.filters.mirror))
		if r.filters.percent != 100 {
			manifest.Put(mirror, "percent", manifest.NewInt(r.filters.percent))
		}
		add("RequestMirror", "requestMirror", mirror)
	}
	if to := r.redirects; to != nil {
		redirect := manifest.NewMap("hostname", to.host)
		if to.path != "" {
			manifest.Put(redirect, "path", modifier(to.path, to.full))
		}
		manifest.Put(redirect, "statusCode", manifest.NewInt(to.code))
		add("RequestRedirect", "requestRedirect", redirect)
	}
	rewrite := manifest.NewMap()
	if r.filters.host != "" {
		manifest.PutString(rewrite, "hostname", r.filters.host)
	}
	if r.rewrite != "" && !r.keepsPath() {
		manifest.Put(rewrite, "path", modifier(r.rewrite, r.at.kind != "PathPrefix"))
	}
	if len(rewrite.Content) > 0 {
		add("URLRewrite", "urlRewrite", rewrite)
	}
	return out
}

// keepsPath reports whether the rewrite of a rule changes nothing.
func (r *rule) keepsPath() bool {
	if r.at.kind == "PathPrefix" {
		return strings.TrimSuffix(r.rewrite, "/") == strings.TrimSuffix(r.at.value, "/")
	}
	return r.at.kind == "Exact" && r.rewrite == r.at.value
}

func modifier(path string, full bool) *manifest.Node {
	if full {
		return manifest.NewMap("type", "ReplaceFullPath", "replaceFullPath", path)
	}
	return manifest.NewMap("type", "ReplacePrefixMatch", "replacePrefixMatch", path)
}

// node returns the value of a header modifier, or nil if it changes nothing.
func (h headerChange) node() *manifest.Node {
	out := manifest.NewMap()
	for _, part := range []struct {
		field   string
		headers map[string]string
	}{{"set", h.set}, {"add", h.add}} {
		items := manifest.NewList()
		for _, name := range sortedKeys(part.headers) {
			items.Content = append(items.Content, manifest.NewMap("name", name, "value", part.headers[name]))
		}
		if len(items.Content) > 0 {
			manifest.Put(out, part.field, items)
		}
	}
	if len(h.remove) > 0 {
		manifest.Put(out, "remove", texts(slices.Clone(h.remove)))
	}
	if len(out.Content) == 0 {
		return nil
	}
	return out
}
