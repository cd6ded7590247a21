package model

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Backend is a target of requests.
type Backend struct {
	Group     string // "" is the core group
	Kind      string
	Namespace string
	Name      string
	Port      int64 // 0 if there is none
}

func (b Backend) isService() bool { return b.Group == "" && b.Kind == "Service" }

func (b Backend) String() string {
	out := b.Namespace + "/" + b.Name
	if !b.isService() {
		out = b.Kind + " " + out
	}
	if b.Port != 0 {
		out += ":" + strconv.FormatInt(b.Port, 10)
	}
	return out
}

// Row is a backend of a rule with its share of the rule's requests.
type Row struct {
	Backend
	// Weight is the backend's weight, and Of the sum of all weights of the rule. The share
	// is Weight/Of, and nothing if Of is 0 (BackendRef).
	Weight, Of int64
	// Status is what clients get instead of the backend's answer; "" if they get that. It
	// is 500 for a reference that is broken, 503 for a Service without ready endpoints,
	// UNAVAILABLE for both in a GRPCRoute, and "redirect" for that filter.
	Status  string
	Reason  string   // for the status
	Open    string   // why other implementations may differ
	Filters []string // types of the backend's own filters
}

// Percent returns the share in percent, rounded to six digits after the point.
func (r Row) Percent() float64 { return percent(r.Weight, r.Of) }

func percent(part, of int64) float64 {
	if of == 0 {
		return 0
	}
	return math.Round(1e8*float64(part)/float64(of)) / 1e6
}

// Mirror is a target of copies of a rule's requests, whose answers nobody gets. It has no
// share (HTTPRequestMirrorFilter).
type Mirror struct {
	Backend
	numerator, denominator int64
}

// Percent returns the part of the requests that is copied, rounded as that of a Row.
func (m Mirror) Percent() float64 { return percent(m.numerator, m.denominator) }

// Group is a match with the shares of its rule's backends.
type Group struct {
	Route     ID
	Rule      int // index in the route
	Index     int // of the match in the rule
	Match     string
	Listeners []string
	Hosts     []string // "*" means all
	Rows      []Row
	Mirrors   []Mirror
	Filters   []string // types of the rule's filters
	// Status is what clients get if the rule sends requests to no backend: 500 or
	// UNAVAILABLE without backends, or "redirect".
	Status string
	// Unserved says why no request reaches the match, as a sentence without its subject;
	// "" if some may.
	Unserved string
	Open     string // why other implementations may differ about the whole group
	Remark   string // what an answer depends on, as a sentence without its subject
}

// Real returns a percentage of the match's requests, which is 0 if it gets none.
func (g Group) Real(percent float64) float64 {
	if g.Unserved != "" {
		return 0
	}
	return percent
}

// Errors returns the percentage of the requests that get an error instead of a backend's
// answer.
func (g Group) Errors() float64 {
	if g.Status != "" && g.Status != redirected {
		return g.Real(100)
	}
	var failing, of int64
	for _, r := range g.Rows {
		if r.Status != "" && r.Status != redirected {
			failing, of = failing+r.Weight, r.Of
		}
	}
	return g.Real(percent(failing, of))
}

// Unattached is a reference of a route to a parent that does not accept it.
type Unattached struct {
	Route  ID
	Parent string // "" if the route has no parent
	// Condition is the reason in the route's condition Accepted (RouteConditionReason); ""
	// if there is none.
	Condition string
	Reason    string
}

// Report describes what becomes of the requests of a set.
type Report struct {
	// Groups holds the matches of attached routes, by listener, in the order in which they
	// take requests. If listeners of a Gateway do the same with a match, it is there once.
	Groups     []Group
	Unattached []Unattached
	// Problems holds the findings, by object and field.
	Problems []Problem
	// Assumed says what is not in the set and was assumed, as sentences.
	Assumed []string
}

// Report returns what becomes of the requests of the whole set.
func (m *Model) Report() Report {
	out := Report{Unattached: slices.Clone(m.outside), Problems: slices.Clone(m.problems), Assumed: m.world.assumptions()}
	type same struct {
		match                 *match
		gateway               ID
		hosts, unserved, open string
	}
	at := map[same]int{}
	for _, s := range m.served {
		g := s.entry.group()
		g.Unserved, g.Open = s.unserved, cmp.Or(g.Open, s.open)
		key := same{s.match, s.at.listener.gateway, strings.Join(g.Hosts, " "), g.Unserved, g.Open}
		if i, found := at[key]; found {
			out.Groups[i].Listeners = append(out.Groups[i].Listeners, g.Listeners...)
			continue
		}
		at[key] = len(out.Groups)
		out.Groups = append(out.Groups, g)
	}
	slices.SortStableFunc(out.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Object.String(), b.Object.String()), comparePaths(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	out.Problems = slices.CompactFunc(out.Problems, func(a, b Problem) bool { return a.Object == b.Object && a.Text == b.Text })
	return out
}

// comparePaths compares paths of fields step by step, indices by their numbers.
func comparePaths(a, b []string) int {
	return slices.CompareFunc(a, b, func(x, y string) int {
		i, errX := strconv.Atoi(x)
		j, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return cmp.Compare(i, j)
		}
		return cmp.Compare(x, y)
	})
}

// group returns a match with the shares of its rule.
func (e entry) group() Group {
	r := e.match.rule
	g := Group{
		Route: r.route.id, Rule: r.index, Index: e.match.index, Match: e.match.String(),
		Listeners: []string{e.at.listener.String()}, Rows: slices.Clone(r.shares.rows),
		Filters: r.filters, Status: r.shares.status, Open: r.shares.open,
	}
	for _, h := range e.at.hosts {
		g.Hosts = append(g.Hosts, cmp.Or(h.name, "*"))
	}
	for _, mirror := range r.mirrors {
		g.Mirrors = append(g.Mirrors, Mirror{mirror.Backend, mirror.numerator, mirror.denominator})
	}
	return g
}
