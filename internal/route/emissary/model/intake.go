package model

import (
	"fmt"
	"sort"
	"strings"
)

// apiGroup is the API group of Emissary's own kinds.
const apiGroup = "getambassador.io/"

// resource is an object that Emissary reads.
type resource struct {
	kind, version   string
	name, namespace string
	// alias is the name inside Emissary: name, or NAME.NAMESPACE if an earlier
	// resource of the kind has the name.
	alias string
	// key determines the order in which Emissary processes resources.
	key     string
	labels  map[string]any
	spec    map[string]any
	refused string // why validation rejects it; "" if it does not
	ingress string // the Ingress that Emissary made it of, in its namespace; "" for others
	foreign bool   // belongs to another ambassador_id
	ignored bool   // has an apiVersion that Emissary does not watch
}

func (r *resource) String() string { return member(r.kind, r.namespace, r.name, r.ingress) }

// member describes a Mapping, or the Ingress that Emissary made it of.
func member(kind, namespace, name, ingress string) string {
	if ingress != "" {
		return fmt.Sprintf("Ingress %s/%s (as %s %s)", namespace, ingress, kind, name)
	}
	return kind + " " + namespace + "/" + name
}

// catalog holds the resources of each storage class in Emissary's order.
type catalog struct {
	all                                                     []*resource // in order, including rejected and foreign ones
	mappings, tcp, hosts, modules, listeners, tls, resolver []*resource
}

// storage returns the list in which Config.safe_store (config.py) stores a
// kind.
func (c *catalog) storage(kind string) *[]*resource {
	switch kind {
	case "Mapping":
		return &c.mappings
	case "TCPMapping":
		return &c.tcp
	case "Host":
		return &c.hosts
	case "Module":
		return &c.modules
	case "Listener":
		return &c.listeners
	case "TLSContext":
		return &c.tls
	case "ConsulResolver", "KubernetesEndpointResolver", "KubernetesServiceResolver":
		return &c.resolver
	}
	return nil
}

// collect finds Emissary's resources among objects and in annotations, and
// stores them as config.py does.
func collect(objects []map[string]any, opts Options, log *journal) *catalog {
	c := &catalog{}
	seen := map[string]bool{}
	var direct []*resource
	var owners []map[string]any
	for _, o := range objects {
		if ownsAnnotations(o) {
			owners = append(owners, o)
		}
		r := newResource(o)
		if r == nil || c.storage(r.kind) == nil {
			continue
		}
		// The API server has one object per kind and name. If a set has two,
		// Emissary's own fetcher (fetcher.py) keeps the first.
		id := r.kind + " " + r.version + " " + r.namespace + "/" + r.name
		if !seen[id] {
			seen[id] = true
			direct = append(direct, r)
		}
	}
	sort.SliceStable(owners, func(i, j int) bool { return identity(owners[i]) > identity(owners[j]) })
	for _, owner := range owners {
		c.all = append(c.all, annotated(owner, log)...)
	}
	sort.SliceStable(direct, func(i, j int) bool {
		return direct[i].kind+" "+direct[i].version < direct[j].kind+" "+direct[j].version
	})
	c.all = append(c.all, ingressResources(objects, opts, log)...)
	c.all = append(c.all, direct...)
	sort.SliceStable(c.all, func(i, j int) bool { return c.all[i].key < c.all[j].key })
	filed := map[string]map[string]*resource{}
	for _, r := range c.all {
		r.foreign = !accepts(r.spec, opts.AmbassadorID)
		r.ignored = !watched(r.version)
		switch {
		case r.foreign || r.ignored:
		case r.refused != "":
			log.post(r, r.refused)
		default:
			c.file(r, filed, log)
		}
	}
	return c
}

// file stores a resource under its name, or under NAME.NAMESPACE if another
// namespace already has the name (safe_store in config.py).
func (c *catalog) file(r *resource, filed map[string]map[string]*resource, log *journal) {
	class := c.storage(r.kind)
	names := filed[className(r.kind)]
	if names == nil {
		names = map[string]*resource{}
		filed[className(r.kind)] = names
	}
	if first := names[r.alias]; first != nil {
		if first.namespace == r.namespace {
			log.post(r, "is defined twice: Emissary uses the later one")
		} else {
			r.alias += "." + r.namespace
		}
	}
	if old := names[r.alias]; old != nil {
		for i := range *class {
			if (*class)[i] == old {
				(*class)[i] = r
			}
		}
	} else {
		*class = append(*class, r)
	}
	names[r.alias] = r
}

