package model

// Overtaking is a match of a route that loses requests to the copy of another route.
type Overtaking struct {
	Loser      ID
	Rule       int
	Match      string
	Taker      ID     // the copy that takes the requests
	TakerMatch string // by which it does
	Host       string // for which it does; "*" means all
}

// Overtaken returns the matches that lose requests to copies of routes. copies has the copy
// of every route, whose matches are those of the route with more conditions, in the same
// order. Without the copies, these requests go to the match that is returned, although a
// match of the copied route fits them too. So no share of them may go to the copy.
//
// A match counts if this happens in one reading of the specification, or in an
// implementation that counts the method as a header, such as Envoy Gateway. A route with a
// copy of its own does not lose requests: its copy ranks like it.
func (m *Model) Overtaken(copies map[ID]ID) (out []Overtaking) {
	made := map[ID]bool{}
	for _, c := range copies {
		made[c] = true
	}
	for _, l := range m.listeners {
		for _, original := range l.all() {
			added := attachmentOf(l, copies[original.route.id])
			if added == nil {
				continue
			}
			for _, other := range m.beside(l) {
				_, copied := copies[other.route.id]
				if other.route != original.route && !copied && !made[other.route.id] {
					out = append(out, overtaken(other, original, added)...)
				}
			}
		}
	}
	return out
}

// attachmentOf returns the attachment of a route to a listener, or nil.
func attachmentOf(l *listener, id ID) *attachment {
	for _, at := range l.all() {
		if at.route.id == id {
			return at
		}
	}
	return nil
}

// beside returns what is attached to the listeners that may get the same requests.
func (m *Model) beside(l *listener) (out []*attachment) {
	for _, other := range m.listeners {
		if other.gateway == l.gateway && (other.port == l.port || other.assumed() && (other.port == 0 || l.port == 0)) {
			out = append(out, other.all()...)
		}
	}
	return out
}

// overtaken returns the matches of a route that lose requests to the copy of another one.
func overtaken(loser, original, added *attachment) (out []Overtaking) {
	for i, r := range added.route.rules {
		for j, taking := range r.matches {
			copied := original.route.rules[i].matches[j]
			for _, rule := range loser.route.rules {
				for _, losing := range rule.matches {
					if host, lost := loses(entry{loser, losing}, entry{original, copied}, entry{added, taking}); lost {
						out = append(out, Overtaking{loser.route.id, rule.index, losing.String(), added.route.id, taking.String(), host})
					}
				}
			}
		}
	}
	return out
}

// loses reports whether a match takes requests before another one and after the copy of
// that, and a host for which it does.
func loses(losing, copied, taking entry) (host string, lost bool) {
	if !losing.match.meets(taking.match) {
		return "", false
	}
	for i, h := range copied.at.hosts {
		for _, o := range losing.at.hosts {
			name, common := intersect(h.name, o.name)
			if !common {
				continue
			}
			before := candidate{entry: losing, name: o.name, own: o.own}
			stable := candidate{entry: copied, name: h.name, own: h.own}
			copied := candidate{entry: taking, name: taking.at.hosts[i].name, own: taking.at.hosts[i].own}
			for r := range readings {
				first, assumed := r.compare(before, stable)
				second, _ := r.compare(copied, before)
				if (first < 0 || assumed) && second < 0 {
					if name == "" {
						name = "*"
					}
					return name, true
				}
			}
		}
	}
	return "", false
}

// readings yields every reading of the specification, and each with the method counted as
// a header.
func readings(yield func(reading) bool) {
	for _, c := range choices {
		for _, counted := range []bool{false, true} {
			if c.counted = counted; !yield(c.reading) {
				return
			}
		}
	}
}

// meets reports whether a request may fit two matches.
func (m *match) meets(other *match) bool {
	return m.path.meets(other.path) && m.service.meets(other.service) && m.rpc.meets(other.rpc) &&
		(m.method == "" || other.method == "" || m.method == other.method) &&
		allMeet(m.headers, other.headers) && allMeet(m.query, other.query)
}

// meets reports whether a text may fit two patterns. Any two regular expressions may.
func (p pattern) meets(other pattern) bool {
	switch {
	case p.kind == everything || other.kind == everything:
		return true
	case p.kind == exact:
		return other.fits(p.text) != no
	case other.kind == exact:
		return p.fits(other.text) != no
	case p.kind == prefix && other.kind == prefix:
		return p.fits(other.trimmed()) == yes || other.fits(p.trimmed()) == yes
	}
	return true
}

// allMeet reports whether conditions on the same names may fit together.
func allMeet(conditions, others []condition) bool {
	for _, c := range conditions {
		for _, o := range others {
			if c.name == o.name && !c.value.meets(o.value) {
				return false
			}
		}
	}
	return true
}
