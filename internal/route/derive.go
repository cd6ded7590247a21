// Package route holds the two contracts of a traffic router. A Deriver finds the
// objects that route to a Service and derives the canary's routes from them. Live
// changes the traffic in a cluster. Every router has one folder below this one and runs
// the tests of package routetest.
package route

import (
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// Deriver derives the routes of a canary from manifests. It is pure.
type Deriver interface {
	// Leads finds the Services of the set that the set's routes lead to.
	Leads(*manifest.Set) (Leads, error)
	// Canary derives the routes that send a share to the canary Services. It checks
	// that the share is exact.
	Canary(Request) (Result, error)
}

// Leads says where the routes of a set of objects lead.
type Leads struct {
	Any      bool                 // the set has a route, wherever it leads
	Services map[manifest.ID]bool // Services that a route leads to
}

// Add adds a route that leads to a Service.
func (l *Leads) Add(namespace, name string) {
	if l.Services == nil {
		l.Services = map[manifest.ID]bool{}
	}
	l.Any, l.Services[manifest.ID{Kind: "Service", Namespace: namespace, Name: name}] = true, true
}

// Request is the input of a Deriver.
type Request struct {
	Set *manifest.Set // the input objects
	// Services holds the stable Services with their canaries.
	Services []manifest.Derived
	// Elsewhere holds the Services that routes of other routers lead to.
	Elsewhere map[manifest.ID]bool
	// Weight is the canary's share in whole percent, 0 to 100. It is nil if the user
	// named none; then no route can be derived.
	Weight *int
	// Digits limits the whole split to requests whose id ends in that many hexadecimal
	// zeros, for shares below one percent; 0 means all requests.
	Digits int
	// Namespace is that of objects that name none; "" leaves them as they are. Finish sets
	// it on copies.
	Namespace string
	// Name returns the canary's name for a stable one.
	Name func(stable string) string
	// Finish names a copy of a stable route and gives it the labels and annotations of
	// a canary.
	Finish func(route *manifest.Object, name string)
	// Generate derives a route even if the input has none: for all requests to Hostname
	// whose path begins with Prefix.
	Generate         bool
	Prefix, Hostname string
}

// Result is the output of a Deriver.
type Result struct {
	Derived []manifest.Derived // routes, by the input object that they come from
	Routes  []Route            // the same routes, in the same order
	Notes   []note.Note
}

// Route is a canary route with its stable route.
type Route struct {
	manifest.Derived        // Stable is the object that contains the stable route
	Name             string // of the stable route; "" if the canary's route was generated
	TimeoutMS        int    // how long a request may take
	Target           string // the gateway's name for where the canary's requests go; "" if unknown
	Router           string // the router's name; set by its caller
}
