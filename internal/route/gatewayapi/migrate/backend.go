package migrate

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/servicename"
)

// backend returns the Service of a Mapping, if it names one.
func (t *translation) backend(m *member) (b backend, ok bool) {
	refuse := func(field, format string, args ...any) (backend, bool) {
		m.refuse([]string{"spec", field}, field+": "+format, args...)
		return backend{}, false
	}
	if kind := text(m.spec["resolver"]); kind != "" && kind != "kubernetes-service" && kind != "kubernetes-endpoint" && kind != "endpoint" {
		return refuse("resolver", "a route sends requests to Services only, and %q may find something else", kind)
	}
	written := text(m.spec["service"])
	address, err := servicename.ParseAddress(written)
	if err != nil {
		return refuse("service", "%q is no name of a Service", written)
	}
	if scheme := strings.ToLower(address.Scheme); scheme != "" && scheme != "http" {
		return refuse("service", "%q has the scheme %s; %s", written, scheme, lookUp("tls").why)
	}
	name, known := servicename.Parse(address.Host)
	if !known {
		return refuse("service", "%q is a host outside of the cluster, and a route sends requests to Services", written)
	}
	b = backend{namespace: cmp.Or(name.Namespace, m.namespace), service: name.Service, port: 80, member: m}
	if address.Port != "" {
		b.port, _ = strconv.Atoi(address.Port) // ParseAddress checked it
	}
	return b, true
}

// readFilters translates what changes a request or its answer.
func (t *translation) readFilters(r *rule) {
	spec := t.g.config.Spec
	r.filters.request = t.headerChange(spec, "add_request_headers", "remove_request_headers")
	r.filters.answer = t.headerChange(spec, "add_response_headers", "remove_response_headers")
	t.readUpgrades(spec)
	if m := t.g.redirect(); m != nil {
		t.readRedirect(r, m)
		return
	}
	r.filters.host = text(t.same("host_rewrite", ""))
	if r.filters.host != "" && !hostname.MatchString(r.filters.host) {
		t.refuse("host_rewrite", "%q is no hostname", r.filters.host)
	}
	if r.filters.host != "" && r.grpc {
		t.refuse("host_rewrite", "a GRPCRoute does not rewrite the host")
	}
	if !r.grpc {
		r.timeout = t.readTimeout()
	}
	t.readMirror(r)
	t.readCORS(r)
}

// readUpgrades announces that websockets need no setting in most gateways.
func (t *translation) readUpgrades(spec map[string]any) {
	upgrades := list(spec["allow_upgrade"])
	for _, m := range t.g.members {
		if set(m.spec["use_websocket"]) {
			upgrades = append(upgrades, "websocket")
		}
	}
	for _, u := range upgrades {
		if !strings.EqualFold(text(u), "websocket") {
			t.refuse("allow_upgrade", "%v: %s", u, noField)
		}
	}
	if len(upgrades) > 0 {
		t.g.members[0].announce("websocket: a route has no setting for it; most gateways pass it on, some only if the Service's port has appProtocol: kubernetes.io/ws")
	}
}

// readTimeout returns the timeout of requests; Emissary's default is three seconds.
func (t *translation) readTimeout() string {
	fallback := any(defaultTimeout)
	if v, found := t.config.Module["cluster_request_timeout_ms"]; found {
		fallback = v
	}
	ms, ok := number(t.same("timeout_ms", fallback))
	if !ok || ms < 0 || ms != float64(int64(ms)) || ms > 99_999_000 {
		t.refuse("timeout_ms", "%v is no number of milliseconds that a route can have", t.same("timeout_ms", fallback))
		return ""
	}
	n := int64(ms)
	switch {
	case n%1000 == 0:
		return fmt.Sprintf("%ds", n/1000)
	case n < 100_000:
		return fmt.Sprintf("%dms", n)
	}
	return fmt.Sprintf("%ds%dms", n/1000, n%1000)
}

// defaultTimeout is the timeout of a request in milliseconds, if neither the Mapping nor the
// Module sets one (v3route.py).
const defaultTimeout = int64(3000)

