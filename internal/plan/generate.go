// Package plan derives the canary of a new version from manifests, and the plan of its
// release. It is pure.
package plan

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/harm"
	"github.com/canarize/canarize/internal/hook"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/route"
)

// DefaultNamespace is the namespace of objects that name none, as with kubectl and a new
// context.
const DefaultNamespace = "default"

// Options says which canary to derive.
type Options struct {
	Canary           canary.Options
	Weight           *int // in percent; nil if not given
	Digits           int  // the share is the requests whose id ends in this many zeros
	GenerateMapping  bool
	Prefix, Hostname string
	// Accept names the warnings that the user knows about.
	Accept []note.Name
	// Routers derive the canary's routes. Each router handles its own kinds.
	Routers []route.Named
}

// Generated is a canary, and notes about it.
type Generated struct {
	// Derived holds the new objects in the order of the input, routes last. Applied in
	// this order, the pods exist before requests come.
	Derived []manifest.Derived
	Routes  []route.Route // the routes among Derived
	Notes   []note.Note   // sorted by note.Sort
	// Hooks of Helm and Argo CD are objects of the input that canarize never applies.
	Hooks []hook.Hook
}

// Canaries returns the new objects.
func (g Generated) Canaries() []*manifest.Object {
	objects := make([]*manifest.Object, len(g.Derived))
	for i, d := range g.Derived {
		objects[i] = d.Canary
	}
	return objects
}

// NewSet returns the set of input objects. namespace, if not "", is their namespace.
func NewSet(objects []*manifest.Object, namespace string) (*manifest.Set, error) {
	if namespace == "" {
		return manifest.NewSet(objects, DefaultNamespace)
	}
	for _, o := range objects {
		if ns := o.Namespace(); ns != "" && ns != namespace {
			return nil, o.Errorf(nil, "--namespace %s: the object says %s; leave the flag out, or pass the objects of one namespace only", namespace, ns)
		}
	}
	return manifest.NewSet(objects, namespace)
}

// Generate derives the canary of a set of objects. Hooks of Helm and Argo CD are no part of
// the application: another program creates them, and at another time.
func Generate(input *manifest.Set, options Options) (Generated, error) {
	if options.Weight != nil {
		options.Canary.Weight = *options.Weight
		if options.Digits > 0 {
			options.Canary.Weight = 1 // the real share of all requests is smaller
		}
	}
	set, hooks := withoutHooks(input)
	if err := checkHooks(set, hooks, options.Canary); err != nil {
		return Generated{}, err
	}
	if options.Canary.Baseline != nil {
		options.Canary.Baseline, _ = withoutHooks(options.Canary.Baseline)
	}
	options.Canary.Argo = canary.HasArgo(set)
	leads, err := leadsOf(set, options.Routers)
	if err != nil {
		return Generated{}, err
	}
	options.Canary.Routed, options.Canary.Near = routed(set, options, leads)
	pods, err := canary.Derive(set, options.Canary)
	if err != nil {
		return Generated{}, err
	}
	if err := checkHookSelectors(set, hooks, pods); err != nil {
		return Generated{}, err
	}
	// The harm is examined while the routes are derived: both only read what there is.
	var harms []note.Note
	var examined sync.WaitGroup
	examined.Go(func() { harms = harm.Examine(set, pods) })
	defer examined.Wait()
	g := Generated{Derived: pods.Derived, Hooks: hooks}
	for i, router := range options.Routers {
		routes, err := router.Canary(route.Request{
			Set: set, Services: pods.Services, Elsewhere: elsewhere(leads, i), Weight: options.Weight, Digits: options.Digits,
			Namespace: options.Canary.Namespace,
			Name:      func(stable string) string { return canary.RouteName(stable, options.Canary.Suffix) },
			Finish:    func(o *manifest.Object, name string) { canary.Finish(o, name, canary.TrackCanary, options.Canary) },
			Generate:  options.GenerateMapping, Prefix: options.Prefix, Hostname: options.Hostname,
		})
		if err != nil {
			return Generated{}, err
		}
		g.Derived = append(g.Derived, routes.Derived...)
		for _, r := range routes.Routes {
			r.Router = router.Name
			g.Routes = append(g.Routes, r)
		}
		g.Notes = append(g.Notes, routes.Notes...)
	}
	examined.Wait()
	g.Notes = slices.Concat(pods.Notes, harms, g.Notes, noteHooks(set, hooks, pods))
	g.noteRest(input)
	note.Accept(g.Notes, options.Accept)
	g.Notes = note.Sort(g.Notes, input.Objects)
	return g, input.CheckNew(g.Derived)
}

// leadsOf returns where the routes of every router lead.
func leadsOf(set *manifest.Set, routers []route.Named) ([]route.Leads, error) {
	all := make([]route.Leads, len(routers))
	for i, router := range routers {
		var err error
		if all[i], err = router.Leads(set); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// elsewhere returns the Services that the routes of all routers but one lead to.
func elsewhere(leads []route.Leads, but int) map[manifest.ID]bool {
	services := map[manifest.ID]bool{}
	for i, l := range leads {
		if i != but {
			maps.Copy(services, l.Services)
		}
	}
	return services
}

// routed returns the Services of the set that a route leads to, or nil if the set has no
// route, and what near says about the others. A Mapping that is to be generated counts only
// if no other route leads to a Service of the set.
func routed(set *manifest.Set, options Options, leads []route.Leads) (services map[manifest.ID]bool, others map[manifest.ID]string) {
	services = map[manifest.ID]bool{}
	all := elsewhere(leads, -1)
	for id := range all {
		if set.Find(id) != nil {
			services[id] = true
		}
	}
	anywhere := slices.ContainsFunc(leads, func(l route.Leads) bool { return l.Any })
	if !anywhere || options.GenerateMapping && len(services) == 0 {
		return nil, nil
	}
	return services, near(set, all)
}

// noteRest adds a note for every object that has neither a canary nor a note.
func (g *Generated) noteRest(set *manifest.Set) {
	known := make(map[*manifest.Object]bool, len(set.Objects))
	for _, d := range g.Derived {
		known[d.Stable] = true
	}
	for _, n := range g.Notes {
		known[n.Object] = true
	}
	for _, o := range set.Objects {
		if !known[o] {
			g.Notes = append(g.Notes, note.Note{Level: note.Debug, Object: o, Text: "left alone"})
		}
	}
}

// Print returns the canary as YAML documents.
func (g Generated) Print() ([]byte, error) {
	text, err := manifest.Print(g.Canaries())
	if err != nil {
		return nil, fmt.Errorf("writing the canary: %w", err)
	}
	return text, nil
}
