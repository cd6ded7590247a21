package model

import (
	"fmt"
	"sort"
	"strings"
)

// listener is a Listener, or the one that is assumed if there is none.
type listener struct {
	*resource
	bind      string // protocol, address and port; unique among Listeners
	http      bool
	tls       bool
	model     string         // securityModel
	namespace string         // of the Hosts it accepts; "*" for all
	selector  map[string]any // of the Hosts it accepts
	used      bool           // by a Host or TCPMapping
}

// readListeners reads Listeners (irlistener.py). If there is no HTTP Listener,
// it assumes one that accepts every Host, because the Listener may be outside
// of the given files and the report should not claim that nothing is routed.
func readListeners(resources []*resource, opts Options, log *journal) []*listener {
	var out []*listener
	taken := map[string]*listener{}
	http := false
	for _, r := range resources {
		l, problem := newListener(r)
		if problem != "" {
			log.post(r, problem+": Emissary ignores the Listener")
			continue
		}
		if first := taken[l.bind]; first != nil {
			log.post(r, fmt.Sprintf("uses the port of %s: Emissary ignores it", first.resource))
			continue
		}
		taken[l.bind] = l
		out = append(out, l)
		http = http || l.http
	}
	if !http && !opts.Complete {
		out = append(out, &listener{http: true, model: "XFP", namespace: "*"})
	}
	return out
}

func newListener(r *resource) (*listener, string) {
	stack := protocols(r.spec)
	if len(stack) == 0 {
		return nil, "has no valid protocol"
	}
	socket := stack[len(stack)-1]
	l := &listener{resource: r, model: text(r.spec["securityModel"]), namespace: r.namespace}
	for _, p := range stack {
		l.http = l.http || p == "HTTP"
		l.tls = l.tls || p == "TLS"
	}
	switch {
	case socket != "TCP" && socket != "UDP":
		return nil, "has a protocolStack that ends in neither TCP nor UDP"
	case socket == "UDP" && !l.http:
		return nil, "has UDP without HTTP"
	case l.model == "":
		return nil, "has no securityModel"
	}
	binding := object(r.spec["hostBinding"])
	namespace, selector := object(binding["namespace"]), object(binding["selector"])
	from := strings.ToLower(text(namespace["from"]))
	_, labels := selector["matchLabels"]
	switch {
	case len(namespace) == 0 && len(selector) == 0:
		return nil, "has no hostBinding"
	case len(namespace) > 0 && from == "":
		return nil, "has no hostBinding.namespace.from"
	case len(selector) > 0 && !labels:
		return nil, "has a hostBinding.selector without matchLabels"
	}
	if from == "all" {
		l.namespace = "*"
	}
	l.selector = selector
	l.bind = bindTo(strings.ToLower(socket), text(r.spec["bind_address"]), r.spec["port"])
	return l, ""
}

// bindTo identifies what a Listener or TCPMapping listens on. No address means
// all addresses.
func bindTo(socket, address string, port any) string {
	return socket + "-" + or(address, "0.0.0.0") + "-" + plain(port)
}

// disableIdle posts an error about every Listener that nothing uses.
func disableIdle(listeners []*listener, log *journal) {
	for _, l := range listeners {
		if l.resource != nil && !l.used {
			log.post(l.resource, "has no Host and no TCPMapping: Emissary disables it")
		}
	}
}

func protocols(spec map[string]any) []string {
	var stack []string
	for _, p := range list(spec["protocolStack"]) {
		stack = append(stack, text(p))
	}
	if len(stack) > 0 {
		return stack
	}
	switch text(spec["protocol"]) {
	case "HTTP":
		return []string{"HTTP", "TCP"}
	case "HTTPS":
		return []string{"TLS", "HTTP", "TCP"}
	case "HTTPPROXY":
		return []string{"PROXY", "HTTP", "TCP"}
	case "HTTPSPROXY":
		return []string{"TLS", "PROXY", "HTTP", "TCP"}
	case "TCP":
		return []string{"TCP"}
	case "TLS":
		return []string{"TLS", "TCP"}
	}
	return nil
}

// chains returns the Hosts that get a virtual host without and with TLS, by
// hostname. If several have the same hostname, the last one wins.
func (l *listener) chains(hosts []*host) (cleartext, secure map[string]*host) {
	cleartext, secure = map[string]*host{}, map[string]*host{}
	for _, h := range hosts {
		if l.namespace != "*" && l.namespace != h.namespace || !selects(l.selector, h.labels) {
			continue
		}
		if l.tls && h.tls {
			secure[h.hostname] = h
		}
		if l.model != "INSECURE" || h.action != "Reject" {
			cleartext[h.hostname] = h
		}
	}
	return cleartext, secure
}

// virtualHosts returns the Hosts for which a Listener makes a virtual host with
// routes to clusters, sorted by hostname (compute_httpchains in v3listener.py).
// If several have the same hostname, the last one wins.
func virtualHosts(hosts []*host, listeners []*listener) []*host {
	sorted := append([]*host(nil), hosts...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].hostname < sorted[j].hostname })
	chosen := map[*host]bool{}
	for _, l := range listeners {
		if !l.http {
			continue
		}
		cleartext, secure := l.chains(sorted)
		l.used = len(cleartext)+len(secure) > 0
		for _, chain := range []map[string]*host{cleartext, secure} {
			for _, h := range chain {
				// An INSECURE Listener uses only the Host's action for
				// insecure requests. The others treat some requests as
				// secure.
				if l.model != "INSECURE" || h.action == "Route" {
					chosen[h] = true
				}
			}
		}
	}
	var out []*host
	for _, h := range sorted {
		if chosen[h] {
			out = append(out, h)
		}
	}
	return out
}
