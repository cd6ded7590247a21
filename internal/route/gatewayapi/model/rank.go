package model

import (
	"cmp"
	"slices"
)

// entry is a match on a listener.
type entry struct {
	at    *attachment
	match *match
}

// reading is one way to read what the specification leaves open. The first of readings
// follows its letter.
type reading struct {
	// isolated: a request belongs to the listener with the most specific hostname alone
	// (GatewaySpec, Listener Isolation, an extended feature). Otherwise the routes of all
	// listeners on the port rank together, by what the listeners leave of their hostnames.
	isolated bool
	// own: routes rank by their own hostnames. Otherwise by what the listener leaves of
	// them, as in implementations that configure one virtual host for each such name.
	own bool
	// slash: the / at the end of a prefix counts as a character, although it is ignored
	// in a comparison.
	slash bool
	// expression: a regular expression ranks above other paths, and among each other the
	// first in alphabetical order; otherwise the reverse. HTTPRouteRule calls their
	// precedence implementation-specific.
	expression bool
	// counted: the method counts as a header, as in Envoy Gateway. The specification says
	// otherwise, so compare does not ask.
	counted bool
}

// question says what a reading answers.
type question struct {
	flip func(*reading)
	text string
}

var (
	literal   = reading{isolated: true, own: true, slash: true}
	questions = []question{
		{func(r *reading) { r.isolated = !r.isolated }, "listener isolation is an extended feature that not all implementations have"},
		{func(r *reading) { r.own = !r.own }, "implementations rank a route by its own hostnames, or by what its listener leaves of them"},
		{func(r *reading) { r.slash = !r.slash }, "the specification does not say whether the / at the end of a prefix counts as a character"},
		{func(r *reading) { r.expression = !r.expression }, "the precedence of a RegularExpression is implementation-specific"},
	}
)

// choice is a reading, and why it is not the letter of the specification; "" if it is.
type choice struct {
	reading
	why string
}

// choices holds every reading, the letter of the specification first.
var choices = func() (all []choice) {
	for answers := range 1 << len(questions) {
		c := choice{reading: literal}
		for i, q := range questions {
			if answers&(1<<i) != 0 {
				q.flip(&c.reading)
				c.why = cmp.Or(c.why, q.text)
			}
		}
		all = append(all, c)
	}
	return all
}()

// candidate is an entry that fits a request, with the hostnames by which it does.
type candidate struct {
	entry
	name, own string
	verdict   verdict
}

// order says which of two candidates takes a request.
type order struct {
	sign    int    // negative if the first one
	open    string // why that depends on the implementation
	assumed bool   // it depends on the ages of routes that are not created yet
}

// compare ranks two candidates by every reading.
func compare(a, b candidate) order {
	out := order{}
	out.sign, out.assumed = literal.compare(a, b)
	for _, c := range choices {
		if sign, _ := c.compare(a, b); sign != out.sign {
			out.open = c.why
			return out
		}
	}
	return out
}

// compare ranks two candidates: by the hostname of the listener, by the hostname of the
// route, by the match, by the age and name of the route, and by the order of rules and
// matches in it (GatewaySpec, HTTPRouteSpec, HTTPRouteRule, GRPCRouteRule).
func (r reading) compare(a, b candidate) (sign int, assumed bool) {
	if r.isolated {
		sign = compareRanks(hostRank(b.at.listener.hostname), hostRank(a.at.listener.hostname))
	} else if a.at.listener != b.at.listener {
		sign = compareRanks(hostRank(b.name), hostRank(a.name))
	}
	if sign == 0 {
		sign = compareRanks(r.host(b), r.host(a))
	}
	if sign == 0 {
		sign = r.compareMatches(a.match, b.match)
	}
	if sign != 0 {
		return sign, false
	}
	if a.at.route != b.at.route {
		sign, assumed = olderFirst(a.at.route, b.at.route)
		return sign, assumed
	}
	sign = cmp.Or(cmp.Compare(a.match.rule.index, b.match.rule.index), cmp.Compare(a.match.index, b.match.index))
	return sign, false
}

func (r reading) host(c candidate) [2]int {
	if r.own {
		return hostRank(c.own)
	}
	return hostRank(c.name)
}

func compareRanks(a, b [2]int) int { return slices.Compare(a[:], b[:]) }

// compareMatches ranks two matches, negative if the first one is more specific. HTTP: an
// exact path, the longest prefix, a method, the most headers, the most query parameters.
// gRPC: the longest service, the longest method, the most headers.
func (r reading) compareMatches(a, b *match) int {
	if a.rule.route.grpc || b.rule.route.grpc {
		return cmp.Or(
			ahead(a.rule.route.grpc, b.rule.route.grpc), // no listener mixes both for one host
			r.comparePatterns(a.service, b.service), r.comparePatterns(a.rpc, b.rpc),
			cmp.Compare(len(b.headers), len(a.headers)),
		)
	}
	if r.counted {
		return cmp.Or(r.comparePatterns(a.path, b.path), cmp.Compare(b.conditions(), a.conditions()), cmp.Compare(len(b.query), len(a.query)))
	}
	return cmp.Or(
		r.comparePatterns(a.path, b.path),
		ahead(a.method != "", b.method != ""),
		cmp.Compare(len(b.headers), len(a.headers)),
		cmp.Compare(len(b.query), len(a.query)),
	)
}

// conditions returns the number of headers of a match, with the method as one more.
func (m *match) conditions() int {
	if m.method != "" {
		return len(m.headers) + 1
	}
	return len(m.headers)
}

func (r reading) comparePatterns(a, b pattern) int {
	if a.kind == regular || b.kind == regular {
		first := cmp.Or(ahead(a.kind == regular, b.kind == regular), cmp.Compare(a.text, b.text))
		if !r.expression {
			first = -first
		}
		return first
	}
	length := func(p pattern) int {
		if r.slash {
			return len(p.text)
		}
		return len(p.trimmed())
	}
	return cmp.Or(ahead(a.kind == exact, b.kind == exact), cmp.Compare(length(b), length(a)))
}

// ahead compares two answers, negative if only the first is true.
func ahead(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
