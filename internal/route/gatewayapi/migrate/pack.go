package migrate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	gateway "github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// route is a route that was made, with the rules in it.
type route struct {
	id        gateway.ID
	hostnames []string
	rules     []*rule
	object    *manifest.Object
	value     map[string]any // of the object, decoded
}

// maxHostnames and maxRules are limits of a route (HTTPRouteSpec).
const maxHostnames, maxRules = 16, 16

// cluster identifies rules among which their order decides which takes a request. They have
// to be in one route: between routes their age would decide.
type cluster struct {
	namespace string
	grpc      bool
	path      string
}

// pack makes routes of the groups that can move. A route has the rules of one path for
// hosts that all have the same ones.
func (m *migration) pack(classes []*class) (out []*route) {
	rules := map[cluster]map[string][]*rule{} // by hostname
	fences := map[fence]*rule{}
	for _, c := range classes {
		for _, g := range c.effective {
			if !c.own[g] || g.refused() {
				continue
			}
			for _, r := range append(m.fencesOf(g, c, fences), g.rules...) {
				at := cluster{r.namespace, r.grpc, r.at.key()}
				if rules[at] == nil {
					rules[at] = map[string][]*rule{}
				}
				if !slices.Contains(rules[at][c.hostname], r) {
					rules[at][c.hostname] = append(rules[at][c.hostname], r)
				}
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(rules), func(a, b cluster) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.path, b.path), cmp.Compare(fmt.Sprint(a.grpc), fmt.Sprint(b.grpc)))
	})
	names := m.takenNames()
	for _, key := range keys {
		for _, r := range m.split(rules[key]) {
			m.name(r, key, names)
			m.build(r)
			out = append(out, r)
		}
	}
	return out
}

// fence is a path that Emissary gives to a group, although the prefix of another one's route
// would take it.
type fence struct {
	g    *group
	path string
}

// fencesOf returns the rules that keep a path from the route of a group. A prefix /cart/ of
// Emissary does not take /cart, and a route with that prefix does.
func (m *migration) fencesOf(g *group, c *class, made map[fence]*rule) (out []*rule) {
	prefix := g.config.Prefix
	if g.rule.grpc || g.rule.at.kind != "PathPrefix" || len(prefix) < 2 || !strings.HasSuffix(prefix, "/") {
		return nil
	}
	bare := g.rule.at.value
	for _, w := range c.effective {
		if w == g || w.refused() || w.rule.grpc || w.rule.at.kind != "PathPrefix" || !strings.HasPrefix(bare, w.config.Prefix) {
			continue
		}
		key := fence{w, bare}
		if made[key] == nil {
			r := *w.rule
			r.at = path{"Exact", bare}
			if r.rewrite != "" {
				r.rewrite += strings.TrimPrefix(bare, w.config.Prefix)
			}
			if to := r.redirects; to != nil && to.path != "" && !to.full {
				exact := *to
				exact.path, exact.full = to.path+strings.TrimPrefix(bare, w.config.Prefix), true
				r.redirects = &exact
			}
			made[key] = &r
		}
		out = append(out, made[key])
		if r := made[key]; len(r.methods) == 0 && len(r.headers) == 0 && len(r.query) == 0 {
			break // it takes all that is left
		}
	}
	return out
}

// split makes a route of each list of rules, for the hostnames that have it.
func (m *migration) split(byHost map[string][]*rule) (out []*route) {
	same := func(a, b []*rule) bool { return slices.Equal(a, b) }
	for _, host := range sortedKeys(byHost) {
		rules := byHost[host]
		i := slices.IndexFunc(out, func(r *route) bool {
			return same(r.rules, rules) && r.hostnames != nil && len(r.hostnames) < maxHostnames
		})
		switch {
		case host == "":
			out = append(out, &route{rules: rules})
		case i >= 0:
			out[i].hostnames = append(out[i].hostnames, host)
		default:
			out = append(out, &route{rules: rules, hostnames: []string{host}})
		}
	}
	for _, r := range out {
		// An exact path comes first anyway; a reader sees it so too.
		r.rules = slices.Clone(r.rules)
		slices.SortStableFunc(r.rules, func(a, b *rule) int { return cmp.Compare(a.at.kind, b.at.kind) })
		if len(r.rules) > maxRules {
			for _, one := range r.rules {
				one.main.refuse("prefix", "%d rules for one path: a route has at most %d, and between routes their age decides", len(r.rules), maxRules)
			}
		}
	}
	return out
}

