package model

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Request is a request to Emissary that counts as secure: one over HTTPS, or one over HTTP
// to a Host that routes those too.
type Request struct {
	Host, Method, Path string // the path is without the query
	Query              url.Values
	Headers            map[string]string // by name in lower case
}

// Whole is the number of parts into which Ask divides a request: by Envoy's random number
// out of 100, and by the last two digits of the id that Envoy gives it.
const Whole = 100 * 256

// Taken is a part of the requests like one that a route gets.
type Taken struct {
	Group int // index in Configuration.Routes
	Route int // index in the group's Routes; -1 is its Redirect
	Parts int // of Whole
}

// Router answers which routes of a configuration take a request, as Envoy does: the virtual
// host with the most specific name, and in it the first route that fits and whose threshold
// is above a random number (RouteMatch and VirtualHost in route_components.proto).
type Router struct {
	config  Configuration
	regexes map[string]*regexp.Regexp // by pattern, to match a whole text
}

// NewRouter compiles the regular expressions of a configuration.
func NewRouter(c Configuration) *Router {
	r := &Router{config: c, regexes: map[string]*regexp.Regexp{}}
	add := func(pattern string) {
		if compiled, err := regexp.Compile(`^(?:` + pattern + `)$`); err == nil {
			r.regexes[pattern] = compiled
		}
	}
	for _, g := range c.Routes {
		if truthy(g.Spec["prefix_regex"]) {
			add(g.Prefix)
		}
		for _, m := range slices.Concat(g.Headers, g.Query) {
			if m.Regex {
				add(m.Value)
			}
		}
	}
	return r
}

// VirtualHost returns the virtual host of a port that takes a host; nil if none does. An
// exact name comes first, then the longest one that begins with *, then the longest one
// that ends with *, then * alone.
func (p Port) VirtualHost(host string) *VirtualHost {
	var best *VirtualHost
	rank := func(name string) int {
		switch {
		case name == "*":
			return 1
		case strings.HasPrefix(name, "*"):
			return 1<<20 + len(name)
		case strings.HasSuffix(name, "*"):
			return 1<<10 + len(name)
		}
		return 1 << 30
	}
	for i, v := range p.VirtualHosts {
		if globFits(v.Hostname, host) && (best == nil || rank(v.Hostname) > rank(best.Hostname)) {
			best = &p.VirtualHosts[i]
		}
	}
	return best
}

// globFits reports whether a hostname glob takes a host. A * takes at least one character.
func globFits(glob, host string) bool {
	switch {
	case glob == "*":
		return true
	case strings.HasPrefix(glob, "*"):
		return len(host) >= len(glob) && strings.HasSuffix(host, glob[1:])
	case strings.HasSuffix(glob, "*"):
		return len(host) >= len(glob) && strings.HasPrefix(host, glob[:len(glob)-1])
	}
	return glob == host
}

// Ask returns the routes that take a request to a port, in the order in which Envoy tries
// them. The parts that are missing from Whole get a 404.
func (r *Router) Ask(p Port, q Request) []Taken {
	fitting := r.Fitting(p, q)
	sampled := slices.ContainsFunc(fitting, func(i int) bool { return r.config.Routes[i].Samples() })
	classes := 1
	if sampled {
		classes = 256
	}
	return r.divide(fitting, classes, func(g RouteGroup, route Route) bool { return r.pathFits(g, route, q.Path) })
}

// Divide returns what groups with the same match take of their requests, if no other group
// takes some before. The groups are in the order in which Envoy tries them; they may choose
// requests by their id.
func (r *Router) Divide(groups []int) []Taken {
	return r.divide(groups, 256, func(RouteGroup, Route) bool { return true })
}

