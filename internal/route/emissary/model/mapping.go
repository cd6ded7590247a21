package model

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// match is a header or query parameter that a Mapping requires.
type match struct {
	name, value string
	any         bool // present, whatever the value
	regex       bool
}

func (m match) shown() string {
	if m.any || m.value == "" {
		return "*"
	}
	return m.value
}

// length counts characters, as the generator's language does.
func (m match) length() int {
	n := utf8.RuneCountInString(m.name) + utf8.RuneCountInString(m.shown())
	if m.regex {
		n++
	}
	return n
}

// mapping is a Mapping that Emissary accepts.
type mapping struct {
	*resource
	cacheKey   string
	prefix     string
	precedence int64
	host       string // hostname glob; "" if there is none or it is a regular expression
	headers    []match
	query      []match
	service    string         // qualified
	breakers   any            // circuit_breakers, else the Module's
	breakerIDs []string       // what the breakers add to the cluster's name
	core       map[string]any // the fields on which all members of a group must agree
	groupID    string
	rank       rank
	redirects  bool
	shadows    bool
	internal   bool // one of Emissary's own probes
	clusters   clusterNames
}

// rank determines which routes Envoy tries first (_route_weight in
// irhttpmapping.py).
type rank struct {
	precedence              int64
	prefix, headers, params int
	texts                   []string
}

// compare orders ranks as the generator's language orders lists.
func (a rank) compare(b rank) int {
	for _, pair := range [][2]int64{
		{a.precedence, b.precedence}, {int64(a.prefix), int64(b.prefix)},
		{int64(a.headers), int64(b.headers)}, {int64(a.params), int64(b.params)},
	} {
		if pair[0] != pair[1] {
			return sign(pair[0] > pair[1])
		}
	}
	for i := 0; i < len(a.texts) && i < len(b.texts); i++ {
		if c := strings.Compare(a.texts[i], b.texts[i]); c != 0 {
			return c
		}
	}
	if len(a.texts) == len(b.texts) {
		return 0
	}
	return sign(len(a.texts) > len(b.texts))
}

func sign(positive bool) int {
	if positive {
		return 1
	}
	return -1
}

// newMapping builds a Mapping as irhttpmapping.py and irbasemapping.py do. It
// returns nil if Emissary rejects the Mapping, after posting the error.
func newMapping(r *resource, w *world) *mapping {
	m := &mapping{
		resource:  r,
		prefix:    text(r.spec["prefix"]),
		redirects: truthy(r.spec["host_redirect"]),
		shadows:   truthy(r.spec["shadow"]),
		cacheKey:  cacheKey(r),
	}
	if f, ok := number(r.spec["precedence"]); ok {
		m.precedence = int64(rounded(f))
	}
	hostError := m.readMatches()
	m.qualifyService(w)
	for _, check := range []func() string{
		func() string { return hostError },
		func() string { return m.checkResolver(w) },
		func() string { return m.checkBreakers(w) },
		m.checkRetries,
		m.checkErrorResponses,
		m.checkBalancer,
		m.checkOutliers,
	} {
		if problem := check(); problem != "" {
			r.refused = problem + ": Emissary ignores the Mapping"
			w.log.post(r, r.refused)
			return nil
		}
	}
	m.checkRedirects(w)
	m.identify(w)
	return m
}

// cacheKey returns Emissary's name for a Mapping in its cache (make_cache_key
// in irbasemapping.py). Only the part of the name before its first dot counts.
func cacheKey(r *resource) string { return r.kind + "-" + shortName(r) + "-" + r.namespace }

// shortName returns the name up to its first dot.
func shortName(r *resource) string {
	name, _, _ := strings.Cut(r.alias, ".")
	return name
}

// readMatches sets host, headers and query. It returns what is wrong with them.
func (m *mapping) readMatches() string {
	problem := ""
	host, hostRegex := "", false
	headers := object(m.spec["headers"])
	for _, name := range sortedKeys(headers) {
		value, isText := headers[name].(string)
		switch {
		case !isText:
			m.headers = append(m.headers, match{name: name, any: true})
		case !strings.EqualFold(name, ":authority"):
			m.headers = append(m.headers, match{name: name, value: value})
		case strings.Contains(value, "*"):
			problem = "has an :authority header with *, which matches nothing"
		default:
			host = value
		}
	}
	regexes := object(m.spec["regex_headers"])
	for _, name := range sortedKeys(regexes) {
		m.headers = append(m.headers, match{name: name, value: text(regexes[name]), regex: true})
	}
	if v, found := m.spec["host"]; found {
		host, hostRegex = text(v), truthy(m.spec["host_regex"])
		if !hostRegex && strings.Contains(host, "*") {
			problem = "has a host with *, which matches nothing (hostname is a glob, host is not)"
		}
	}
	// hostname overrides all of them, even a regular expression.
	if v, found := m.spec["hostname"]; found {
		host, hostRegex = text(v), false
	}
	if host != "" {
		m.headers = append(m.headers, match{name: ":authority", value: host, regex: hostRegex})
		if !hostRegex {
			m.host = host
		}
	}
	if method, found := m.spec["method"]; found {
		m.headers = append(m.headers, match{name: ":method", value: text(method), regex: truthy(m.spec["method_regex"])})
	}
	m.readQuery()
	return problem
}

func (m *mapping) readQuery() {
	params := object(m.spec["query_parameters"])
	for _, name := range sortedKeys(params) {
		value, isText := params[name].(string)
		m.query = append(m.query, match{name: name, value: value, any: !isText})
	}
	regexes := object(m.spec["regex_query_parameters"])
	for _, name := range sortedKeys(regexes) {
		m.query = append(m.query, match{name: name, value: text(regexes[name]), regex: true})
	}
}

func (m *mapping) qualifyService(w *world) {
	namespace := ""
	if m.namespace != w.opts.Namespace && !w.module.ownNamespaceOnly && w.resolverKind(m.resource) != "ConsulResolver" {
		namespace = m.namespace
	}
	service, err := qualify(text(m.spec["service"]), namespace)
	if err != nil {
		w.log.post(m.resource, "has the malformed service "+strconv.Quote(text(m.spec["service"]))+": "+err.Error())
	}
	m.service = service
}

// identify computes the Mapping's group, its rank, and the fields on which the
// group must agree.
func (m *mapping) identify(w *world) {
	var id strings.Builder
	id.WriteString("HTTP-GET" + m.prefix)
	m.rank = rank{precedence: m.precedence, prefix: utf8.RuneCountInString(m.prefix), texts: []string{m.prefix, "GET"}}
	for _, h := range m.headers {
		id.WriteString(h.name + h.value)
		m.rank.headers += h.length()
		m.rank.texts = append(m.rank.texts, h.name+"-"+h.shown())
	}
	for _, q := range m.query {
		id.WriteString(q.name + q.value)
		m.rank.params += q.length()
		m.rank.texts = append(m.rank.texts, q.name+"-"+q.shown())
	}
	if m.host == "" {
		id.WriteString(w.hosts.selectorID(m.labels))
	}
	if m.precedence != 0 {
		id.WriteString(strconv.FormatInt(m.precedence, 10))
	}
	// Join the parts without separators, as Emissary does: headers x: ab and
	// xa: b belong to the same group, where they conflict.
	m.groupID = id.String()

	m.core = map[string]any{}
	for _, field := range MustEqualFields() {
		if v, found := m.spec[field]; found {
			m.core[field] = v
		}
	}
	m.core["headers"] = m.headers
	m.core["circuit_breakers"] = m.breakers
}