// takenNames returns the routes of the input, whose names are taken.
func (m *migration) takenNames() map[gateway.ID]bool {
	names := map[gateway.ID]bool{}
	for _, o := range m.set.Objects {
		if o.Group() == gateway.APIGroup {
			names[gateway.IDOf(m.set.Value(o))] = true
		}
	}
	return names
}

// name gives a route the name of the Mapping of its last rule, and if that is taken, its
// first hostname too.
func (m *migration) name(r *route, at cluster, taken map[gateway.ID]bool) {
	r.id = gateway.ID{Kind: "HTTPRoute", Namespace: at.namespace, Name: r.rules[len(r.rules)-1].main.name().name}
	if at.grpc {
		r.id.Kind = "GRPCRoute"
	}
	base := r.id.Name
	if taken[r.id] && len(r.hostnames) > 0 {
		base += "-" + strings.Replace(r.hostnames[0], "*.", "any-", 1)
		r.id.Name = base
	}
	for n := 2; taken[r.id]; n++ {
		r.id.Name = fmt.Sprintf("%s-%d", base, n)
	}
	taken[r.id] = true
}

// rulesOf names the rules that do the work of a group.
func rulesOf(g *group, routes []*route) (out []string) {
	for _, r := range routes {
		for i, one := range r.rules {
			if one.main == g {
				out = append(out, fmt.Sprintf("%s rules[%d]", r.id, i))
			}
		}
	}
	return out
}

// build makes the object of a route.
func (m *migration) build(r *route) {
	last := r.rules[len(r.rules)-1].main.name()
	meta := manifest.NewMap("name", r.id.Name)
	if last.object != nil && last.object.Namespace() != "" {
		manifest.PutString(meta, "namespace", r.id.Namespace)
	}
	parent := manifest.NewMap("name", m.options.Gateway)
	if m.options.GatewayNamespace != "" {
		manifest.PutString(parent, "namespace", m.options.GatewayNamespace)
	}
	spec := manifest.NewMap("parentRefs", manifest.NewList(parent))
	if len(r.hostnames) > 0 {
		manifest.Put(spec, "hostnames", texts(r.hostnames))
	}
	rules := manifest.NewList()
	for _, one := range r.rules {
		rules.Content = append(rules.Content, one.node())
	}
	manifest.Put(spec, "rules", rules)
	root := manifest.NewMap("apiVersion", gateway.APIGroup+"/v1", "kind", r.id.Kind, "metadata", meta, "spec", spec)
	r.object = &manifest.Object{Root: root}
	if last.object != nil {
		r.object.Pos = last.object.Pos
	}
	r.value = r.object.Value()
	object(r.value["metadata"])["namespace"] = r.id.Namespace
}

func texts(all []string) *manifest.Node {
	n := manifest.NewList()
	for _, s := range all {
		n.Content = append(n.Content, manifest.NewString(s))
	}
	return n
}

// grants returns ReferenceGrants for the Services in other namespaces, one for each
// namespace and kind of route that refers to another one.
func (m *migration) grants(routes []*route) (out []*manifest.Object) {
	type pair struct{ kind, from, to string }
	services := map[pair]map[string]bool{}
	at := map[pair]*manifest.Object{}
	for _, r := range routes {
		for _, one := range r.rules {
			all := slices.Clone(one.backends)
			if one.filters.mirror != nil {
				all = append(all, *one.filters.mirror)
			}
			for _, b := range all {
				key := pair{r.id.Kind, r.id.Namespace, b.namespace}
				if b.namespace == r.id.Namespace {
					continue
				}
				if services[key] == nil {
					services[key], at[key] = map[string]bool{}, r.object
				}
				services[key][b.service] = true
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(services), func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.from, b.from), cmp.Compare(a.kind, b.kind))
	})
	for _, key := range keys {
		to := manifest.NewList()
		for _, name := range sortedKeys(services[key]) {
			to.Content = append(to.Content, manifest.NewMap("group", "", "kind", "Service", "name", name))
		}
		root := manifest.NewMap(
			"apiVersion", gateway.APIGroup+"/v1beta1", "kind", "ReferenceGrant",
			"metadata", manifest.NewMap("name", strings.ToLower(key.kind)+"s-of-"+key.from, "namespace", key.to),
			"spec", manifest.NewMap("from", manifest.NewList(manifest.NewMap("group", gateway.APIGroup, "kind", key.kind, "namespace", key.from)), "to", to),
		)
		out = append(out, manifest.NewObject(root, at[key]))
	}
	return out
}
