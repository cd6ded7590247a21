package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// Router moves the traffic of canaries behind Emissary, of one release at a time. It is
// safe for concurrent use.
type Router struct {
	Cluster   route.Cluster
	Namespace string         // of Emissary
	Version   derive.Version // of Emissary
	Gateways  Verifier       // its pods

	mu    sync.Mutex
	there *bool // whether there is a gateway; nil until that was checked
}

// Verifier is the part of Gateways that Router needs.
type Verifier interface {
	// There reports whether there is a gateway.
	There(ctx context.Context) (bool, error)
	// Versions returns the versions of Emissary that its pods run, each once, the oldest
	// first, as far as their images tell.
	Versions(ctx context.Context) ([]derive.Version, error)
	// VerifyShare waits until all gateways give the wanted shares.
	VerifyShare(ctx context.Context, wants []Want, patience time.Duration) (Verified, error)
	// Suspects returns the objects that make Envoy refuse every configuration of an
	// installation, each with the reason. If there is none, it returns the first ones that
	// changed after the gateway's last change, which was idle ago; none if idle is 0. It
	// searches all namespaces, or only the given one if more is not allowed.
	Suspects(ctx context.Context, namespace, ambassadorID string, idle time.Duration) ([]string, error)
}

// isThere reports whether there is a gateway. It checks that once.
func (r *Router) isThere(ctx context.Context) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.there == nil {
		there, err := r.Gateways.There(ctx)
		if err != nil {
			return false, err
		}
		r.there = &there
	}
	return *r.there, nil
}