// className maps kinds that share a name space to the same name.
func className(kind string) string {
	if strings.HasSuffix(kind, "Resolver") {
		return "Resolver"
	}
	return kind
}

// identity identifies an object by kind, namespace and name.
func identity(o map[string]any) string {
	meta := object(o["metadata"])
	return text(o["kind"]) + " " + text(meta["namespace"]) + "/" + text(meta["name"])
}

// newResource reads a Kubernetes object. It returns nil if the object is not of
// Emissary's group.
func newResource(o map[string]any) *resource {
	apiVersion, kind := text(o["apiVersion"]), text(o["kind"])
	version, found := strings.CutPrefix(apiVersion, apiGroup)
	meta := object(o["metadata"])
	name := text(meta["name"])
	if !found || kind == "" || name == "" {
		return nil
	}
	namespace := text(meta["namespace"])
	if namespace == "" {
		namespace = "default"
	}
	r := &resource{
		kind: kind, version: version, name: name, namespace: namespace, alias: name,
		key:    name + "." + namespace + ".1",
		labels: map[string]any{"ambassador_crd": name + "." + namespace},
		spec:   withoutNulls(object(o["spec"])),
	}
	for k, v := range object(meta["labels"]) {
		r.labels[k] = v
	}
	// A v1 object stays as it is. This was observed: when Emissary's generator
	// gets the objects, only v2 has been converted.
	if r.kind == "Mapping" && version == "v2" {
		r.spec = convertMappingSpec(r.spec)
	}
	switch r.kind {
	case "Mapping":
		r.refused = checkMapping(r.spec)
	case "TCPMapping":
		r.refused = checkTCPMapping(r.spec)
	}
	return r
}

// watched reports whether Emissary watches a version of its API group
// (ambassador.py).
func watched(version string) bool {
	return version == "v1" || version == "v2" || version == "v3alpha1"
}

// accepts reports whether a spec is for the installation (good_ambassador_id in
// config.py). An empty list is for no installation.
func accepts(spec map[string]any, id string) bool {
	if id == "" {
		id = "default"
	}
	ids, found := spec["ambassadorId"]
	if !found {
		ids, found = spec["ambassador_id"]
	}
	if !found {
		return id == "default"
	}
	all, isList := ids.([]any)
	if !isList {
		return truthy(ids) && plain(ids) == id
	}
	if len(all) == 1 && plain(all[0]) == "_automatic_" {
		return true
	}
	for _, one := range all {
		if text(one) == id {
			return true
		}
	}
	return false
}

// checkMapping returns what validation rejects in a Mapping's spec, or "".
func checkMapping(spec map[string]any) string {
	for _, f := range []string{"prefix", "service"} {
		if _, ok := spec[f].(string); !ok {
			return fmt.Sprintf("has no %s: Emissary ignores it", f)
		}
	}
	type shape struct {
		name string
		ok   func(any) bool
	}
	isText := func(v any) bool { _, ok := v.(string); return ok }
	isNumber := func(v any) bool { _, ok := number(v); return ok }
	isMap := func(v any) bool { _, ok := v.(map[string]any); return ok }
	isMatch := func(v any) bool {
		m, ok := v.(map[string]any)
		for _, value := range m {
			ok = ok && (isText(value) || value == true)
		}
		return ok
	}
	isTexts := func(v any) bool {
		m, ok := v.(map[string]any)
		for _, value := range m {
			ok = ok && isText(value)
		}
		return ok
	}
	for _, s := range []shape{
		{"host", isText}, {"hostname", isText}, {"method", isText}, {"cluster_tag", isText},
		{"stats_name", isText}, {"resolver", isText}, {"weight", isNumber}, {"precedence", isNumber},
		{"headers", isMatch}, {"query_parameters", isMatch}, {"regex_headers", isTexts},
		{"regex_query_parameters", isTexts}, {"load_balancer", isMap}, {"retry_policy", isMap}, {"cors", isMap},
	} {
		if v, found := spec[s.name]; found && !s.ok(v) {
			return fmt.Sprintf("has a wrong value in %s: Emissary ignores the whole Mapping", s.name)
		}
	}
	return ""
}
