// Package live reads the routes of a running gateway and compares them with the wanted
// shares. It has two sources, which agree on clusters: Envoy's admin interface, which
// has the real routes, and Emissary's diagnostics, which also have Mappings and errors.
//
// The parsers are pure. Their input is foreign text and may be anything.
package live

import (
	"slices"
	"strings"
	"time"
)

// View is what one gateway does with requests at one moment.
type View struct {
	Groups []Group
	// Errors holds the errors that the gateway reports about its configuration. Only
	// the diagnostics have them.
	Errors []Error
	// Changed is when the routes last changed, by the gateway's clock; zero if unknown.
	// Only Envoy has it.
	Changed time.Time
}

// Error is an error that a gateway reports.
type Error struct {
	Object string // in Emissary's notation: NAME.NAMESPACE.N, or a text without dots
	Text   string
}

// Group is a set of routes for the same requests.
type Group struct {
	Match    string // the common conditions of the routes, for messages
	Route    Route  // the same, for comparison; zero if the source does not have it
	Members  []Member
	Unrouted float64 // percent of the requests that no member gets
}

// Member is one route of a group with its real share.
type Member struct {
	// Namespace and Mapping identify the Mapping of the route; empty if the source does
	// not have them. Emissary calls the second Mapping of a name, in another namespace,
	// MAPPING.NAMESPACE.
	Namespace, Mapping string
	Cluster            string  // name of the Envoy cluster
	Share              float64 // percent of the group's requests
}

// Want is the share that a Mapping should have.
type Want struct {
	Namespace, Mapping string
	Cluster            string  // name of its Envoy cluster
	Share              float64 // percent
	// Route, if not nil, has the conditions of the Mapping. Several Mappings may lead
	// to one cluster, for example one for pinned users. Envoy has no names of Mappings,
	// so groups with other conditions are ignored.
	Route *Route
	// TCP means a TCPMapping, which is in Envoy's listeners.
	TCP bool
	// Canary means that the Mapping is a canary's.
	Canary bool
	// Gone means that the Mapping no longer exists. It must get no request; Share is
	// ignored.
	Gone bool
}

// tolerance is the allowed error of a share, in percent: half of the smallest step of
// Envoy's fractions, one in a million.
const tolerance = 0.00005

// share returns the sum of a group's shares to a wanted target, and whether the target
// is a member at all, even with 0 %.
func (g Group) share(w Want) (sum float64, member bool) {
	if w.Route != nil && g.Route.Prefix != "" && !g.Route.equal(*w.Route) {
		return 0, false
	}
	for _, m := range g.Members {
		same := m.Cluster == w.Cluster
		if m.Mapping != "" && w.Mapping != "" {
			same = m.Namespace == w.Namespace && (m.Mapping == w.Mapping || m.Mapping == w.Mapping+"."+w.Namespace)
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

// shares converts cumulative thresholds, in percent, to shares. Envoy draws one random
// number per request and takes the first route whose threshold is above it. So a route
// gets the difference between its threshold and the highest one before it.
func shares(thresholds []float64) (each []float64, unrouted float64) {
	highest := 0.0
	for _, t := range thresholds {
		t = min(max(t, highest), 100)
		each = append(each, t-highest)
		highest = t
	}
	return each, 100 - highest
}

// grouping collects members by their conditions, in the order of their routes.
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
