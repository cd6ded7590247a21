package model

import (
	"crypto/sha1" //nolint:gosec // Emissary shortens names with SHA-1; nothing is secured by it.
	"fmt"
	"strings"
)

// maxClusterName is the longest cluster name that Emissary does not shorten
// (ir.py).
const maxClusterName = 60

// clusterRequest holds everything that the names of a Mapping's cluster depend
// on.
type clusterRequest struct {
	marker       string // cluster_tag, or "shadow"
	service      string // qualified
	namespace    string // of the Mapping
	tls          any    // true, or the name of a TLSContext
	hostRewrite  any
	breakers     []string
	loadBalancer map[string]any
	statsName    any
}

// clusterNames holds the names, and Emissary's errors about them.
type clusterNames struct {
	long  string // identity inside Emissary
	envoy string // long, shortened if necessary
	stats string
	errs  []string
	host  string // "" when Emissary ignores the cluster
	port  int
	tls   bool
}

// nameCluster follows the constructor of IRCluster (ircluster.py). hasContext
// reports whether a TLSContext of a name is defined.
func nameCluster(q clusterRequest, hasContext func(string) bool) clusterNames {
	var n clusterNames
	fields := []string{"cluster"}
	if q.marker != "" {
		fields = append(fields, q.marker)
	}
	fields = append(fields, q.service)

	context, problem := tlsContext(q.tls, hasContext)
	if problem != "" {
		n.errs = append(n.errs, problem)
	}

	service, originates := q.service, false
	lower := strings.ToLower(service)
	switch {
	case strings.HasPrefix(lower, "https://"):
		service, originates = service[len("https://"):], true
		fields = append(fields, "otls")
	case strings.HasPrefix(lower, "http://"):
		service = service[len("http://"):]
		if context != "" {
			n.errs = append(n.errs, "has a TLSContext and a service with http://: Emissary connects with TLS")
			originates = true
			fields = append(fields, "otls")
		}
	case context != "":
		originates = true
		fields = append(fields, "otls", context)
	}
	if scheme, rest, found := strings.Cut(service, "://"); found {
		n.errs = append(n.errs, fmt.Sprintf("has a service with the unknown scheme %q: Emissary ignores it", scheme))
		service = rest
	}
	if originates && truthy(q.hostRewrite) {
		fields = append(fields, "hr-"+plain(q.hostRewrite))
	}
	fields = append(fields, q.namespace)
	fields = append(fields, q.breakers...)
	if lb := balancerField(q.loadBalancer); lb != "" {
		fields = append(fields, lb)
	}

	n.errs = append(n.errs, addressErrors(service)...)
	n.aim(service, originates)
	n.long = underscored(strings.Join(fields, "_"))
	n.envoy = shortened(n.long)
	n.stats = underscored(service)
	if truthy(q.statsName) {
		n.stats = plain(q.statsName)
	}
	return n
}

// tlsContext returns the TLSContext that the field tls of a Mapping selects, "" if none.
func tlsContext(tls any, hasContext func(string) bool) (context, problem string) {
	if originates, is := tls.(bool); is {
		if originates {
			context = "no-cert-upstream"
		}
		return context, ""
	}
	switch {
	case !truthy(tls):
		return "", ""
	case !hasContext(plain(tls)):
		return "", fmt.Sprintf("has the TLSContext %q, which is not defined: Emissary connects without it", plain(tls))
	}
	return plain(tls), ""
}

// aim sets the host and port that the cluster connects to.
func (n *clusterNames) aim(service string, tls bool) {
	a, err := parseAddress("random://" + service)
	if err != nil {
		return
	}
	n.host, n.port, n.tls = a.host, a.port, tls
	if n.port == 0 {
		n.port = 80
		if tls {
			n.port = 443
		}
	}
}

// addressErrors returns what is wrong with host and port of a service without
// scheme.
func addressErrors(service string) []string {
	a, err := parseAddress("random://" + service)
	var errs []string
	if a.extra {
		errs = append(errs, "has a service with more than host and port: Emissary ignores the rest")
	}
	switch {
	case err != nil:
		errs = append(errs, fmt.Sprintf("has a service that Emissary cannot use: %v", err))
	case a.host == "":
		errs = append(errs, "has a service without a hostname: Emissary ignores the cluster")
	}
	return errs
}

// balancerField returns the part of a cluster's name that distinguishes load
// balancers. Only policies that need endpoints have one.
func balancerField(lb map[string]any) string {
	policy := text(lb["policy"])
	switch policy {
	case "round_robin", "least_request", "ring_hash", "maglev":
	default:
		return ""
	}
	parts := []string{"er", policy}
	if header, found := lb["header"]; found {
		parts = append(parts, "hdr", plain(header))
	}
	if cookie, found := lb["cookie"]; found {
		parts = append(parts, "cookie", plain(object(cookie)["name"]))
	}
	if _, found := lb["source_ip"]; found {
		parts = append(parts, "srcip")
	}
	return strings.Join(parts, "-")
}

// shortened returns the name that Envoy gets (ir.py). A name over 60 characters
// becomes its first 40 characters, a hash of the whole and a counter. The
// counter is always 0, because two different names do not share a hash.
func shortened(name string) string {
	if len(name) <= maxClusterName {
		return name
	}
	hash := sha1.Sum([]byte(name)) //nolint:gosec // see the import
	return fmt.Sprintf("%s-%X-0", name[:40], hash[:8])
}
