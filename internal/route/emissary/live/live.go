// Package live reads what a running gateway says about its own routes, and
// compares it with the shares that were asked for. It has two sources, which
// agree on clusters: Envoy's admin interface, which is the truth, and Emissary's
// diagnostics, which know Mappings and errors too.
//
// It is pure: text in, values out. The text is foreign and may be anything.
package live

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// View is what one gateway does with requests at one moment.
type View struct {
	Groups []Group
	// Errors are what the gateway posts about its configuration; only the
	// diagnostics know them.
	Errors []Error
}

// Error is something a gateway complains about.
type Error struct {
	Object string // as Emissary writes it: NAME.NAMESPACE.N, or a text without dots
	Text   string
}

// Group is a set of routes that answer the same requests.
type Group struct {
	Match    string // what the routes have in common, for messages
	Route    Route  // the same, for comparison; zero where the source does not know
	Members  []Member
	Unrouted float64 // percent of the requests that none of the members takes
}

// Member is one route of a group with its real share.
type Member struct {
	// Namespace and Mapping are the Mapping the route was made from; empty when
	// the source does not know.
	Namespace, Mapping string
	Cluster            string  // name of the Envoy cluster
	Share              float64 // percent of the group's requests
}

// Want is the share that a Mapping is expected to have.
type Want struct {
	Namespace, Mapping string
	Cluster            string  // name of its Envoy cluster
	Share              float64 // percent
	// Route, if not nil, is what the Mapping matches. Several Mappings may lead to
	// one cluster, such as one for pinned users: Envoy knows no names, and groups
	// that match something else are passed over.
	Route *Route
	// TCP says that it is a TCPMapping; Envoy has those in its listeners.
	TCP bool
	// Gone says that no route may lead there at all; Share does not count then.
	Gone bool
}

// tolerance is how far a share may be off, in percent: half of the finest step
// that Envoy's fractions know, one in a million.
const tolerance = 0.00005

// Check compares a view with what is wanted. It gives one sentence for each
// thing that is not as it should be, in the order of the wants; none means that
// the gateway has accepted them all. Emissary makes several groups of a Mapping,
// such as for secure and for insecure requests, that are called the same.
func Check(v View, wants []Want) []string {
	var problems []string
	for _, w := range wants {
		for _, problem := range v.check(w) {
			if !slices.Contains(problems, problem) {
				problems = append(problems, problem)
			}
		}
	}
	return problems
}

func (v View) check(w Want) []string {
	var problems []string
	found := false
	for _, g := range v.Groups {
		share, member := g.share(w)
		if !member {
			continue
		}
		found = true
		switch {
		case w.Gone:
			problems = append(problems, fmt.Sprintf("%s still has a route for %s", w, g.Match))
		case math.Abs(share-w.Share) > tolerance:
			problems = append(problems, fmt.Sprintf("%s has %g %% of %s, not %g %%", w, share, g.Match, w.Share))
		case g.Unrouted > tolerance:
			problems = append(problems, fmt.Sprintf("%g %% of %s is routed nowhere", g.Unrouted, g.Match))
		}
	}
	if !found && !w.Gone {
		problems = append(problems, fmt.Sprintf("%s has no route", w))
	}
	for _, e := range v.Errors {
		if w.Mapping != "" && e.names(w) {
			problems = append(problems, fmt.Sprintf("%s: %s", w, e.Text))
		}
	}
	return problems
}

// share sums up what a group sends to the wanted place, and says whether it is a
// member at all, be it with nothing.
func (g Group) share(w Want) (sum float64, member bool) {
	if w.Route != nil && g.Route.Prefix != "" && !g.Route.equal(*w.Route) {
		return 0, false
	}
	for _, m := range g.Members {
		same := m.Cluster == w.Cluster
		if m.Mapping != "" && w.Mapping != "" {
			same = m.Mapping == w.Mapping && m.Namespace == w.Namespace
		}
		if same {
			sum, member = sum+m.Share, true
		}
	}
	return sum, member
}

func (e Error) names(w Want) bool {
	full := w.Mapping + "." + w.Namespace
	return e.Object == full || strings.HasPrefix(e.Object, full+".")
}

func (w Want) String() string {
	if w.Mapping == "" {
		return "cluster " + w.Cluster
	}
	kind := "Mapping "
	if w.TCP {
		kind = "TCPMapping "
	}
	return kind + w.Namespace + "/" + w.Mapping
}

// shares turns cumulative thresholds, in percent, into shares. Envoy draws one
// random number per request and takes the first route whose threshold is above
// it, so a route gets what its threshold adds to the highest one before it.
func shares(thresholds []float64) (each []float64, unrouted float64) {
	highest := 0.0
	for _, t := range thresholds {
		t = min(max(t, highest), 100)
		each = append(each, t-highest)
		highest = t
	}
	return each, 100 - highest
}

// grouping collects members by what they match, in the order of their routes.
type grouping struct {
	order      []string
	groupOf    map[string]Group
	members    map[string][]Member
	thresholds map[string][]float64
}

func newGrouping() grouping {
	return grouping{groupOf: map[string]Group{}, members: map[string][]Member{}, thresholds: map[string][]float64{}}
}

func (g *grouping) add(key string, group Group, m Member, threshold float64) {
	if !slices.Contains(g.order, key) {
		g.order = append(g.order, key)
		g.groupOf[key] = group
	}
	g.members[key] = append(g.members[key], m)
	g.thresholds[key] = append(g.thresholds[key], threshold)
}

func (g *grouping) groups() []Group {
	var out []Group
	for _, key := range g.order {
		group := g.groupOf[key]
		group.Members = g.members[key]
		each, unrouted := shares(g.thresholds[key])
		for i, share := range each {
			group.Members[i].Share = share
		}
		group.Unrouted = unrouted
		out = append(out, group)
	}
	return out
}
