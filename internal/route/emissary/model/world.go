package model

// world is the environment of Mappings: the Module, Hosts, resolvers, TLS
// contexts and the clusters made so far.
type world struct {
	opts      Options
	log       *journal
	module    module
	hosts     *hostSet
	listeners []*listener
	resolvers map[string]string // name → kind; "" for one that Emissary refuses
	contexts  map[string]bool   // names of TLSContexts
	// contextHosts holds the hostnames for which TLSContexts terminate TLS.
	contextHosts map[string]bool
	clusters     map[string]clusterNames
	made         []Cluster // the same clusters, with their other settings for Envoy
}

// module holds the relevant settings of the Module named "ambassador"
// (irambassador.py).
type module struct {
	resource         *resource // nil if there is none
	config           map[string]any
	resolver         string
	breakers         any
	balancer         map[string]any
	statsName        any
	ownNamespaceOnly bool // use_ambassador_namespace_for_service_resolution
}

func newWorld(c *catalog, opts Options, log *journal) *world {
	w := &world{opts: opts, log: log, clusters: make(map[string]clusterNames, len(c.mappings)), made: make([]Cluster, 0, len(c.mappings))}
	w.module = newModule(c.modules, log)
	w.resolvers = resolverKinds(c.resolver, log)
	w.contexts, w.contextHosts = map[string]bool{}, map[string]bool{}
	for _, t := range c.tls {
		w.contexts[t.alias] = true
		for _, h := range list(t.spec["hosts"]) {
			w.contextHosts[text(h)] = true
		}
	}
	w.listeners = readListeners(c.listeners, opts, log)
	w.hosts = newHostSet(c, w.listeners, opts)
	return w
}

func newModule(modules []*resource, log *journal) module {
	m := module{resolver: "kubernetes-service", config: map[string]any{}}
	for _, r := range modules {
		if r.alias == "ambassador" {
			m.resource = r
			m.config = withoutNulls(object(r.spec["config"]))
		}
	}
	if m.resource == nil {
		return m
	}
	if name := text(m.config["resolver"]); name != "" {
		m.resolver = name
	}
	m.ownNamespaceOnly = truthy(m.config["use_ambassador_namespace_for_service_resolution"])
	m.statsName = m.fallback("stats_name")
	m.breakers = m.config["circuit_breakers"]
	m.balancer = object(m.config["load_balancer"])
	m.check(log)
	return m
}

// fallback returns the Module's default for a field of HTTP Mappings
// (lookup_default in irresource.py).
func (m module) fallback(field string) any {
	defaults := object(m.config["defaults"])
	if v, found := object(defaults["httpmapping"])[field]; found {
		return v
	}
	return defaults[field]
}

// check posts Emissary's errors about a Module (finalize in irambassador.py).
func (m module) check(log *journal) {
	if v, found := m.config["load_balancer"]; found && !validBalancer(object(v)) {
		log.post(m.resource, "has a load_balancer that is not valid")
	}
	if m.breakers != nil {
		if _, ok := breakerIDs(m.breakers); !ok {
			log.post(m.resource, "has circuit_breakers that are not valid: Emissary rejects every Mapping without its own")
		}
	}
	if policy, found := m.config["retry_policy"]; found {
		probe := mapping{resource: &resource{spec: map[string]any{"retry_policy": policy}}}
		if problem := probe.checkRetries(); problem != "" {
			log.post(m.resource, problem)
		}
	}
	if _, found := m.config["error_response_overrides"]; found {
		log.post(m.resource, "has error_response_overrides, which Emissary does not support since 4.0")
	}
}