// headerChange translates headers to add and to remove. Envoy removes first, and adds to a
// header that is there unless append is false (v3route.py).
func (t *translation) headerChange(spec map[string]any, add, remove string) headerChange {
	out := headerChange{add: map[string]string{}, set: map[string]string{}}
	added := object(spec[add])
	for _, name := range sortedKeys(added) {
		value, appends := added[name], true
		if o, is := value.(map[string]any); is {
			value = o["value"]
			if v, found := o["append"]; found {
				appends = set(v)
			}
		}
		switch v := fmt.Sprint(value); {
		case strings.Contains(v, "%"):
			t.refuse(add, "%s: %q is a value that Envoy computes", name, v)
		case v == "" || value == nil:
			t.refuse(add, "%s: a route adds no empty header", name)
		case appends:
			out.add[name] = v
		default:
			out.set[name] = v
		}
	}
	names := list(spec[remove])
	if one := text(spec[remove]); one != "" {
		names = []any{one}
	}
	for _, n := range names {
		for _, other := range sortedKeys(added) {
			if strings.EqualFold(other, text(n)) {
				t.refuse(remove, "%s is added too, and the order of both is left to the gateway", other)
			}
		}
		if !slices.Contains(out.remove, text(n)) {
			out.remove = append(out.remove, text(n))
		}
	}
	return out
}

var hostname = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

func (t *translation) readRedirect(r *rule, m *member) {
	if r.grpc {
		t.refuse("host_redirect", "a GRPCRoute does not redirect")
	}
	to := &redirect{host: text(m.spec["service"]), code: 301}
	if !hostname.MatchString(to.host) || !strings.Contains(to.host, ".") {
		t.refuse("service", "%q is no hostname to redirect to", to.host)
	}
	to.path, to.full = text(m.spec["path_redirect"]), true
	if to.path == "" {
		to.path, to.full = text(m.spec["prefix_redirect"]), false
	}
	to.full = to.full || r.at.kind != "PathPrefix"
	for _, field := range []string{"path_redirect", "prefix_redirect"} {
		if set(m.spec[field]) && (!strings.HasPrefix(to.path, "/") || strings.ContainsAny(to.path, "?#")) {
			t.refuse(field, "%q is no path", to.path)
			break
		}
	}
	if code, ok := number(m.spec["redirect_response_code"]); ok && slices.Contains([]float64{301, 302, 303, 307, 308}, code) {
		to.code = int(code)
	}
	r.redirects = to
}

func (t *translation) readMirror(r *rule) {
	m := t.g.shadow()
	if m == nil {
		return
	}
	b, ok := t.backend(m)
	if !ok {
		return
	}
	r.filters.mirror, r.filters.percent = &b, 100
	if weight, found := number(m.spec["weight"]); found {
		r.filters.percent = int(weight)
		if weight < 0 || weight > 100 {
			t.refuse("weight", "%v is no percentage", weight)
		}
	}
}

// origin matches an origin that a CORS filter takes (CORSOrigin).
var origin = regexp.MustCompile(`^(\*|https?://(((\*\.)?([a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(:[0-9]{1,5})?))$`)

// readCORS translates cors as ircors.py reads it: lists, or texts with commas.
func (t *translation) readCORS(r *rule) {
	in := object(t.g.config.Spec["cors"])
	if in == nil {
		in = object(t.config.Module["cors"])
	}
	if len(in) == 0 {
		return
	}
	refuse := func(format string, args ...any) { t.refuse("cors", format, args...) }
	if r.grpc {
		refuse("a GRPCRoute has no such filter")
	}
	out := map[string]any{}
	for _, f := range [][2]string{{"origins", "allowOrigins"}, {"methods", "allowMethods"}, {"headers", "allowHeaders"}, {"exposed_headers", "exposeHeaders"}} {
		items := list(in[f[0]])
		if one := text(in[f[0]]); one != "" {
			for part := range strings.SplitSeq(one, ",") {
				items = append(items, strings.TrimSpace(part))
			}
		}
		if slices.Contains(items, any("*")) && len(items) > 1 {
			refuse("%s has * beside others", f[0])
		}
		if len(items) > 0 {
			out[f[1]] = items
		}
	}
	for _, o := range list(out["allowOrigins"]) {
		if !origin.MatchString(text(o)) {
			refuse("%v is no origin such as https://www.example.com", o)
		}
	}
	for _, method := range list(out["allowMethods"]) {
		if text(method) != "*" && !slices.Contains(methods, text(method)) {
			refuse("a route has no method %v", method)
		}
	}
	if set(in["credentials"]) {
		out["allowCredentials"] = true
	}
	if age := in["max_age"]; age != nil {
		n, err := strconv.ParseInt(fmt.Sprint(age), 10, 32)
		if err != nil || n < 1 {
			refuse("max_age %v is no number of seconds", age)
		}
		out["maxAge"] = n
	}
	r.filters.cors = out
}
