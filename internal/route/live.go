package route

import (
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// Live changes the traffic of canaries in a cluster.
//
// A canary route is an object of its own, or a part of the stable object, such as a
// second backend. In the second case, both names in the rollout.Route are equal, and
// the router also implements Inside. Objects are decoded JSON. For a route inside, a
// method that takes both objects gets the same object twice.
type Live interface {
	// SetShare writes the weight of every canary route with one patch each. A canary
	// route that does not exist has no share.
	SetShare(ctx context.Context, routes []rollout.Route, percent int) error
	// Verify waits until every gateway gives the canary its share, at most for
	// patience; 0 means the gateway's default. The text describes the evidence. The
	// proof tells whether gateways were seen to do it.
	Verify(ctx context.Context, routes []rollout.Route, percent int, patience time.Duration) (text string, proof rollout.Proof, err error)
	// Reachable returns nil if a gateway can verify the shares of routes, otherwise the
	// reason why none can.
	Reachable(ctx context.Context, routes []rollout.Route) error
	// Find finds the canary routes of a release by their labels. A route whose stable
	// route is unknown has none.
	Find(ctx context.Context, namespace, release string) ([]rollout.Route, error)
	// Limit returns the largest share, in percent, that all routes can have.
	Limit(routes []rollout.Route) int

	// Share returns the percentage that the weight of a canary route requests.
	Share(route rollout.Route, canary map[string]any) int
	// Beside returns what a new canary route has to be beside the current stable
	// object. It returns an error if a weight of 0 would send requests to the canary,
	// or would take requests from stable.
	Beside(route rollout.Route, stable, canary map[string]any) (map[string]any, error)
	// Resync returns what the canary route has to be beside a stable object, ready to
	// be applied, and whether it differs; nil if the stable route no longer exists. The
	// canary keeps its share. For a route inside, it returns the stable object with the
	// canary's part.
	Resync(route rollout.Route, stable, canary map[string]any) (synced map[string]any, changed bool, err error)
}

// Inside is implemented by routers whose canary routes are parts of stable objects.
type Inside interface {
	// Without returns a stable object without the canary's part.
	Without(route rollout.Route, stable map[string]any) (map[string]any, error)
}

// Counted is implemented by routers whose gateway counts requests by route.
type Counted interface {
	// Names returns the names under which the gateway counts the requests of a pair of
	// routes. Both are "" if it does not count them.
	Names(ctx context.Context, route rollout.Route) (stable, canary string, err error)
}

// ErrAbsent reports that an object does not exist.
var ErrAbsent = errors.New("it is not there")

// Cluster holds the methods of a cluster that routers need.
type Cluster interface {
	// Get returns nil for an object that does not exist.
	Get(ctx context.Context, id manifest.ID) (map[string]any, error)
	// List returns the objects of a kind in a namespace that match a label selector;
	// none if the kind is not served.
	List(ctx context.Context, kind manifest.ID, selector string) ([]map[string]any, error)
	// SetNumber sets a number in an object's spec with a patch that changes nothing
	// else. The error is ErrAbsent if the object does not exist. A persistent call is
	// retried until ctx ends.
	SetNumber(ctx context.Context, id manifest.ID, field string, n int, persistent bool) error
}

// Asker asks a running gateway what it does, for an examination.
type Asker interface {
	// Behind compares what the gateway does with what the routes of a release ask for. It
	// returns what differs, or "". get returns an object of the cluster; nil if it does not
	// exist.
	Behind(ctx context.Context, get func(manifest.ID) map[string]any, routes []rollout.Route) (string, error)
	// Posted returns the errors that the gateway reports, if they are known.
	Posted(ctx context.Context) (posted []Posted, known bool, err error)
	// Close closes the connections.
	Close()
}

// Posted is an error that a gateway reports about an object, whose kind it does not name.
// An error about no object has no name.
type Posted struct{ Namespace, Name, Text string }