// resolverKinds returns the resolvers by name: Emissary's own and the defined
// ones (irserviceresolver.py). Two pairs of names are aliases.
func resolverKinds(resources []*resource, log *journal) map[string]string {
	kinds := map[string]string{}
	var refused []string
	for _, r := range resources {
		if r.kind == "ConsulResolver" && !truthy(r.spec["datacenter"]) {
			log.post(r, "has no datacenter: Emissary does not know the resolver")
			refused = append(refused, r.alias)
			continue
		}
		kinds[r.alias] = r.kind
	}
	for _, own := range []struct{ name, twin, kind string }{
		{"kubernetes-service", "kubernetes-service", "KubernetesServiceResolver"},
		{"endpoint", "kubernetes-endpoint", "KubernetesEndpointResolver"},
		{"consul", "consul-endpoint", "ConsulResolver"},
	} {
		a, b := kinds[own.name], kinds[own.twin]
		switch {
		case a == "" && b == "":
			kinds[own.name], kinds[own.twin] = own.kind, own.kind
		case a == "":
			kinds[own.name] = b
		case b == "":
			kinds[own.twin] = a
		}
	}
	for _, name := range refused {
		if _, found := kinds[name]; !found {
			kinds[name] = ""
		}
	}
	return kinds
}

// resolverName returns the name of the resolver that a Mapping uses.
func (w *world) resolverName(r *resource) string {
	if name := text(r.spec["resolver"]); name != "" {
		return name
	}
	return w.module.resolver
}

// resolverKind returns the kind of that resolver, or "" if it is not defined.
func (w *world) resolverKind(r *resource) string {
	kind, found := w.resolvers[w.resolverName(r)]
	if !found && w.opts.AssumeResolvers {
		return "KubernetesEndpointResolver"
	}
	return kind
}

// cluster names the cluster of a Mapping. Mappings with the same long name
// share the cluster of the first one, including its statistics name
// (add_cluster in ir.py).
func (w *world) cluster(m *mapping, marker string) clusterNames {
	balancer := object(m.spec["load_balancer"])
	if len(balancer) == 0 {
		balancer = w.module.balancer
	}
	stats, found := m.spec["stats_name"]
	if !found {
		stats = w.module.statsName
	}
	return w.register(m.resource, clusterRequest{
		marker:       marker,
		service:      m.service,
		namespace:    m.namespace,
		tls:          m.spec["tls"],
		hostRewrite:  m.spec["host_rewrite"],
		breakers:     m.breakerIDs,
		loadBalancer: balancer,
		statsName:    stats,
	})
}

func (w *world) register(r *resource, q clusterRequest) clusterNames {
	named := nameCluster(q, func(name string) bool { return w.contexts[name] })
	for _, problem := range named.errs {
		w.log.post(r, problem)
	}
	if first, found := w.clusters[named.long]; found {
		return first
	}
	w.clusters[named.long] = named
	if named.host != "" {
		w.made = append(w.made, Cluster{
			Name: named.envoy, Stats: named.stats, Host: named.host, Port: named.port, TLS: named.tls,
			Namespace: r.namespace, Resolver: w.resolverKind(r), Spec: r.spec,
		})
	}
	return named
}

// Names returns the name of the Envoy cluster of a Mapping on its own, without
// the influence of a Module or other Mappings, and the name under which Envoy
// counts it, which is the label envoy_cluster_name in Prometheus. It returns ""
// if Emissary rejects the Mapping. A stats_name has no influence on the
// cluster's name.
func Names(mapping map[string]any, opts Options) (cluster, stats string) {
	names := namesOf(mapping, opts)
	return names.envoy, names.stats
}

func namesOf(o map[string]any, opts Options) clusterNames {
	r := newResource(o)
	if r == nil || r.kind != "Mapping" || r.refused != "" {
		return clusterNames{}
	}
	log := &journal{}
	opts.AssumeResolvers = true
	w := newWorld(&catalog{}, opts, log)
	// Assume that a named TLSContext exists, and that the Module names a resolver
	// for a load_balancer; they are not known here.
	if name := text(r.spec["tls"]); name != "" {
		w.contexts[name] = true
	}
	if truthy(r.spec["load_balancer"]) {
		w.module.resolver = "endpoint"
	}
	m := newMapping(r, w)
	if m == nil {
		return clusterNames{}
	}
	marker := text(m.spec["cluster_tag"])
	if m.shadows {
		marker = "shadow"
	}
	return w.cluster(m, marker)
}
