package analysis

import (
	"iter"
	"slices"
)

// Role determines what a metric does in the verdicts.
type Role string

// A Decider has to prove that the canary is no worse before a promotion; events need not prove
// anything, but too few of them reject. A Guard does not promote. Ratios and latencies that are
// guards hold or reject a release: it fits metrics with few requests, such as those of single
// routes, which would need hours to prove anything. Events that are guards only hold it, whether
// the canary has fewer or more of them. An Ignored metric is not judged.
const (
	Decider Role = "decider"
	Guard   Role = "guard"
	Ignored Role = "ignore"
)

// Roles returns all roles.
func Roles() []Role { return []Role{Decider, Guard, Ignored} }

// eventsRole returns the role of events.
func (c Config) eventsRole(name string) Role {
	if r, ok := setting(c.Roles, name); ok {
		return r
	}
	if name == ClientErrors {
		return Guard
	}
	return Decider
}

func (c Config) ignores(name string) bool {
	r, _ := setting(c.Roles, name)
	return r == Ignored
}

// considered returns the metrics that are not ignored.
func considered[T any](c Config, all map[string]T) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for name, v := range all {
			if !c.ignores(name) && !yield(name, v) {
				return
			}
		}
	}
}

// Approve records that a person finds right what holds the release: the value of a gauge, or the
// number of events. It holds the release no more, and does not prevent a promotion. It still
// rejects the release if it would without the approval. Approve reports whether that is news.
func (j *Judge) Approve(metric string) (news bool) {
	for _, g := range j.s.Gauges {
		if g.Name == metric && !g.Approved {
			g.Approved, news = true, true
		}
	}
	for _, e := range j.s.Events {
		if e.Name == metric && !e.Approved {
			e.Approved, news = true, true
		}
	}
	return news
}

// assign gives metrics that were stored with other roles those of the configuration: a person
// may have changed a role to end a hold.
func (j *Judge) assign() {
	s, c := &j.s, j.config
	s.Ratios = slices.DeleteFunc(s.Ratios, func(r *ratio) bool { return c.ignores(r.Name) })
	s.Latencies = slices.DeleteFunc(s.Latencies, func(l *latency) bool { return c.ignores(l.Name) })
	s.Gauges = slices.DeleteFunc(s.Gauges, func(g *gauge) bool { return c.ignores(g.Name) })
	s.Events = slices.DeleteFunc(s.Events, func(e *events) bool { return c.ignores(e.Name) })
	for _, e := range s.Events {
		e.Guard = c.eventsRole(e.Name) == Guard
	}
}
