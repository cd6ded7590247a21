package model

import (
	"fmt"
	"strconv"
)

// redirected is the status of requests that a filter redirects.
const redirected = "redirect"

// shares is what a rule does with its requests.
type shares struct {
	rows   []Row
	status string
	open   string
}

// share computes what becomes of a rule's requests, and records what is wrong with its
// references. The share of a backend is its weight divided by the sum of all, those of
// broken references included (BackendRef, HTTPRouteRule).
func (m *Model) share(r *rule) (out shares) {
	var sum int64
	for _, b := range r.backends {
		sum += b.weight
	}
	for _, b := range r.backends {
		row := m.world.resolve(r.route, b.Backend)
		row.Weight, row.Of, row.Filters = b.weight, sum, b.filters
		for _, f := range b.filters {
			if f == "RequestRedirect" {
				row.Status, row.Reason = redirected, ""
			}
		}
		if row.Reason != "" {
			m.find(r.route.id, b.path, "%s: %s %% of the rule's requests get %s", row.Reason, strconv.FormatFloat(row.Percent(), 'f', -1, 64), row.Status)
		}
		out.rows = append(out.rows, row)
	}
	for _, mirror := range r.mirrors {
		if row := m.world.resolve(r.route, mirror.Backend); row.Reason != "" {
			m.find(r.route.id, mirror.path, "%s: no request is copied to it", row.Reason)
		}
	}
	switch {
	case r.redirect:
		out.status = redirected
	case len(r.backends) == 0:
		// The test HTTPRouteNoBackendRefs expects it of an empty list too.
		out.status = r.route.broken()
		m.find(r.route.id, r.path, "has no backendRefs: its requests get %s", out.status)
	case sum == 0:
		out.open = "all weights are 0, and the specification does not say what clients get then (Envoy Gateway: 500)"
		if len(r.backends) == 1 {
			out.open += "; some gateways send a lone backend everything"
		}
		m.find(r.route.id, r.path, "sends requests to no backend: %s", out.open)
	}
	for _, f := range r.filters {
		if f == "ExtensionRef" || f == "ExternalAuth" {
			out.open = "the filter " + f + " may answer requests itself"
		}
	}
	if r.sticky && len(r.backends) > 1 {
		m.find(r.route.id, r.path, "has sessionPersistence: the weights hold for the first request of a session, and the others follow it")
	}
	return out
}

// broken returns the status for requests to a broken reference (HTTPRouteRule,
// GRPCRouteRule).
func (r *route) broken() string {
	if r.grpc {
		return "UNAVAILABLE"
	}
	return "500"
}

// resolve finds a backend. A reference is broken if its kind is unknown, no ReferenceGrant
// allows it, or it does not exist (HTTPBackendRef, GRPCBackendRef).
func (w *world) resolve(from *route, b Backend) Row {
	row := Row{Backend: b}
	broken := func(status, format string, args ...any) Row {
		row.Status, row.Reason = status, fmt.Sprintf(format, args...)
		return row
	}
	key := [2]string{b.Namespace, b.Name}
	ready, known := w.ready[key]
	switch s := w.services[key]; {
	case !b.isService() && b.Group == "":
		return broken(from.broken(), "has the kind %s, which is no backend", b.Kind)
	case !w.granted(from.id, b):
		return broken(from.broken(), "refers to %s in another namespace, which no ReferenceGrant of the input allows", b)
	case !b.isService():
		row.Open = "a gateway that does not know the kind " + b.Kind + " of group " + b.Group + " answers " + from.broken()
	case s == nil && w.complete:
		return broken(from.broken(), "refers to Service %s/%s, which does not exist", b.Namespace, b.Name)
	case s == nil:
		w.assume("Service", b.String())
	case s.external:
		row.Open = "the specification advises against Services of type ExternalName: a gateway may answer " + from.broken()
	case !s.ports[b.Port]:
		return broken(from.broken(), "refers to Service %s/%s, which has no port %d", b.Namespace, b.Name, b.Port)
	case known && !ready && from.grpc:
		return broken("UNAVAILABLE", "refers to Service %s/%s, which has no ready endpoint", b.Namespace, b.Name)
	case known && !ready:
		return broken("503", "refers to Service %s/%s, which has no ready endpoint", b.Namespace, b.Name)
	}
	return row
}
