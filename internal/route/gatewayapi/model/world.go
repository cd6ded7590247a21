package model

import (
	"cmp"
	"slices"
	"strings"
)

// Options says what the set of objects is.
type Options struct {
	// Complete means that the set has all objects of a cluster. Otherwise a Gateway,
	// Service or Namespace that is not in the set is assumed to be there and right; a
	// ReferenceGrant never is.
	Complete bool
	// New holds routes that will be created after all others: they rank as the youngest.
	New []ID
}

// Model is what a conformant implementation makes of a set of objects.
type Model struct {
	world     *world
	routes    []*route
	listeners []*listener // by Gateway, in the order of their names
	served    []served    // by listener
	problems  []Problem
	outside   []Unattached
}

// world holds the objects that routes and listeners refer to.
type world struct {
	complete   bool
	namespaces map[string]map[string]any // labels by name
	services   map[[2]string]*service    // by namespace and name
	ready      map[[2]string]bool        // whether a Service has ready endpoints; unknown ones are missing
	grants     []grant
	assumed    map[string]map[string]bool // names of what is assumed, by kind
}

type service struct {
	ports    map[int64]bool
	external bool // type ExternalName
}

// grant is an entry of a ReferenceGrant: from this kind and namespace to that object.
type grant struct {
	group, kind, namespace   string // who refers
	toGroup, toKind, toSpace string // to what
	toName                   string // "" means all
}

// isKind reports whether an object is of a kind of the API group, in any version.
func isKind(o map[string]any, kind string) bool {
	version := text(o["apiVersion"])
	return text(o["kind"]) == kind && len(version) > len(APIGroup) && version[:len(APIGroup)+1] == APIGroup+"/"
}

// IDOf returns the identity of an object; without a namespace it is in default.
func IDOf(o map[string]any) ID {
	meta := object(o["metadata"])
	id := ID{Kind: text(o["kind"]), Namespace: text(meta["namespace"]), Name: text(meta["name"])}
	if id.Namespace == "" {
		id.Namespace = "default"
	}
	return id
}

// New reads a set of decoded objects. It uses Gateways, HTTPRoutes, GRPCRoutes and
// ReferenceGrants of any version, Services, EndpointSlices and Namespaces, and ignores
// other objects. It does not change the objects.
func New(objects []map[string]any, opts Options) *Model {
	m := &Model{world: &world{
		complete: opts.Complete, namespaces: map[string]map[string]any{}, services: map[[2]string]*service{},
		ready: map[[2]string]bool{}, assumed: map[string]map[string]bool{},
	}}
	gateways := map[ID][]*listener{}
	for _, o := range objects {
		id := IDOf(o)
		switch {
		case id.Name == "":
		case isKind(o, "HTTPRoute"), isKind(o, "GRPCRoute"):
			if r, reader := readRoute(o, id); m.keeps(reader) {
				r.last = slices.Contains(opts.New, id)
				m.routes = append(m.routes, r)
			}
		case isKind(o, "Gateway"):
			if listeners, reader := readGateway(o, id); m.keeps(reader) {
				gateways[id] = listeners
			}
		case isKind(o, "ReferenceGrant"):
			if grants, reader := readGrant(o, id); m.keeps(reader) {
				m.world.grants = append(m.world.grants, grants...)
			}
		default:
			m.world.read(o, id)
		}
	}
	// The order of routes that claim the same hosts and matches (GRPCRouteSpec,
	// HTTPRouteRule).
	slices.SortFunc(m.routes, func(a, b *route) int { order, _ := olderFirst(a, b); return order })
	m.attach(gateways)
	for _, r := range m.routes {
		for _, rule := range r.rules {
			rule.shares = m.share(rule)
		}
	}
	for _, l := range m.listeners {
		m.served = append(m.served, m.serve(l)...)
	}
	return m
}

// keeps records what a reader found, and reports whether the object has an effect.
func (m *Model) keeps(r *reader) bool {
	m.problems = append(m.problems, r.problems...)
	return !r.refused
}

// read reads an object of another group.
func (w *world) read(o map[string]any, id ID) {
	key := [2]string{id.Namespace, id.Name}
	switch text(o["apiVersion"]) + " " + id.Kind {
	case "v1 Namespace":
		w.namespaces[id.Name] = object(object(o["metadata"])["labels"])
		if w.namespaces[id.Name] == nil {
			w.namespaces[id.Name] = map[string]any{}
		}
	case "v1 Service":
		spec := object(o["spec"])
		s := &service{ports: map[int64]bool{}, external: text(spec["type"]) == "ExternalName"}
		ports, _ := spec["ports"].([]any)
		for _, p := range ports {
			if n, ok := whole(object(p)["port"]); ok {
				s.ports[n] = true
			}
		}
		w.services[key] = s
	case "discovery.k8s.io/v1 EndpointSlice":
		key[1] = text(object(object(o["metadata"])["labels"])["kubernetes.io/service-name"])
		endpoints, _ := o["endpoints"].([]any)
		ready := w.ready[key]
		for _, e := range endpoints {
			state := object(object(e)["conditions"])["ready"]
			ready = ready || state == nil || state == true // unknown counts as ready (EndpointConditions)
		}
		w.ready[key] = ready
	}
}

// readGrant reads a ReferenceGrant: every entry of from may refer to every entry of to, in
// the grant's namespace (ReferenceGrantSpec).
func readGrant(o map[string]any, id ID) (out []grant, r *reader) {
	r = &reader{id: id}
	spec := node{r, []string{"spec"}, o["spec"]}
	spec.object("from to")
	var to []grant
	for _, n := range spec.get("to").items(16) {
		n.object("group kind name")
		to = append(to, grant{toGroup: n.get("group").text(""), toKind: n.get("kind").name(63), toSpace: id.Namespace, toName: n.get("name").text("")})
	}
	for _, n := range spec.get("from").items(16) {
		n.object("group kind namespace")
		group, kind, namespace := n.get("group").text(""), n.get("kind").name(63), n.get("namespace").name(63)
		for _, g := range to {
			g.group, g.kind, g.namespace = group, kind, namespace
			out = append(out, g)
		}
	}
	return out, r
}

// granted reports whether a route may refer to a backend: those of its own namespace, and
// others by a ReferenceGrant in their namespace (HTTPBackendRef).
func (w *world) granted(from ID, b Backend) bool {
	return b.Namespace == from.Namespace || slices.ContainsFunc(w.grants, func(g grant) bool {
		return g.group == APIGroup && g.kind == from.Kind && g.namespace == from.Namespace &&
			g.toGroup == b.Group && g.toKind == b.Kind && g.toSpace == b.Namespace && (g.toName == "" || g.toName == b.Name)
	})
}

// assume records an object that is not in the set.
func (w *world) assume(kind, name string) {
	if w.assumed[kind] == nil {
		w.assumed[kind] = map[string]bool{}
	}
	w.assumed[kind][name] = true
}

// assumptions says what is assumed of objects that are not in the set, by their kind.
func (w *world) assumptions() (out []string) {
	facts := map[string]string{
		"Gateway":   "there, and accepts the routes that name it",
		"Namespace": "has the labels that listeners select",
		"Service":   "there, with that port",
	}
	for _, kind := range sortedKeys(w.assumed) {
		fact := cmp.Or(facts[kind], "there, and accepts the routes that name it; which requests it gets is not computed")
		out = append(out, kind+" "+strings.Join(sortedKeys(w.assumed[kind]), ", ")+": "+fact)
	}
	return out
}
