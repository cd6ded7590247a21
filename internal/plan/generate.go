// Package plan makes of manifests the canary of a new version and the plan of its release.
// It is pure.
package plan

import (
	"fmt"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route"
)

// DefaultNamespace is where objects without a namespace end up, as with kubectl
// and a new context.
const DefaultNamespace = "default"

// Options say which canary is wanted.
type Options struct {
	Canary           canary.Options
	Weight           *int // nil when none was given
	Digits           int  // the weight is that of the requests whose id ends in so many zeros
	GenerateMapping  bool
	Prefix, Hostname string
	// Routers derive the canary's routes, each those of its own kinds.
	Routers []route.Named
}

// Generated is a canary and what there is to say about it.
type Generated struct {
	// Derived are the new objects, in the order of the input, routes last: applied
	// in this order, requests come when there is something to take them.
	Derived []manifest.Derived
	Routes  []route.Route // those of them that are routes
	Notes   []manifest.Note
}

// Canaries returns the new objects alone.
func (g Generated) Canaries() []*manifest.Object {
	objects := make([]*manifest.Object, len(g.Derived))
	for i, d := range g.Derived {
		objects[i] = d.Canary
	}
	return objects
}

// NewSet makes the set of an input, in a namespace when the user names one.
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

// Generate derives the canary of the objects of a set.
func Generate(set *manifest.Set, options Options) (Generated, error) {
	if options.Weight != nil {
		options.Canary.Weight = *options.Weight
		if options.Digits > 0 {
			options.Canary.Weight = 1 // of all requests it is less
		}
	}
	pods, err := canary.Derive(set, options.Canary)
	if err != nil {
		return Generated{}, err
	}
	g := Generated{Derived: pods.Derived, Notes: pods.Notes}
	for _, router := range options.Routers {
		routes, err := router.Canary(route.Request{
			Set: set, Services: pods.Services, Weight: options.Weight, Digits: options.Digits,
			Name:     func(stable string) string { return canary.RouteName(stable, options.Canary.Suffix) },
			Finish:   func(o *manifest.Object, name string) { canary.Finish(o, name, canary.TrackCanary, options.Canary) },
			Generate: options.GenerateMapping, Prefix: options.Prefix, Hostname: options.Hostname,
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
	g.noteRest(set)
	return g, set.CheckNew(g.Derived)
}

// noteRest adds a note for every object of which nothing was made and nothing
// was said.
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
			g.Notes = append(g.Notes, manifest.Note{Level: manifest.Debug, Object: o, Text: "left alone"})
		}
	}
}

// Print writes the canary as YAML documents.
func (g Generated) Print() ([]byte, error) {
	text, err := manifest.Print(g.Canaries())
	if err != nil {
		return nil, fmt.Errorf("writing the canary: %w", err)
	}
	return text, nil
}
