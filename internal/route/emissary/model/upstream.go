package model

import (
	"slices"
	"strings"
)

// Upstreams knows how Emissary finds the endpoints of Mappings, and how it
// chooses one for a request.
type Upstreams struct{ world *world }

// NewUpstreams reads the resolvers and Modules among objects, those in
// annotations included.
func NewUpstreams(objects []map[string]any, opts Options) Upstreams {
	var some []map[string]any
	for _, o := range objects {
		kind := text(o["kind"])
		if kind == "Module" || strings.HasSuffix(kind, "Resolver") || kind == "Service" || kind == "Ingress" {
			some = append(some, o)
		}
	}
	log := &journal{}
	return Upstreams{newWorld(collect(some, opts, log), opts, log)}
}

// Resolver returns the name of the resolver that a Mapping or TCPMapping with
// the given spec uses, and its kind. The kind is "" if the resolver is unknown
// or refused.
func (u Upstreams) Resolver(spec map[string]any) (name, kind string) {
	r := &resource{spec: spec}
	return u.world.resolverName(r), u.world.resolverKind(r)
}

// IsKubernetes reports whether a kind of resolver looks a Service up in
// Kubernetes.
func IsKubernetes(resolverKind string) bool {
	return slices.Contains([]string{"KubernetesServiceResolver", "KubernetesEndpointResolver"}, resolverKind)
}

// Sticky describes how a Mapping with the given spec keeps a client on one
// endpoint, such as "ring_hash by the cookie session"; "" if it does not. own
// reports whether the Mapping says so, and not the Module (generate_hash_policy
// in v3route.py).
func (u Upstreams) Sticky(spec map[string]any) (how string, own bool) {
	balancer := object(spec["load_balancer"])
	own = len(balancer) > 0
	if !own {
		balancer = u.world.module.balancer
	}
	policy := text(balancer["policy"])
	if !validBalancer(balancer) || policy != "ring_hash" && policy != "maglev" {
		return "", own
	}
	cookie, byCookie := balancer["cookie"]
	header, byHeader := balancer["header"]
	switch {
	case byCookie:
		return policy + " by the cookie " + plain(object(cookie)["name"]), own
	case byHeader:
		return policy + " by the header " + plain(header), own
	case truthy(balancer["source_ip"]):
		return policy + " by the source IP", own
	}
	return "", own
}
