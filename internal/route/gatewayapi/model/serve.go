package model

import (
	"cmp"
	"slices"
	"strings"
)

// served is a match on a listener with what becomes of it beside the others.
type served struct {
	entry
	unserved, open string
}

// serve returns the matches on a listener in the order in which they take requests, and
// records those that get none for some of their hosts.
func (m *Model) serve(l *listener) (out []served) {
	var all []candidate
	for _, at := range l.all() {
		first := slices.MinFunc(at.hosts, func(a, b host) int {
			return cmp.Or(compareRanks(hostRank(b.own), hostRank(a.own)), compareRanks(hostRank(b.name), hostRank(a.name)))
		})
		for _, r := range at.route.rules {
			for _, match := range r.matches {
				all = append(all, candidate{entry: entry{at, match}, name: first.name, own: first.own})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { sign, _ := literal.compare(a, b); return sign })
	similar := map[string][]candidate{}  // by host and path
	rules := map[string]map[*rule]bool{} // by host
	for _, c := range all {
		for _, h := range c.at.hosts {
			if rules[h.name] == nil {
				rules[h.name] = map[*rule]bool{}
			}
			rules[h.name][c.match.rule] = true
			key := h.name + " " + c.match.key()
			similar[key] = append(similar[key], candidate{entry: c.entry, name: h.name, own: h.own})
		}
	}
	for _, c := range all {
		s := served{entry: c.entry}
		m.overlap(&s, similar)
		beside := func(h host) bool { return len(rules[h.name]) > 1 } // for other hosts, the host decides
		if s.open == "" && c.match.hasExpression() && slices.ContainsFunc(c.at.hosts, beside) {
			s.open = questions[3].text + ": beside other rules for the host it may take more or fewer requests"
		}
		out = append(out, s)
	}
	return out
}

// overlap looks for matches that take all requests of one: those with the same path and
// conditions that its own imply, which rank before it. Others never do: a match that is
// less specific ranks after it.
func (m *Model) overlap(s *served, similar map[string][]candidate) {
	var lost []string // hosts
	var why string
	for _, h := range s.at.hosts {
		c := candidate{entry: s.entry, name: h.name, own: h.own}
		for _, other := range similar[h.name+" "+s.match.key()] {
			if other.match.rule == s.match.rule || !other.match.covers(s.match) {
				continue
			}
			o := compare(other, c)
			if o.open != "" {
				s.open = cmp.Or(s.open, o.open+": "+other.match.rule.String()+" may take its requests")
				continue
			}
			if o.sign < 0 {
				lost = append(lost, cmp.Or(h.name, "*"))
				why = cmp.Or(why, other.reason(c, o))
				break
			}
		}
	}
	switch {
	case len(lost) == len(s.at.hosts):
		s.unserved = "gets no requests: " + why
		m.find(s.at.route.id, s.match.field, "(%s) on listener %s %s", s.match, s.at.listener, s.unserved)
	case len(lost) > 0:
		m.find(s.at.route.id, s.match.field, "(%s) on listener %s gets no requests for %s: %s", s.match, s.at.listener, strings.Join(lost, ", "), why)
	}
}

// reason says why one candidate takes the requests of another.
func (c candidate) reason(other candidate, o order) string {
	text := c.match.rule.String() + " takes them"
	a, b := c.at.route, other.at.route
	switch {
	case a == b:
		return text + ", because it comes first in the route"
	case c.own != other.own:
		return text + ", because its hostname is more specific"
	case o.assumed:
		return text + ", because it is first by name; neither has a creationTimestamp, and the older of them will take all"
	case a.created.Equal(b.created):
		return text + ", because it is equally old and first by name"
	}
	return text + ", because it is older"
}

// String names a rule with its route.
func (r *rule) String() string { return r.route.id.String() + " " + r.label() }

// key identifies the path of a match, or the gRPC method.
func (m *match) key() string {
	if m.rule.route.grpc {
		return "grpc " + m.service.key() + "/" + m.rpc.key()
	}
	return m.path.key()
}

// covers reports whether a match with the same key fits every request that another fits.
func (m *match) covers(other *match) bool {
	return (m.method == "" || m.method == other.method) && coverAll(m.headers, other.headers) && coverAll(m.query, other.query)
}

// hasExpression reports whether the path or gRPC method is a regular expression.
func (m *match) hasExpression() bool {
	return m.path.kind == regular || m.service.kind == regular || m.rpc.kind == regular
}
