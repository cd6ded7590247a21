package migrate

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// need is what a request needs besides its host and path, to fit a group.
type need struct {
	method         string
	headers, query map[string]string
}

func (n need) empty() bool { return n.method == "" && len(n.headers) == 0 && len(n.query) == 0 }

// ask returns the requests to ask about for a class of hosts: on every path of a group and
// beside it, without conditions, with those of each group that has the path, with those of
// every two, and with other values.
func (p proof) ask(c *class, classes []*class) (out []query) {
	groups := p.served(c, classes)
	paths := map[string]bool{"/": true, "/canarize-probe": true}
	for _, g := range groups {
		for _, path := range pathsOf(g) {
			paths[path] = true
		}
	}
	for _, path := range sortedKeys(paths) {
		var needs []need
		grpc := false
		for _, g := range groups {
			if !mayFit(g, path) {
				continue
			}
			grpc = grpc || !g.refused() && g.rule.grpc
			for _, n := range needsOf(g) {
				if !n.empty() && len(needs) < maxNeeds {
					needs = append(needs, n)
				}
			}
		}
		for _, q := range combine(c.probe, path, needs) {
			if q.grpc = grpc; grpc && strings.Count(path, "/") != 2 {
				continue // no gRPC method
			}
			out = append(out, q)
		}
	}
	return out
}

// maxNeeds bounds the work for one path: 50 conditions make about 2,600 requests.
const maxNeeds = 50

func (g *group) first() map[string]any { return g.answering()[0].spec }

// served returns the groups to which one of the gateways may send requests for a class of
// hosts, the refused ones included.
func (p proof) served(c *class, classes []*class) (out []*group) {
	for _, g := range p.groups {
		named := func(o *class) bool { return o.own[g] && (o == c || covers(o.hostname, c.hostname)) }
		if p.serves(g, c.probe) || slices.ContainsFunc(classes, named) {
			out = append(out, g)
		}
	}
	return out
}

// combine returns the requests for a path. Two needs at a time are enough: if one group
// takes a request in Emissary and another one at a gateway, they also do so for a request
// with nothing but what these two need.
func combine(host, path string, needs []need) []query {
	out := []query{queryOf(host, path), queryOf(host, path, need{method: "POST"})}
	for i, n := range needs {
		out = append(out, queryOf(host, path, n), queryOf(host, path, n.other()), queryOf(host, path, n, need{method: "DELETE"}))
		for _, other := range needs[:i] { // of a header that both need, the last value counts
			out = append(out, queryOf(host, path, n, other), queryOf(host, path, other, n))
		}
	}
	return out
}

// other returns a need with other values, which usually do not fit.
func (n need) other() need {
	change := func(in map[string]string) map[string]string {
		out := map[string]string{}
		for name, value := range in {
			out[name] = "~" + value + "~"
		}
		return out
	}
	return need{n.method, change(n.headers), change(n.query)}
}

// pathsOf returns paths that a group takes, and some around them.
func pathsOf(g *group) []string {
	prefix := g.config.Prefix
	if set(g.config.Spec["prefix_regex"]) {
		var out []string
		for _, s := range samplesOf(prefix) {
			out = append(out, s, s+"/x", s+"x")
		}
		return out
	}
	if !strings.HasPrefix(prefix, "/") {
		return nil
	}
	bare := strings.TrimSuffix(prefix, "/")
	out := []string{prefix, bare + "/", bare + "/x", bare + "/x/y", bare + "x", bare + "/x/", strings.ToUpper(prefix)}
	if bare != "" {
		out = append(out, bare, bare+"x/y", bare+"-x/", bare[:strings.LastIndex(bare, "/")+1])
	}
	return out
}

// mayFit reports whether a path is one of a group's, for Emissary or for a route.
func mayFit(g *group, path string) bool {
	prefix := g.config.Prefix
	if set(g.config.Spec["prefix_regex"]) {
		compiled, err := regexp.Compile(`^(?:` + prefix + `)$`)
		return err == nil && compiled.MatchString(path)
	}
	return strings.HasPrefix(path, strings.TrimSuffix(prefix, "/"))
}

// needsOf returns the conditions of a group: one for each of its methods.
func needsOf(g *group) []need {
	n := need{headers: map[string]string{}, query: map[string]string{}}
	methods := []string{""}
	for _, h := range g.config.Headers {
		name := strings.ToLower(h.Name)
		value, ok := valueOf(h)
		switch {
		case name == ":method" && g.rule != nil && len(g.rule.methods) > 0:
			methods = g.rule.methods
		case strings.HasPrefix(name, ":") || name == model.SampleHeader || !ok:
		default:
			n.headers[name] = value
		}
	}
	for _, q := range g.config.Query {
		if value, ok := valueOf(q); ok {
			n.query[q.Name] = value
		}
	}
	var out []need
	for _, method := range methods {
		out = append(out, need{method, n.headers, n.query})
	}
	return out
}

// valueOf returns a value that fits a condition.
func valueOf(m model.Match) (string, bool) {
	switch {
	case m.Any:
		return "x", true
	case !m.Regex:
		return m.Value, true
	}
	all := samplesOf(m.Value)
	if len(all) == 0 {
		return "", false
	}
	return all[len(all)-1], true
}

// samplesOf returns texts that a regular expression matches: with as few repetitions as
// possible, and with one of each.
func samplesOf(pattern string) (out []string) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	compiled, wrong := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil || wrong != nil {
		return nil
	}
	for choice := range 3 {
		var b strings.Builder
		sample(&b, parsed, min(choice, 1), choice)
		if s := b.String(); compiled.MatchString(s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// sample writes a text that an expression matches; choice selects among alternatives.
func sample(b *strings.Builder, r *syntax.Regexp, repeat, choice int) {
	switch r.Op {
	case syntax.OpLiteral:
		b.WriteString(string(r.Rune))
	case syntax.OpCharClass:
		b.WriteRune(r.Rune[2*(choice%(len(r.Rune)/2))])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpStar, syntax.OpQuest:
		for range repeat {
			sample(b, r.Sub[0], repeat, choice)
		}
	case syntax.OpPlus:
		sample(b, r.Sub[0], repeat, choice)
	case syntax.OpRepeat:
		for range min(max(r.Min, repeat), 64) {
			sample(b, r.Sub[0], repeat, choice)
		}
	case syntax.OpAlternate:
		sample(b, r.Sub[choice%len(r.Sub)], repeat, choice)
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range r.Sub {
			sample(b, sub, repeat, choice)
		}
	}
}
