package migrate

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// Options says what to translate, and for which Gateway.
type Options struct {
	Emissary model.Options
	// Gateway is the name of the Gateway to which the routes attach. GatewayNamespace is
	// its namespace; "" means that of each route.
	Gateway, GatewayNamespace string
}

// Outcome is what becomes of a Mapping.
type Outcome string

const (
	Moved   Outcome = "moved"   // a route does its work
	Refused Outcome = "refused" // no route can, or none that was proved to
	Ignored Outcome = "ignored" // Emissary gives it no requests, so it has no route
)

// Mapping is a Mapping of the input and what becomes of it.
type Mapping struct {
	ID      manifest.ID
	At      manifest.Position
	Outcome Outcome
	// Routes are the rules that do its work: HTTPRoute NAMESPACE/NAME rules[0].
	Routes []string
	// Fields holds the names of the fields that were translated, and Idle those that do not
	// matter to a route.
	Fields []string
	Idle   []Field
	// Reasons say why it is refused or ignored, and Changes what is different for its
	// requests or has to be looked at.
	Reasons, Changes []Line
}

// Line is a sentence about a place in the input.
type Line struct {
	At   manifest.Position
	Text string
}

// Result is what became of a set.
type Result struct {
	// Objects are the routes, and ReferenceGrants for Services in other namespaces.
	Objects  []*manifest.Object
	Mappings []Mapping // in the order of the input
	// Others has a sentence for each other object of Emissary, which stays as it is.
	Others []Line
	// Requests is the number of requests about which both models were asked.
	Requests int
}

// member is a Mapping in a group.
type member struct {
	namespace, name string
	spec            map[string]any // as v3alpha1, without what Emissary ignores
	role            role
	group, route    int    // indices in the configuration, for role routed
	ingress         string // that Emissary made it of
	object          *manifest.Object
	reasons         []reason
	announced       []string // by the translation
	compared        []string // by the comparison
	moved           []string
	idle            []Field
}

type role int

const (
	routed role = iota
	redirecting
	shadowing
)

func (m *member) refuse(path []string, format string, args ...any) {
	r := reason{path, fmt.Sprintf(format, args...)}
	if !slices.ContainsFunc(m.reasons, func(o reason) bool { return o.text == r.text }) {
		m.reasons = append(m.reasons, r)
	}
}

func (m *member) announce(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(m.announced, text) {
		m.announced = append(m.announced, text)
	}
}

func (m *member) String() string { return "Mapping " + m.namespace + "/" + m.name }

// group is a set of Mappings that answer the same requests: a group of Emissary, and those
// that choose some of its requests by their ids.
type group struct {
	config  model.RouteGroup
	indices []int // in the configuration; its own is the last
	members []*member
	base    bool           // others choose some of its requests
	rule    *rule          // nil if it cannot move
	rules   []*rule        // in its route; together they are the rule
	notes   map[noted]bool // the changes that the comparison found
}

func (g *group) index() int { return g.indices[len(g.indices)-1] }

func (g *group) of(wanted role) (out []*member) {
	for _, m := range g.members {
		if m.role == wanted {
			out = append(out, m)
		}
	}
	return out
}

func (g *group) routed() []*member { return g.of(routed) }

func (g *group) redirect() *member { return only(g.of(redirecting)) }

func (g *group) shadow() *member { return only(g.of(shadowing)) }

