package model

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// Request is a request to a Gateway.
type Request struct {
	Host    string // a port in it does not matter (HTTPRouteSpec)
	Port    int64  // of the listener
	Method  string
	Path    string // without the query
	Query   url.Values
	Headers map[string][]string
	GRPC    bool // Path is /SERVICE/METHOD
}

// Answer says what a Gateway does with a request.
type Answer struct {
	// Gateway names the Gateway, or a listener of one that is assumed.
	Gateway string
	// Group is the match that takes the request. It is nil if none does: then the client
	// gets Status, 404 or for gRPC UNIMPLEMENTED (HTTPRouteRule, GatewaySpec).
	Group  *Group
	Status string
	// Open says why another implementation may answer differently; "" if none may.
	Open string
}

// Ask says what each Gateway with a listener on the request's port does with it, in the
// order of the Gateways' names. It is empty if no Gateway has such a listener.
func (m *Model) Ask(q Request) (out []Answer) {
	host := strings.ToLower(q.Host)
	if name, _, found := strings.Cut(host, ":"); found {
		host = name
	}
	q.Host = host
	var gateways []string
	listeners := map[string][]*listener{}
	for _, l := range m.listeners {
		name := l.gateway.Namespace + "/" + l.gateway.Name
		if l.assumed() { // its other listeners are not known
			name = l.String()
		}
		if l.port == q.Port || l.assumed() && l.port == 0 {
			if listeners[name] == nil {
				gateways = append(gateways, name)
			}
			listeners[name] = append(listeners[name], l)
		}
	}
	for _, name := range gateways {
		answer := askGateway(q, listeners[name])
		answer.Gateway = name
		out = append(out, answer)
	}
	return out
}

// assumed reports whether the listener is not in the set.
func (l *listener) assumed() bool { return l.protocol == "" }

// askGateway answers for the listeners of a Gateway on one port.
func askGateway(q Request, listeners []*listener) Answer {
	var all []candidate
	var specific [2]int // rank of the listener to which the request belongs
	for _, l := range listeners {
		if !hostFits(l.hostname, q.Host) {
			continue
		}
		if rank := hostRank(l.hostname); compareRanks(rank, specific) > 0 {
			specific = rank
		}
		for _, at := range l.all() {
			all = append(all, at.candidates(q)...)
		}
	}
	sure := slices.DeleteFunc(slices.Clone(all), func(c candidate) bool { return c.verdict != yes })
	answer := Answer{Status: "404"}
	if q.GRPC {
		answer.Status = "UNIMPLEMENTED"
	}
	if len(sure) == 0 {
		if len(all) > 0 {
			answer.Open = maybe(all[0])
		}
		return answer
	}
	best := slices.MinFunc(sure, func(a, b candidate) int { sign, _ := literal.compare(a, b); return sign })
	group := best.entry.group()
	answer.Group, answer.Status = &group, ""
	if hostRank(best.at.listener.hostname) != specific {
		answer.Open = questions[0].text + "; with it the request gets no route"
	}
	for _, c := range all {
		if c.match.rule == best.match.rule {
			continue
		}
		switch o := compare(best, c); {
		case o.open != "":
			answer.Open = cmp.Or(answer.Open, o.open+": "+c.match.rule.String()+" may take the request")
		case o.sign > 0: // only regular expressions that may fit rank above the best
			answer.Open = cmp.Or(answer.Open, maybe(c))
		case o.assumed:
			group.Remark = "takes the request because it is first by name: it and " + c.match.rule.String() + " have no creationTimestamp, and the older will take it"
		}
	}
	return answer
}

// maybe describes a candidate that fits in some implementations.
func maybe(c candidate) string {
	return "whether " + c.match.rule.String() + " takes the request is implementation-specific: its regular expression fits in some dialects, or to a part of the text, or a name is repeated"
}

// candidates returns the matches of a route that fit or may fit a request.
func (a *attachment) candidates(q Request) (out []candidate) {
	if a.route.grpc && !q.GRPC {
		return nil
	}
	c := candidate{entry: entry{at: a}}
	fits := false
	for _, h := range a.hosts {
		if !hostFits(h.name, q.Host) {
			continue
		}
		if !fits || compareRanks(hostRank(h.name), hostRank(c.name)) > 0 {
			c.name = h.name
		}
		if !fits || compareRanks(hostRank(h.own), hostRank(c.own)) > 0 {
			c.own = h.own
		}
		fits = true
	}
	if !fits {
		return nil
	}
	for _, r := range a.route.rules {
		for _, m := range r.matches {
			c.match = m
			if c.verdict = m.fits(q); c.verdict != no {
				out = append(out, c)
			}
		}
	}
	return out
}

// fits says whether all conditions of a match fit (HTTPRouteMatch, GRPCRouteMatch).
func (m *match) fits(q Request) verdict {
	out := m.path.fits(q.Path)
	if m.rule.route.grpc {
		service, rpc, found := strings.Cut(strings.TrimPrefix(q.Path, "/"), "/")
		if !found {
			return no
		}
		out = min(m.service.fits(service), m.rpc.fits(rpc))
	}
	if m.method != "" {
		out = min(out, verdictOf(m.method == q.Method))
	}
	for _, h := range m.headers {
		var values []string
		for _, name := range sortedKeys(q.Headers) {
			if strings.EqualFold(name, h.name) {
				values = append(values, q.Headers[name]...)
			}
		}
		out = min(out, h.fits(values))
	}
	for _, p := range m.query {
		out = min(out, p.fits(q.Query[p.name]))
	}
	return out
}
