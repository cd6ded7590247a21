package migrate

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// class is a set of hosts that all Mappings treat alike: those that a hostname takes, and no
// more specific one.
type class struct {
	hostname string // of a route; "" means all hosts
	probe    string // one of the hosts
	// effective are the groups to which Emissary sends requests for it, in the order in
	// which Envoy tries them.
	effective []*group
	// own are those whose routes name this hostname. The others name a less specific one.
	own map[*group]bool
}

var routeHost = regexp.MustCompile(`^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// hostOf returns the hostname of a route for that of a Host or Mapping.
func hostOf(glob string) (hostname string, ok bool) {
	if glob == "*" {
		return "", true
	}
	return glob, routeHost.MatchString(glob)
}

// probeOf returns a host that a hostname takes, and presumably no other one.
func probeOf(hostname string) string {
	switch {
	case hostname == "":
		return "canarize-probe.test"
	case strings.HasPrefix(hostname, "*."):
		return "canarize-probe" + hostname[1:]
	}
	return hostname
}

// covers reports whether a hostname takes all hosts that another one takes, and more.
func covers(general, special string) bool {
	switch {
	case general == special:
		return false
	case general == "":
		return true
	}
	return strings.HasPrefix(general, "*.") && strings.HasSuffix(strings.TrimPrefix(special, "*"), general[1:])
}

// classes divides the hosts, the least specific class first.
func (m *migration) classes() (out []*class) {
	names := map[string]bool{"": true}
	for _, v := range m.port.VirtualHosts {
		name, ok := hostOf(v.Hostname)
		if ok {
			names[name] = true
			continue
		}
		for _, g := range m.groups {
			if slices.Contains(v.Routes, g.index()) {
				g.refuse("hostname", "it serves a Host for %q, which is no hostname of a route", v.Hostname)
			}
		}
	}
	for _, g := range m.groups {
		name, ok := hostOf(g.config.Host)
		switch {
		case g.config.Host == "":
		case ok:
			names[name] = true
		default:
			g.refuse("hostname", "%q is no hostname of a route", g.config.Host)
		}
	}
	for _, name := range sortedKeys(names) {
		c := &class{hostname: name, probe: probeOf(name), own: map[*group]bool{}}
		for _, g := range m.groups {
			if !g.refused() && m.serves(g, c.probe) {
				c.effective = append(c.effective, g)
			}
		}
		c.separate()
		out = append(out, c)
	}
	rank := func(c *class) (int, int) {
		if strings.HasPrefix(c.hostname, "*.") || c.hostname == "" {
			return 0, len(c.hostname)
		}
		return 1, 0
	}
	slices.SortStableFunc(out, func(a, b *class) int {
		exactA, lengthA := rank(a)
		exactB, lengthB := rank(b)
		return cmp.Or(cmp.Compare(exactA, exactB), cmp.Compare(lengthA, lengthB))
	})
	return out
}

// separate refuses groups of gRPC that share a host with others: a listener takes only one
// kind of route for a host (GRPCRouteSpec).
func (c *class) separate() {
	isGRPC := func(g *group) bool { return g.rule.grpc }
	http := slices.IndexFunc(c.effective, func(g *group) bool { return !isGRPC(g) })
	if http < 0 {
		return
	}
	for _, g := range c.effective {
		if isGRPC(g) {
			g.refuse("grpc", "grpc: %s has requests on the same host that are not gRPC, and a Gateway takes only one kind of route for a host; give gRPC a host of its own", c.effective[http].name())
		}
	}
	c.effective = slices.DeleteFunc(c.effective, isGRPC)
}

// serves reports whether Emissary sends requests for a host to a group.
func (m *migration) serves(g *group, host string) bool {
	v := m.port.VirtualHost(host)
	if v == nil || !slices.Contains(v.Routes, g.index()) {
		return false
	}
	named := model.Port{VirtualHosts: []model.VirtualHost{{Hostname: g.config.Host}}}
	return g.config.Host == "" || named.VirtualHost(host) != nil
}

// assign decides which groups name which hostnames. A route with the most specific hostname
// takes a request, whatever its path. So a group that comes before another one for a host
// has to name every hostname that the other one names, if they have paths in common.
func assign(all []*class) {
	for i, c := range all {
		inherited := map[*group]bool{}
		for _, general := range all[:i] {
			for g := range general.own {
				inherited[g] = inherited[g] || covers(general.hostname, c.hostname)
			}
		}
		for _, g := range c.effective {
			c.own[g] = !inherited[g]
		}
		for changed := true; changed; {
			changed = false
			for at, g := range c.effective {
				loses := func(later *group) bool { return c.own[later] && pathsMeet(g, later) }
				if !c.own[g] && slices.ContainsFunc(c.effective[at+1:], loses) {
					c.own[g], changed = true, true
				}
			}
		}
		for _, g := range c.effective {
			if !c.own[g] {
				delete(c.own, g)
			}
		}
	}
}

// pathsMeet reports whether two groups may have paths in common.
func pathsMeet(a, b *group) bool {
	x, y := a.config.Prefix, b.config.Prefix
	if set(a.config.Spec["prefix_regex"]) || set(b.config.Spec["prefix_regex"]) {
		return true
	}
	x, y = strings.TrimSuffix(x, "/"), strings.TrimSuffix(y, "/")
	return strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
}
