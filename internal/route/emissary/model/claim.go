package model

import (
	"slices"
	"strings"
)

// claim describes which requests the routes of a group match in Envoy.
type claim struct {
	// base is equal for groups whose matches differ in the sample and the case
	// of the path at most. Emissary may see different groups: it counts the
	// precedence and the order of headers too.
	base string
	path string // as it has to be; all lower-case if the case never matters
	// all and any report whether all routes, or any, ignore the case of the path.
	all, any bool
	ids      idSet // the sample
}

// covers reports whether every request of another claim with the same base,
// apart from the sample, is one of this claim.
func (c claim) covers(other claim) bool {
	return c.all || c.path == other.path && !other.any
}

// claimOf follows V3Route (v3route.py).
func (g *group) claimOf(w *world) claim {
	first := g.first
	c := claim{path: first.prefix}
	kind := "prefix"
	switch {
	case truthy(first.spec["prefix_regex"]):
		kind = "regex"
	case truthy(first.spec["prefix_exact"]):
		kind = "path"
	}
	base := []string{kind, strings.ToLower(c.path)}
	if kind == "regex" {
		base[1] = c.path
	} else {
		c.all, c.any = g.ignoresCase()
	}
	headers := first.headers
	if w.rewritesProto() {
		headers = withoutProto(headers)
	}
	base = append(base, "headers")
	var conditions []string
	for _, h := range headers {
		name := strings.ToLower(h.name)
		if name == SampleHeader && h.regex && !w.keepsIDs() {
			if ids, ok := parseIDs(h.value); ok && c.ids == nil {
				c.ids = ids
				continue
			}
		}
		if condition := h.condition(name); condition != ":authority=*" {
			conditions = append(conditions, condition)
		}
	}
	slices.Sort(conditions)
	base = append(append(base, slices.Compact(conditions)...), "query")
	conditions = nil
	for _, q := range first.query {
		conditions = append(conditions, q.condition(q.name))
	}
	slices.Sort(conditions)
	c.base = strings.Join(append(base, slices.Compact(conditions)...), "\x00")
	return c
}

// condition returns the condition in a form that is equal for equal conditions.
func (m match) condition(name string) string {
	switch {
	case m.any, m.regex && m.value == ".*":
		return name
	case m.regex:
		return name + "~" + m.value
	}
	return name + "=" + m.value
}

// ignoresCase reports whether all routes, or any, ignore the case of the path.
func (g *group) ignoresCase() (all, some bool) {
	members := g.byRank()
	if g.redirect != nil {
		members = []*mapping{g.redirect}
	}
	common := any(true)
	for _, m := range members {
		if v, found := m.spec["case_sensitive"]; found {
			common = v
		}
	}
	all = true
	for _, m := range members {
		v, found := m.spec["case_sensitive"]
		if !found {
			v = common
		}
		all, some = all && !truthy(v), some || !truthy(v)
	}
	return all, some
}

// protoHeader is the header by which Emissary tells secure requests.
const protoHeader = "x-forwarded-proto"

// rewritesProto reports whether Emissary writes its own condition on the header
// for every route (matcher_xfp in v3listener.py).
func (w *world) rewritesProto() bool {
	return !slices.ContainsFunc(w.listeners, func(l *listener) bool { return l.http && l.model != "XFP" })
}

// withoutProto removes a Mapping's own condition on the header, which Emissary
// replaces unless it is the only one.
func withoutProto(headers []match) []match {
	isOwn := func(h match) bool { return h.name == protoHeader }
	others := slices.DeleteFunc(slices.Clone(headers), isOwn)
	if !slices.ContainsFunc(others, func(h match) bool { return h.condition(h.name) != ":authority=*" }) {
		return headers
	}
	return others
}

// keepsIDs reports whether clients may choose the id of a request, so that a
// condition on it is no sample.
func (w *world) keepsIDs() bool { return truthy(w.module.config["preserve_external_request_id"]) }