// SetShare implements route.Live. Setting the weight to 0 is retried until the context
// ends.
func (r *Router) SetShare(ctx context.Context, routes []rollout.Route, percent int) error {
	if percent > 0 {
		if err := r.checkVersion(ctx, routes); err != nil {
			return err
		}
	}
	var errs []error
	for _, pair := range routes {
		id := pair.Canary
		weight := derive.Weight(id.Kind, percent, r.Version)
		// The API server would accept other weights, but with them Emissary stops
		// routing or applies no more changes.
		if weight < 0 || weight > 100 && id.Kind != "TCPMapping" {
			errs = append(errs, fmt.Errorf("%s: the weight %d is out of range; use 0 to 100", id, weight))
			continue
		}
		err := r.Cluster.SetNumber(ctx, id, "weight", weight, percent == 0)
		if percent == 0 && errors.Is(err, route.ErrAbsent) {
			continue // an object that does not exist has no share
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Limit implements route.Live.
func (r *Router) Limit(routes []rollout.Route) int {
	if slices.ContainsFunc(routes, isTCP) {
		return r.Version.MaxTCPShare()
	}
	return 100
}

func isTCP(r rollout.Route) bool { return r.Canary.Kind == "TCPMapping" }

// checkVersion returns an error if the weights of TCPMappings mean something else to a
// running Emissary than to r.Version. A version that cannot be read is no error: nobody
// may list the pods of a release without a gateway.
func (r *Router) checkVersion(ctx context.Context, routes []rollout.Route) error {
	if !slices.ContainsFunc(routes, isTCP) {
		return nil
	}
	running, _ := r.Gateways.Versions(ctx)
	for _, v := range running {
		if v.TCPWeightIsShare() != r.Version.TCPWeightIsShare() {
			return &rollout.Refusal{Code: rollout.RefusedGatewayVersion, Version: v.String(), Err: fmt.Errorf("version %s of Emissary runs in namespace %s, and gives a TCPMapping of the same weight another share than version %s, for which the weight is computed", v, r.Namespace, r.Version)}
		}
	}
	return nil
}

// Share implements route.Live.
func (r *Router) Share(_ rollout.Route, canary map[string]any) int {
	return derive.Share(canary, r.Version)
}

// Beside implements route.Live.
func (r *Router) Beside(route rollout.Route, stable, canary map[string]any) (map[string]any, error) {
	synced, _, err := derive.Resync(stable, route.Name, canary)
	if err != nil {
		return nil, err
	}
	if synced == nil {
		return nil, fmt.Errorf("it has no route %s, and without it the canary's route gets every request at any weight; apply the stable version first", route.Name)
	}
	share, err := derive.RealShare(stable, synced, r.Namespace, r.Version)
	if err == nil && share != 0 {
		err = fmt.Errorf("at weight 0 it would get %g %%", share)
	}
	if err != nil {
		return nil, fmt.Errorf("the share of its canary %s would not be exact beside it as it is in the cluster: %w; correct it there first", route.Canary, err)
	}
	return synced, nil
}

// Resync implements route.Live.
func (r *Router) Resync(route rollout.Route, stable, canary map[string]any) (map[string]any, bool, error) {
	return derive.Resync(stable, route.Name, canary)
}

// Verify implements route.Live. It queries the gateway's pods. Without any, it computes
// the share by the model of Emissary, which is no proof.
func (r *Router) Verify(ctx context.Context, routes []rollout.Route, percent int, patience time.Duration) (string, rollout.Proof, error) {
	exists, err := r.isThere(ctx)
	if err != nil {
		return "", "", err
	}
	var wants []Want
	for _, route := range routes {
		w, err := r.wants(ctx, route, percent)
		if err != nil {
			return "", "", err
		}
		wants = append(wants, w...)
	}
	switch {
	case percent == 0 && len(wants) == 0:
		return "the canary gets 0 %: its route no longer exists; no gateway was asked", rollout.ByModelAlone, nil
	case !exists:
		return fmt.Sprintf("the canary should get %d %%, computed with the model of Emissary and verified on no gateway: %v", percent, r.unreachable()), rollout.ByModelAlone, nil
	case len(wants) == 0:
		return fmt.Sprintf("the canary should get %d %%, computed with the model of Emissary and verified on no gateway", percent), rollout.ByModelAlone, nil
	}
	verified, err := r.Gateways.VerifyShare(ctx, wants, patience)
	var not *NotVerifiedError
	if errors.As(err, &not) {
		if patience == 0 { // nobody waits for the brake
			not.Suspects = r.knownSuspects(ctx, routes, not.Taken)
		}
		return "", "", not.refusal()
	}
	if err != nil {
		return "", "", err
	}
	return fmt.Sprintf("the canary gets %d %% %s", percent, verified), rollout.SeenOnGateways, nil
}

// searchTime limits the search for the reason of a failure.
const searchTime = 2 * time.Second

// knownSuspects returns the suspects that can be found soon.
func (r *Router) knownSuspects(ctx context.Context, routes []rollout.Route, taken *rollout.Taken) []string {
	ctx, stop := context.WithTimeout(ctx, searchTime)
	defer stop()
	idle := time.Duration(0)
	if taken != nil {
		idle = time.Duration(taken.Unchanged * float64(time.Second))
	}
	suspects, _ := r.suspects(ctx, routes, idle) // the failure itself is what matters
	return suspects
}

// Find implements route.Live.
func (r *Router) Find(ctx context.Context, namespace, release string) ([]rollout.Route, error) {
	var routes []rollout.Route
	for _, kind := range []string{"Mapping", "TCPMapping"} {
		objects, err := r.Cluster.List(ctx, manifest.ID{Group: APIGroup, Kind: kind, Namespace: namespace}, rollout.ReleaseLabel+"="+release)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			routes = append(routes, rollout.Route{Pair: rollout.Pair{Canary: object.ID(o)}, Target: derive.Cluster(o, r.Namespace)})
		}
	}
	return routes, nil
}

// Reachable implements route.Live. It also returns an error if an object stops all changes
// of the gateway, or if the gateway still gives requests to a canary whose route does not
// exist.
func (r *Router) Reachable(ctx context.Context, routes []rollout.Route) error {
	exists, err := r.isThere(ctx)
	if err == nil && !exists {
		err = r.unreachable()
	}
	if err == nil {
		err = r.checkVersion(ctx, routes)
	}
	if err != nil {
		return err
	}
	suspects, err := r.suspects(ctx, routes, 0)
	if err != nil {
		return err
	}
	if len(suspects) > 0 {
		return notFollowing(errors.New(strings.Join(suspects, "; ")))
	}
	var wants []Want
	for _, route := range routes {
		_, stable, canary, err := r.pair(ctx, route)
		if err != nil {
			return err
		}
		if canary == nil {
			wants = append(wants, gone(route, stable)...)
		}
	}
	if len(wants) == 0 {
		return nil
	}
	_, err = r.Gateways.VerifyShare(ctx, wants, 0)
	if errors.As(err, new(*NotVerifiedError)) {
		return notFollowing(err)
	}
	return err
}

func notFollowing(err error) error {
	return &rollout.Refusal{Code: rollout.RefusedNotFollowing, Err: err}
}

// suspects returns the objects that stop all changes of the gateway, each with the reason.
// idle is as for Verifier.
func (r *Router) suspects(ctx context.Context, routes []rollout.Route, idle time.Duration) ([]string, error) {
	if len(routes) == 0 {
		return nil, nil
	}
	_, stable, canary, err := r.pair(ctx, routes[0])
	if err != nil {
		return nil, err
	}
	if stable == nil {
		stable = canary
	}
	return r.Gateways.Suspects(ctx, routes[0].Canary.Namespace, derive.Installation(stable), idle)
}

func (r *Router) unreachable() error {
	return fmt.Errorf("there is no pod of Emissary in namespace %s", r.Namespace)
}

// wants returns the shares that a pair of routes should have, after a check with the
// model. A canary's route that does not exist must get no request.
func (r *Router) wants(ctx context.Context, route rollout.Route, percent int) ([]Want, error) {
	object, stable, canary, err := r.pair(ctx, route)
	switch {
	case err != nil:
		return nil, err
	case canary == nil && percent > 0:
		return nil, &rollout.Refusal{Code: rollout.RefusedGone, Objects: []string{route.Canary.String()}}
	case canary == nil:
		return gone(route, stable), nil
	case stable == nil:
		return nil, fmt.Errorf("%s: it no longer exists, so its canary %s gets every request; restore it at once, or delete the canary's objects yourself", route.Stable, route.Canary)
	}
	share, err := derive.RealShare(object, canary, r.Namespace, r.Version)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", route.Canary, err)
	}
	if now := derive.Share(canary, r.Version); now != percent {
		return nil, fmt.Errorf("%s: its weight was set to %d %% but is %d %%: somebody else changes it", route.Canary, percent, now)
	}
	if isTCP(route) {
		return nil, nil // the name of its cluster is unknown
	}
	wants := []Want{r.want(canary, share), r.want(stable, 100-share)}
	wants[0].Canary = true
	return wants, nil
}

// gone returns that a canary's route which does not exist must get no request. The
// gateway may still have it: from an earlier release, or because it applies no change.
// Routes with other conditions than stable's lead there on purpose, such as those of
// pinned users.
func gone(route rollout.Route, stable map[string]any) []Want {
	if route.Target == "" || isTCP(route) {
		return nil
	}
	w := Want{Namespace: route.Canary.Namespace, Mapping: route.Canary.Name, Cluster: route.Target, Canary: true, Gone: true}
	if stable == nil {
		return []Want{w}
	}
	w.Route = RouteOf(object.Spec(stable))
	if w.Route == nil {
		return []Want{w}
	}
	sampled := w
	sampled.Route = &Route{w.Route.Prefix, normal(append(slices.Clone(w.Route.Conditions), derive.SampleHeader))}
	return []Want{w, sampled}
}

// pair reads a pair of routes: the stable object, its route, and the canary's route;
// nil for what does not exist.
func (r *Router) pair(ctx context.Context, route rollout.Route) (object, stable, canary map[string]any, err error) {
	if canary, err = r.Cluster.Get(ctx, route.Canary); err != nil {
		return nil, nil, nil, err
	}
	if object, err = r.Cluster.Get(ctx, route.Stable); err != nil || object == nil {
		return nil, nil, canary, err
	}
	if stable, err = derive.StableRoute(object, route.Name); err != nil {
		err = fmt.Errorf("%s: %w", route.Stable, err)
	}
	return object, stable, canary, err
}

func (r *Router) want(route map[string]any, share float64) Want {
	id := object.ID(route)
	return Want{Namespace: id.Namespace, Mapping: id.Name, Cluster: derive.Cluster(route, r.Namespace), Route: RouteOf(object.Spec(route)), Share: share}
}

// Names implements route.Counted. The connections of TCPMappings have no good or bad
// answers.
func (r *Router) Names(ctx context.Context, route rollout.Route) (stableName, canaryName string, err error) {
	if isTCP(route) {
		return "", "", nil
	}
	_, stable, canary, err := r.pair(ctx, route)
	if err != nil {
		return "", "", err
	}
	name := func(id manifest.ID, o map[string]any) (string, error) {
		if o == nil {
			return "", fmt.Errorf("there are no requests to count: %w", &rollout.Refusal{Code: rollout.RefusedGone, Objects: []string{id.String()}})
		}
		stats := derive.Stats(o, r.Namespace)
		if stats == "" {
			return "", fmt.Errorf("%s: Emissary refuses it, so there are no requests to count", id)
		}
		return stats, nil
	}
	if canaryName, err = name(route.Canary, canary); err != nil {
		return "", "", err
	}
	stableName, err = name(route.Stable, stable)
	return stableName, canaryName, err
}
