package model

import (
	"fmt"
	"sort"
	"strings"
)

// group is a set of Mappings that answer the same requests, while it is built.
type group struct {
	first    *mapping
	rank     rank
	members  []*mapping // those that get a share
	keys     map[string]bool
	shadow   *mapping
	redirect *mapping
	rows     []weighed
	host     string
	anyHost  bool // a regular expression matches the host
	labels   map[string]any
	hosts    []string // hostnames of the Hosts that match it
	virtual  []*host  // those Hosts
	base     string   // of its claim
	sampled  bool     // it matches a sample of the requests
	portion  *portion // of the requests that it gets
}

// groupUp sorts Mappings into groups, in Emissary's order of resources.
func groupUp(mappings []*mapping, log *journal) []*group {
	var groups []*group
	byID := map[string]*group{}
	for _, m := range mappings {
		g := byID[m.groupID]
		if g == nil {
			g = &group{first: m, rank: m.rank, keys: map[string]bool{}}
			byID[m.groupID] = g
			groups = append(groups, g)
		}
		g.add(m, log)
	}
	return groups
}

// add follows add_mapping in ir.py and irhttpmappinggroup.py.
func (g *group) add(m *mapping, log *journal) {
	if g.keys[m.cacheKey] {
		m.refused = sameKey(m.resource)
		log.warn(m.String() + ": " + m.refused)
		return
	}
	if fields := g.mismatches(m); len(fields) > 0 {
		m.refused = fmt.Sprintf("has another %s than %s, which defines the group: Emissary drops it from the group", strings.Join(fields, ", "), g.first)
		log.post(m.resource, m.refused)
		return
	}
	if m.shadows && m.redirects {
		log.post(m.resource, "is both shadow and host_redirect: Emissary ignores host_redirect")
		m.redirects = false
	}
	refuse := func(format string, other *mapping) {
		m.refused = fmt.Sprintf(format, other) + ": Emissary ignores it"
		log.post(m.resource, m.refused)
	}
	switch {
	case m.shadows && g.shadow != nil:
		refuse("is a second shadow beside %s", g.shadow)
	case m.shadows:
		g.shadow = m
	case m.redirects && g.redirect != nil:
		refuse("is a second host_redirect beside %s", g.redirect)
	case m.redirects && len(g.members) > 0:
		refuse("redirects requests that %s routes", g.members[0])
	case m.redirects:
		g.redirect = m
	case g.redirect != nil:
		refuse("routes requests that %s redirects", g.redirect)
	default:
		g.members = append(g.members, m)
		g.keys[m.cacheKey] = true
		if m.rank.compare(g.rank) > 0 {
			g.rank = m.rank
		}
	}
}

// sameKey returns why Emissary removes a member with the cache key of another.
func sameKey(r *resource) string {
	return fmt.Sprintf("has the same name up to its first dot, %q, as another member of its group: Emissary removes it silently", shortName(r))
}

// mismatches returns the fields in which a Mapping differs from the group's
// first.
func (g *group) mismatches(m *mapping) []string {
	if m == g.first {
		return nil
	}
	var fields []string
	for _, field := range sortedKeys(m.core) {
		have, found := g.first.core[field]
		if !found || !sameCore(m.core[field], have) {
			fields = append(fields, field)
		}
	}
	return fields
}

func sameCore(a, b any) bool {
	x, isMatches := a.([]match)
	if !isMatches {
		return equal(a, b)
	}
	y, _ := b.([]match)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

// finish copies the members' fields to the group, names their clusters and
// computes the thresholds (finalize in irhttpmappinggroup.py).
func (g *group) finish(w *world) {
	g.labels = map[string]any{}
	for _, m := range g.byRank() {
		g.host = m.host
		if regex, found := m.spec["host_regex"]; found {
			g.anyHost = truthy(regex)
		}
		for k, v := range m.labels {
			g.labels[k] = v
		}
	}
	if g.shadow != nil {
		g.shadow.clusters = w.cluster(g.shadow, "shadow")
	}
	for _, m := range g.members {
		m.clusters = w.cluster(m, text(m.spec["cluster_tag"]))
	}
	if g.redirect != nil {
		if g.host == "" {
			g.host = g.redirect.host // matches_httpgroup in irhost.py
		}
		g.checkRedirect(w)
		return
	}
	g.weigh(w)
}

// byRank returns the members in the order in which their fields override each
// other. The last member wins.
func (g *group) byRank() []*mapping {
	sorted := append([]*mapping(nil), g.members...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].rank.compare(sorted[j].rank) < 0 })
	return sorted
}

func (g *group) checkRedirect(w *world) {
	code, found := g.redirect.spec["redirect_response_code"]
	if !found || !truthy(code) || len(g.members) > 0 {
		return
	}
	switch plain(code) {
	case "301", "302", "303", "307", "308":
	default:
		w.log.post(g.redirect.resource, "has a redirect_response_code that is not one of 301, 302, 303, 307, 308: Emissary answers 301")
	}
}

// weigh fills rows with the members in the order of their routes.
func (g *group) weigh(w *world) {
	rows := make([]weighed, len(g.members))
	for i, m := range g.members {
		weight, weighted := number(m.spec["weight"])
		rows[i] = weighed{name: m.String(), weight: weight, weighted: weighted, position: i}
	}
	if len(rows) == 0 {
		return
	}
	sorted, err := normalise(rows)
	if err != nil {
		w.log.post(g.first.resource, "in its group, "+err.Error())
	}
	g.rows = sorted
	for _, row := range sorted {
		if row.threshold < 0 {
			w.log.warn(row.name + ": its weight is negative" + frozen)
		}
	}
	if g.shadow == nil {
		return
	}
	if weight, _ := number(g.shadow.spec["weight"]); weight < 0 {
		w.log.warn(g.shadow.String() + ": its weight is negative" + frozen)
	}
}

// frozen is the consequence of a configuration that Envoy rejects.
const frozen = ": Envoy rejects the configuration, and Emissary's whole configuration freezes until the weight is corrected"
