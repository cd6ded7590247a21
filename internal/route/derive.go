// Package route holds the two contracts of a traffic router. A Deriver says which objects
// of the input route to a Service and derives the routes of the canary; Live moves the
// traffic in a cluster. Every router has one folder below this one, and runs the cases of
// package routetest.
package route

import "github.com/canarize/canarize/internal/manifest"

// Deriver derives the routes of a canary from manifests. It is pure.
type Deriver interface {
	// Canary derives the routes that send a share to the canary Services. Before
	// it returns it makes sure that the share is exact.
	Canary(Request) (Result, error)
}

// Request is what a router needs to know.
type Request struct {
	Set *manifest.Set // the objects of the input
	// Services are the stable Services with their canaries.
	Services []manifest.Derived
	// Weight is the canary's share in whole percent, 0 to 100; nil when the user
	// named none, and then no route can be made.
	Weight *int
	// Digits restricts the whole split to the requests whose id ends in so many
	// hexadecimal zeros, for shares below one percent; 0 means all requests.
	Digits int
	// Name gives the canary's name for a stable one.
	Name func(stable string) string
	// Finish names a copy of a stable route and makes its labels and annotations
	// those of a canary.
	Finish func(route *manifest.Object, name string)
	// Generate asks for a route where the input has none, for all requests to
	// Hostname whose path begins with Prefix.
	Generate         bool
	Prefix, Hostname string
}

// Result is what a router derived.
type Result struct {
	Derived []manifest.Derived // routes, by the object of the input they come from
	Routes  []Route            // the same, one for one
	Notes   []manifest.Note
}

// Route is a canary route and the stable one it was made for.
type Route struct {
	manifest.Derived        // Stable is the object that carries the stable route
	Name             string // of the stable route; "" where the canary's was generated
	TimeoutMS        int    // how long a request may take
	Router           string // its name; routers leave it to their caller
}