// divide divides requests into classes by the last digits of their ids.
func (r *Router) divide(groups []int, classes int, fits func(RouteGroup, Route) bool) (out []Taken) {
	parts := Whole / 100 / classes // of a percent
	for class := range classes {
		taken := 0
		for _, i := range groups {
			g := r.config.Routes[i]
			if !r.idFits(g, class) {
				continue
			}
			for j, route := range g.all() {
				if !fits(g, route) {
					continue
				}
				threshold := clamp(route.Threshold, 0, 100)
				if more := max(0, threshold-taken); more > 0 {
					out = addTaken(out, Taken{i, g.index(j), more * parts})
				}
				taken = max(taken, threshold)
			}
		}
	}
	return out
}

// all returns the routes of a group, or its redirect.
func (g RouteGroup) all() []Route {
	if g.Redirect != nil {
		return []Route{*g.Redirect}
	}
	return g.Routes
}

// index returns the index of a route of all in Routes.
func (g RouteGroup) index(i int) int {
	if g.Redirect != nil {
		return -1
	}
	return i
}

func addTaken(all []Taken, t Taken) []Taken {
	for i := range all {
		if all[i].Group == t.Group && all[i].Route == t.Route {
			all[i].Parts += t.Parts
			return all
		}
	}
	return append(all, t)
}

// Fitting returns the groups whose match a request fits, as far as its id does not decide, in
// the order in which Envoy tries them.
func (r *Router) Fitting(p Port, q Request) (out []int) {
	v := p.VirtualHost(q.Host)
	if v == nil {
		return nil
	}
	for _, i := range v.Routes {
		g := r.config.Routes[i]
		fits := func(route Route) bool { return r.pathFits(g, route, q.Path) }
		if slices.ContainsFunc(g.all(), fits) && r.conditionsFit(g, q) {
			out = append(out, i)
		}
	}
	return out
}

func (r *Router) conditionsFit(g RouteGroup, q Request) bool {
	for _, m := range g.Headers {
		value, found := q.Headers[strings.ToLower(m.Name)]
		switch strings.ToLower(m.Name) {
		case ":authority":
			value, found = q.Host, true
			if !m.Regex {
				if !globFits(m.Value, value) {
					return false
				}
				continue
			}
		case ":method":
			value, found = q.Method, true
		case ":path":
			value, found = q.Path, true
		case SampleHeader: // Envoy sets it
			continue
		}
		if !found || !r.fits(m, value) {
			return false
		}
	}
	for _, m := range g.Query {
		values, found := q.Query[m.Name]
		if !found || !r.fits(m, values[0]) {
			return false
		}
	}
	return true
}

func (r *Router) fits(m Match, value string) bool {
	switch {
	case m.Any:
		return true
	case m.Regex:
		return r.regexes[m.Value] != nil && r.regexes[m.Value].MatchString(value)
	}
	return m.Value == value
}

// Samples reports whether a group chooses requests by the id that Envoy gives them.
func (g RouteGroup) Samples() bool {
	return slices.ContainsFunc(g.Headers, func(m Match) bool { return strings.EqualFold(m.Name, SampleHeader) })
}

// idFits reports whether a group takes the requests whose id ends with the two digits of a
// class.
func (r *Router) idFits(g RouteGroup, class int) bool {
	id := fmt.Sprintf("6ba7b810-9dad-41d1-80b4-00c04fd430%02x", class)
	for _, m := range g.Headers {
		if strings.EqualFold(m.Name, SampleHeader) && !r.fits(m, id) {
			return false
		}
	}
	return true
}

func (r *Router) pathFits(g RouteGroup, route Route, path string) bool {
	prefix, sensitive := g.Prefix, any(true)
	if v, found := g.Spec["case_sensitive"]; found {
		sensitive = v
	}
	if v, found := route.Spec["case_sensitive"]; found {
		sensitive = v
	}
	if truthy(g.Spec["prefix_regex"]) {
		compiled := r.regexes[prefix]
		return compiled != nil && compiled.MatchString(path)
	}
	if !truthy(sensitive) {
		prefix, path = strings.ToLower(prefix), strings.ToLower(path)
	}
	if truthy(g.Spec["prefix_exact"]) {
		return path == prefix
	}
	return strings.HasPrefix(path, prefix)
}
