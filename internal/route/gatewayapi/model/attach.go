package model

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// attachment is a route on a listener that accepts it.
type attachment struct {
	route    *route
	listener *listener
	hosts    []host // at least one
}

// host is a hostname for which a listener serves a route.
type host struct {
	name string // what the listener's hostname leaves of the route's; "" means all
	own  string // the route's; "" if it has none
}

// olderFirst orders routes by age and then by namespace/name (HTTPRouteRule,
// GRPCRouteRule). Routes without a creationTimestamp are not created yet, so they are
// younger than those with one; the new ones of Options are the youngest. assumed reports
// that the order depends on what is not known: which of two routes without one is older.
func olderFirst(a, b *route) (order int, assumed bool) {
	assumed = a.created.IsZero() && b.created.IsZero() && a.last == b.last
	switch {
	case assumed:
	case a.last != b.last:
		return ahead(b.last, a.last), false
	case a.created.IsZero():
		return 1, false
	case b.created.IsZero():
		return -1, false
	}
	name := func(r *route) string { return r.id.Namespace + "/" + r.id.Name }
	return cmp.Or(a.created.Compare(b.created), cmp.Compare(name(a), name(b)), cmp.Compare(a.id.Kind, b.id.Kind)), assumed
}

// all returns what is attached to a listener, routes of gRPC first.
func (l *listener) all() []*attachment { return slices.Concat(l.attached[true], l.attached[false]) }

// attach finds the listeners of every route, oldest route first.
func (m *Model) attach(gateways map[ID][]*listener) {
	m.assumeGateways(gateways)
	for _, id := range sortedIDs(gateways) {
		m.listeners = append(m.listeners, gateways[id]...)
	}
	for _, r := range m.routes {
		if len(r.parents) == 0 {
			m.unattached(r, parent{path: []string{"spec"}}, "", "has no parentRefs")
		}
		for _, p := range r.parents {
			if listeners, known := gateways[p.id()]; known {
				m.attachTo(r, p, listeners)
			} else {
				m.unattached(r, p, "NoMatchingParent", p.id().String()+" does not exist")
			}
		}
	}
}

func sortedIDs(gateways map[ID][]*listener) []ID {
	return slices.SortedFunc(maps.Keys(gateways), func(a, b ID) int { return cmp.Compare(a.String(), b.String()) })
}

// assumeGateways adds Gateways that are not in the set, with one listener for every name
// and port that routes refer to. Parents of other kinds, such as the Services of a mesh,
// are always assumed: which requests reach them is implementation-specific.
func (m *Model) assumeGateways(gateways map[ID][]*listener) {
	made := map[ID]bool{}
	for _, r := range m.routes {
		for _, p := range r.parents {
			if _, known := gateways[p.id()]; known && !made[p.id()] || m.world.complete && p.isGateway() {
				continue
			}
			made[p.id()] = true
			same := func(l *listener) bool { return l.name == p.section && l.port == p.port }
			if !slices.ContainsFunc(gateways[p.id()], same) {
				gateways[p.id()] = append(gateways[p.id()], &listener{gateway: p.id(), name: p.section, port: p.port, from: "All"})
			}
			kind := p.kind
			if !p.isGateway() {
				kind = "Parent of kind " + kind
			}
			m.world.assume(kind, p.namespace+"/"+p.name)
		}
	}
	for id := range made {
		slices.SortFunc(gateways[id], func(a, b *listener) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.port, b.port)) })
	}
}

// attachTo attaches a route to those listeners of a parent that accept it. Otherwise it
// records the reason by which the route's condition Accepted names the first step that
// failed: the reference, what the listeners allow, the hostnames (RouteConditionReason).
func (m *Model) attachTo(r *route, p parent, listeners []*listener) {
	listeners = slices.DeleteFunc(slices.Clone(listeners), func(l *listener) bool { return !l.fits(p) })
	if len(listeners) == 0 {
		m.unattached(r, p, "NoMatchingParent", p.id().String()+" has no listener "+strings.TrimSpace(wanted(p)))
		return
	}
	var refusals []string
	condition, done := "NotAllowedByListeners", false
	for _, l := range listeners {
		at := &attachment{route: r, listener: l, hosts: hostsOf(r, l)}
		admits := l.admits(r.id.Namespace, m.world)
		if admits == open {
			m.world.assume("Namespace", r.id.Namespace)
		}
		switch why := l.refusal(r.id.Kind); {
		case why != "":
			refusals = append(refusals, "listener "+l.String()+" "+why)
		case admits == no:
			refusals = append(refusals, "listener "+l.String()+" "+l.source())
		case len(at.hosts) == 0:
			condition = "NoMatchingListenerHostname"
			refusals = append(refusals, "listener "+l.String()+" serves only "+l.hostname)
		case at.rival() != nil:
			refusals = append(refusals, fmt.Sprintf("listener %s serves the same hosts by %s, which is of the other kind and older, or first by name", l, at.rival().route.id))
		default:
			if l.attached == nil {
				l.attached = map[bool][]*attachment{}
			}
			l.attached[r.grpc] = append(l.attached[r.grpc], at)
			done = true
		}
	}
	if !done {
		m.unattached(r, p, condition, strings.Join(refusals, "; "))
	}
}

// wanted describes the listener that a reference names.
func wanted(p parent) string {
	var out string
	if p.section != "" {
		out = "named " + p.section
	}
	if p.port != 0 {
		out += " on port " + strconv.FormatInt(p.port, 10)
	}
	return out
}

// hostsOf returns the hostnames for which a listener serves a route: those of the route as
// far as the listener has them (HTTPRouteSpec).
func hostsOf(r *route, l *listener) (out []host) {
	if len(r.hostnames) == 0 {
		return []host{{l.hostname, ""}}
	}
	for _, own := range r.hostnames {
		if name, common := intersect(l.hostname, own); common && !slices.Contains(out, host{name, own}) {
			out = append(out, host{name, own})
		}
	}
	return out
}

// rival returns the route of the other kind that serves common hosts on the listener, if
// there is one. Only the older of them is accepted (GRPCRouteSpec), and routes attach
// oldest first.
func (a *attachment) rival() *attachment {
	for _, other := range a.listener.attached[!a.route.grpc] {
		for _, h := range a.hosts {
			for _, o := range other.hosts {
				if _, common := intersect(h.name, o.name); common {
					return other
				}
			}
		}
	}
	return nil
}

func (m *Model) unattached(r *route, p parent, condition, reason string) {
	u := Unattached{Route: r.id, Condition: condition, Reason: reason}
	if p.kind != "" {
		u.Parent = p.id().String()
	}
	m.outside = append(m.outside, u)
	m.find(r.id, p.path, "is not attached: %s", reason)
}

// find records a finding about a field of an object. The field is the subject of the text,
// unless it is the whole spec.
func (m *Model) find(id ID, path []string, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(path) > 1 {
		text = field(path) + " " + text
	}
	m.problems = append(m.problems, Problem{id, path, text})
}
