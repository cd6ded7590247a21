package model

import (
	"slices"
	"sort"
	"strings"
)

// host is a Host, or the one that Emissary assumes if there is none.
type host struct {
	*resource
	hostname string
	selector map[string]any // mappingSelector; nil if it has none
	action   string         // for insecure requests
	tls      bool
}

// hostSet holds all Hosts, and those that get a virtual host.
type hostSet struct {
	all     []*host
	exact   map[string][]*host // with a virtual host, by literal hostname
	globs   []*host            // with a virtual host and a glob as hostname
	virtual []*host
}

// newHostSet reads Hosts (irhost.py) and finds those that get a virtual host
// that sends requests to clusters (v3listener.py).
func newHostSet(c *catalog, listeners []*listener, opts Options) *hostSet {
	s := &hostSet{exact: map[string][]*host{}}
	for _, r := range c.hosts {
		s.all = append(s.all, newHost(r))
	}
	if len(s.all) == 0 {
		// If there are only Hosts for other installations, Emissary makes a
		// Host for * with its own certificate. A set without any Host is part
		// of a larger configuration, so a Host for plain requests is assumed.
		own := &host{
			resource: &resource{kind: "Host", name: "default-host", namespace: opts.Namespace},
			hostname: "*", action: "Route",
		}
		foreign := slices.ContainsFunc(c.all, func(r *resource) bool { return r.kind == "Host" })
		if foreign || opts.Complete {
			own.action, own.tls = "Redirect", true
		}
		s.all = []*host{own}
	}
	s.virtual = virtualHosts(s.all, listeners)
	for _, h := range s.virtual {
		if strings.Contains(h.hostname, "*") {
			s.globs = append(s.globs, h)
		} else {
			s.exact[h.hostname] = append(s.exact[h.hostname], h)
		}
	}
	return s
}

func newHost(r *resource) *host {
	h := &host{resource: r, hostname: text(r.spec["hostname"]), action: "Redirect"}
	if h.hostname == "" {
		h.hostname = "*"
	}
	for _, field := range []string{"mappingSelector", "selector"} {
		if selector := object(r.spec[field]); len(selector) > 0 && h.selector == nil {
			h.selector = selector
		}
	}
	insecure := object(object(r.spec["requestPolicy"])["insecure"])
	if action, found := insecure["action"]; found {
		h.action = text(action)
	}
	h.tls = truthy(object(r.spec["tlsSecret"])["name"])
	return h
}

// selectorID returns what the mappingSelectors of Hosts add to the group id of
// a Mapping without host (_group_id in irhttpmapping.py).
func (s *hostSet) selectorID(labels map[string]any) string {
	var id strings.Builder
	for _, h := range s.all {
		if h.selector == nil || !selects(h.selector, labels) {
			continue
		}
		wanted := object(h.selector["matchLabels"])
		for _, k := range sortedKeys(wanted) {
			id.WriteString(k + plain(wanted[k]))
		}
	}
	return id.String()
}

// selects reports whether a selector with matchLabels matches labels. Without
// matchLabels it matches everything (selector_matches in irutils.py).
func selects(selector, labels map[string]any) bool {
	for k, v := range object(selector["matchLabels"]) {
		have, found := labels[k]
		if !found || !equal(have, v) {
			return false
		}
	}
	return true
}

// matching returns the virtual hosts that match a group, and their sorted
// hostnames.
func (s *hostSet) matching(g *group) (matching []*host, names []string) {
	candidates := s.virtual
	if g.host != "" && !g.anyHost && !strings.Contains(g.host, "*") {
		// No other host can match a literal hostname.
		candidates = append(append([]*host(nil), s.globs...), s.exact[g.host]...)
	}
	for _, h := range candidates {
		if !h.matches(g) {
			continue
		}
		matching = append(matching, h)
		if len(names) == 0 || names[len(names)-1] != h.hostname {
			names = append(names, h.hostname)
		}
	}
	sort.Strings(names)
	return matching, compact(names)
}

func compact(sorted []string) []string {
	var out []string
	for _, s := range sorted {
		if len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return out
}

// matches follows matches_httpgroup in irhost.py: hostname and selector must
// both match if both are set. If a group has neither, no Host matches it.
func (h *host) matches(g *group) bool {
	if g.first.internal {
		return true
	}
	named := g.anyHost || g.host != ""
	nameMatch := g.anyHost || g.host != "" && globsMeet(h.hostname, g.host)
	switch {
	case h.selector != nil && named:
		return nameMatch && selects(h.selector, g.labels)
	case h.selector != nil:
		return selects(h.selector, g.labels)
	}
	return nameMatch
}

// globsMeet reports whether any hostname matches both globs (hostglob_matches
// in irutils.py). A * may be at the start or at the end, not at both.
func globsMeet(a, b string) bool {
	if a == b || a == "*" || b == "*" {
		return true
	}
	if a == "" || b == "" || a[0] == '.' || b[0] == '.' {
		return false
	}
	aStart, aEnd := a[0] == '*', a[len(a)-1] == '*'
	bStart, bEnd := b[0] == '*', b[len(b)-1] == '*'
	switch {
	case aStart && aEnd || bStart && bEnd:
		return false
	case !aStart && !aEnd && !bStart && !bEnd:
		return false
	case aStart && bEnd || bStart && aEnd:
		return true
	case aStart:
		return startGlobMeets(a, b, bStart)
	case bStart:
		return startGlobMeets(b, a, false)
	case aEnd:
		return endGlobMeets(a, b, bEnd)
	}
	return endGlobMeets(b, a, false)
}

// startGlobMeets handles a glob that starts with *. The * never matches the
// empty string.
func startGlobMeets(glob, other string, both bool) bool {
	if !both {
		return len(glob) <= len(other) && strings.HasSuffix(other, glob[1:])
	}
	short, long := glob[1:], other[1:]
	if len(short) > len(long) {
		short, long = long, short
	}
	return strings.HasSuffix(long, short)
}

// endGlobMeets handles a glob that ends with *.
func endGlobMeets(glob, other string, both bool) bool {
	if !both {
		return len(glob) <= len(other) && strings.HasPrefix(other, glob[:len(glob)-1])
	}
	short, long := glob[:len(glob)-1], other[:len(other)-1]
	if len(short) > len(long) {
		short, long = long, short
	}
	return strings.HasPrefix(long, short)
}
