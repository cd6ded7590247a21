package route

import (
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// Live moves the traffic of canaries in a cluster.
//
// A canary route may be an object of its own, or a part of the stable one, such as a
// second backend; then both names of the rollout.Route are the same, and the router is
// Inside, too. Objects are decoded JSON; where a method is given both, a route inside gets
// the same object twice.
type Live interface {
	// SetShare writes the weight of every canary route, each in one patch. A canary
	// route that is not there has no share.
	SetShare(ctx context.Context, routes []rollout.Route, percent int) error
	// Verify waits until every gateway gives the canary its share, for at most patience; 0
	// is what is usual for the gateway. The text says what that was concluded from, and the
	// proof whether a gateway was seen to do it.
	Verify(ctx context.Context, routes []rollout.Route, percent int, patience time.Duration) (text string, proof rollout.Proof, err error)
	// Reachable says why no gateway could be asked for the shares of routes; nil where one
	// can.
	Reachable(ctx context.Context, routes []rollout.Route) error
	// Find finds the canary routes of a release by their labels. Where its stable route
	// is not known, a route has none.
	Find(ctx context.Context, namespace, release string) ([]rollout.Route, error)
	// Limit is the largest share in percent that all routes can give.
	Limit(routes []rollout.Route) int

	// Share is the percent that the weight on a canary route asks for.
	Share(route rollout.Route, canary map[string]any) int
	// Beside gives what a canary route that is not there yet has to be beside the stable
	// object of today. Its error says why a weight of 0 would not mean that the canary
	// gets nothing and stable all it gets now.
	Beside(route rollout.Route, stable, canary map[string]any) (map[string]any, error)
	// Resync gives what the canary route has to be beside a stable object, ready to be
	// applied, and whether it differs; nil when the stable route is gone. The canary keeps
	// the share it has. Of a route inside, it gives the stable object with the canary's part.
	Resync(route rollout.Route, stable, canary map[string]any) (synced map[string]any, changed bool, err error)
}

// Inside is what a router can besides whose canary routes are parts of stable objects.
type Inside interface {
	// Without gives a stable object without the canary's part.
	Without(route rollout.Route, stable map[string]any) (map[string]any, error)
}

// Counted is what a router can besides whose gateway counts requests by route.
type Counted interface {
	// Names are those under which the gateway counts the requests of a pair of routes;
	// both are "" of a route whose requests it does not count.
	Names(ctx context.Context, route rollout.Route) (stable, canary string, err error)
}

// ErrAbsent reports that an object is not there.
var ErrAbsent = errors.New("it is not there")

// Cluster is what routers need of a cluster.
type Cluster interface {
	// Get gives nil for an object that is not there.
	Get(ctx context.Context, id manifest.ID) (map[string]any, error)
	// List gives the objects of a kind in a namespace that carry labels as a selector
	// asks for; none where the kind is not served.
	List(ctx context.Context, kind manifest.ID, selector string) ([]map[string]any, error)
	// SetNumber sets a number of an object's spec in one write that touches nothing else.
	// The error is ErrAbsent where the object is not there. A persistent call is not given
	// up before ctx ends.
	SetNumber(ctx context.Context, id manifest.ID, field string, n int, persistent bool) error
}