func only(all []*member) *member {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// answering returns the members that answer requests.
func (g *group) answering() []*member { return append(g.of(redirecting), g.routed()...) }

// name is the member that names the group's route: the one whose routes come last, which in
// a group with a canary is stable.
func (g *group) name() *member {
	all := g.answering()
	return all[len(all)-1]
}

func (g *group) refused() bool {
	return slices.ContainsFunc(g.members, func(m *member) bool { return len(m.reasons) > 0 })
}

// refuse records a reason at the member that names the group.
func (g *group) refuse(field, format string, args ...any) {
	g.name().refuse([]string{"spec", field}, format, args...)
}

// migration is the translation of a set.
type migration struct {
	options Options
	set     *manifest.Set
	config  model.Configuration
	router  *model.Router
	port    model.Port
	groups  []*group // in the order in which Envoy tries them
	// declared holds the Mappings of the input, those in annotations at their owner.
	declared map[[2]string]*manifest.Object
	requests int
}

// Migrate translates the Mappings of a set. It changes no object of it.
func Migrate(set *manifest.Set, options Options) Result {
	m := &migration{options: options, set: set, declared: map[[2]string]*manifest.Object{}}
	objects := make([]map[string]any, len(set.Objects))
	var order [][2]string
	for i, o := range set.Objects {
		objects[i] = set.Value(o)
		found, _ := model.AnnotationObjects(objects[i]) // the model reports what is wrong with it
		if o.Group() == "getambassador.io" {
			found = append(found, objects[i])
		}
		for _, mapping := range found {
			id := identify(mapping)
			if text(mapping["kind"]) == "Mapping" && m.declared[id] == nil {
				m.declared[id] = o
				order = append(order, id)
			}
		}
	}
	// A resolver that is elsewhere is no reason for Emissary to ignore a Mapping.
	m.options.Emissary.AssumeResolvers = !options.Emissary.Complete
	m.config = model.Configure(objects, m.options.Emissary)
	m.router = model.NewRouter(m.config)
	m.gather()
	m.refuseAll(objects)
	for _, g := range m.groups {
		if g.rule = m.translate(g); g.rule != nil {
			g.rules = g.rule.perMatch()
		}
	}
	routes := m.prove()
	out := Result{Others: m.describeOthers(), Requests: m.requests}
	for _, r := range routes {
		out.Objects = append(out.Objects, r.object)
	}
	out.Objects = append(out.Objects, m.grants(routes)...)
	for _, id := range order {
		out.Mappings = append(out.Mappings, m.describe(id, routes))
	}
	return out
}

// identify returns the namespace and name of a decoded object.
func identify(o map[string]any) [2]string {
	meta := object(o["metadata"])
	return [2]string{cmp.Or(text(meta["namespace"]), "default"), text(meta["name"])}
}

// gather makes the groups of the configuration's.
func (m *migration) gather() {
	sampled := map[int][]int{} // by the index of the group of which they choose requests
	for i, g := range m.config.Routes {
		if base := m.baseOf(i); g.Samples() && base >= 0 {
			sampled[base] = append(sampled[base], i)
		}
	}
	merged := map[int]bool{}
	for _, indices := range sampled {
		for _, i := range indices {
			merged[i] = true
		}
	}
	for i, config := range m.config.Routes {
		if config.Internal || merged[i] {
			continue
		}
		g := &group{config: config, indices: append(slices.Clone(sampled[i]), i), base: len(sampled[i]) > 0}
		for _, at := range g.indices {
			m.addMembers(g, at)
		}
		m.groups = append(m.groups, g)
	}
}

// baseOf returns the index of the group with the same match as another one, but for the id of
// a request; -1 if there is none.
func (m *migration) baseOf(i int) int {
	g := m.config.Routes[i]
	plain := func(all []model.Match) []model.Match {
		return slices.DeleteFunc(slices.Clone(all), func(h model.Match) bool { return strings.EqualFold(h.Name, model.SampleHeader) })
	}
	precedence := func(g model.RouteGroup) float64 {
		n := 0.0
		for _, r := range g.Routes {
			n, _ = number(r.Spec["precedence"])
		}
		return n
	}
	for j := i + 1; j < len(m.config.Routes); j++ {
		o := m.config.Routes[j]
		if o.Samples() || o.Redirect != nil || g.Redirect != nil || g.Shadow != nil || o.Shadow != nil {
			continue
		}
		if o.Prefix == g.Prefix && o.Host == g.Host && precedence(o) == precedence(g) && slices.Equal(o.Headers, plain(g.Headers)) &&
			slices.Equal(o.Query, g.Query) && reflect.DeepEqual(o.Spec, g.Spec) {
			return j
		}
	}
	return -1
}

func (m *migration) addMembers(g *group, at int) {
	config := m.config.Routes[at]
	add := func(r model.Route, role role, i int) {
		one := &member{namespace: cmp.Or(r.Namespace, "default"), name: r.Name, spec: r.Spec, role: role, group: at, route: i, ingress: r.Ingress}
		one.object = m.declared[[2]string{one.namespace, one.name}]
		if r.Ingress != "" {
			one.refuse(nil, "its group has Ingress %s/%s, which stays with Emissary", r.Namespace, r.Ingress)
		}
		g.members = append(g.members, one)
	}
	for i, r := range config.Routes {
		add(r, routed, i)
	}
	if config.Redirect != nil {
		add(*config.Redirect, redirecting, -1)
	}
	if config.Shadow != nil {
		add(*config.Shadow, shadowing, -2)
	}
}

// describe says what becomes of a Mapping.
func (m *migration) describe(id [2]string, routes []*route) Mapping {
	o := m.declared[id]
	out := Mapping{ID: manifest.ID{Kind: "Mapping", Namespace: id[0], Name: id[1]}, At: o.Pos, Outcome: Ignored}
	for _, g := range m.groups {
		for _, one := range g.members {
			if [2]string{one.namespace, one.name} != id {
				continue
			}
			out.Fields, out.Idle = one.moved, one.idle
			for _, text := range slices.Concat(one.announced, one.compared) {
				out.Changes = append(out.Changes, Line{o.Pos, text})
			}
			out.Outcome = Moved
			switch {
			case len(one.reasons) > 0:
				out.Outcome, out.Changes = Refused, nil
				for _, r := range one.reasons {
					out.Reasons = append(out.Reasons, Line{position(o, r.path), r.text})
				}
			case g.refused():
				out.Outcome, out.Changes = Refused, nil
				out.Reasons = []Line{{o.Pos, "its group cannot move without " + g.culprit().String()}}
			default:
				out.Routes = rulesOf(g, routes)
			}
			if out.Outcome == Moved && len(out.Routes) == 0 {
				out.Outcome, out.Reasons = Ignored, []Line{{o.Pos, "no Host of the input takes its requests, so Emissary sends it none; add a hostname, or the Host whose mappingSelector fits"}}
			}
			return out
		}
	}
	why := "Emissary makes no route of it"
	for _, d := range m.config.Drops {
		if d.Mapping == id[1] && cmp.Or(d.Namespace, "default") == id[0] {
			why = "Emissary gives it no requests: it " + d.Reason
		}
	}
	out.Reasons = []Line{{o.Pos, why}}
	return out
}

// culprit is the first member that cannot move.
func (g *group) culprit() *member {
	i := slices.IndexFunc(g.members, func(m *member) bool { return len(m.reasons) > 0 })
	return g.members[i]
}

// position returns where a field of an object stands.
func position(o *manifest.Object, path []string) manifest.Position {
	return o.At(manifest.Get(o.Root, path...))
}
