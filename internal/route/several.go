package route

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Named is a Deriver with the name of its router. The routes of a plan have this name.
type Named struct {
	Name string
	Deriver
	// DerivesOnly means that its routes cannot be changed in a cluster yet.
	DerivesOnly bool
}

// Several is a Live for routes of several routers, by name.
type Several map[string]Live

// of returns the router of a route. Plans of earlier versions name no router.
func (s Several) of(r rollout.Route) (Live, error) {
	router, known := s[routerOf(r)]
	if !known {
		return nil, fmt.Errorf("%s: unknown router %q; known: %s", r.Stable, r.Router, strings.Join(slices.Sorted(maps.Keys(s)), ", "))
	}
	return router, nil
}

// Default is the router of routes without a router. It is a constant here because
// clusters store such routes, in plans of earlier versions.
const Default = "emissary"

// routerOf returns the name of a route's router.
func routerOf(r rollout.Route) string { return cmp.Or(r.Router, Default) }

// each calls do for every router with its own routes.
func (s Several) each(routes []rollout.Route, do func(Live, []rollout.Route) error) error {
	var errs []error
	byName := map[string][]rollout.Route{}
	for _, r := range routes {
		if _, err := s.of(r); err != nil {
			errs = append(errs, err)
			continue
		}
		byName[routerOf(r)] = append(byName[routerOf(r)], r)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		errs = append(errs, do(s[name], byName[name]))
	}
	return errors.Join(errs...)
}

// SetShare implements Live.
func (s Several) SetShare(ctx context.Context, routes []rollout.Route, percent int) error {
	return s.each(routes, func(router Live, own []rollout.Route) error { return router.SetShare(ctx, own, percent) })
}

// Verify implements Live. The proof is the weakest of all routers.
func (s Several) Verify(ctx context.Context, routes []rollout.Route, percent int, patience time.Duration) (string, rollout.Proof, error) {
	var texts []string
	proof := rollout.SeenOnGateways
	err := s.each(routes, func(router Live, own []rollout.Route) error {
		text, p, err := router.Verify(ctx, own, percent, patience)
		texts = append(texts, text)
		if p != rollout.SeenOnGateways {
			proof = p
		}
		return err
	})
	if err != nil {
		return "", "", err
	}
	return strings.Join(texts, "; "), proof, nil
}

// Reachable implements Live. Every router of the routes must be reachable.
func (s Several) Reachable(ctx context.Context, routes []rollout.Route) error {
	return s.each(routes, func(router Live, own []rollout.Route) error { return router.Reachable(ctx, own) })
}

// Find implements Live.
func (s Several) Find(ctx context.Context, namespace, release string) ([]rollout.Route, error) {
	var all []rollout.Route
	for _, name := range slices.Sorted(maps.Keys(s)) {
		routes, err := s[name].Find(ctx, namespace, release)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			r.Router = name
			all = append(all, r)
		}
	}
	return all, nil
}

// Limit implements Live.
func (s Several) Limit(routes []rollout.Route) int {
	limit := 100
	_ = s.each(routes, func(router Live, own []rollout.Route) error { // a route without a router gets no share
		limit = min(limit, router.Limit(own))
		return nil
	})
	return limit
}

// Share implements Live.
func (s Several) Share(r rollout.Route, canary map[string]any) int {
	router, err := s.of(r)
	if err != nil {
		return 0
	}
	return router.Share(r, canary)
}

// Beside implements Live.
func (s Several) Beside(r rollout.Route, stable, canary map[string]any) (map[string]any, error) {
	router, err := s.of(r)
	if err != nil {
		return nil, err
	}
	return router.Beside(r, stable, canary)
}

// Resync implements Live.
func (s Several) Resync(r rollout.Route, stable, canary map[string]any) (map[string]any, bool, error) {
	router, err := s.of(r)
	if err != nil {
		return nil, false, err
	}
	return router.Resync(r, stable, canary)
}

// Without implements Inside.
func (s Several) Without(r rollout.Route, stable map[string]any) (map[string]any, error) {
	router, err := s.of(r)
	if err != nil {
		return nil, err
	}
	inside, is := router.(Inside)
	if !is {
		return nil, fmt.Errorf("%s: its router %s cannot remove the canary from it", r.Stable, r.Router)
	}
	return inside.Without(r, stable)
}

// Names implements Counted. A router that is not Counted counts no requests.
func (s Several) Names(ctx context.Context, r rollout.Route) (stable, canary string, err error) {
	router, err := s.of(r)
	if err != nil {
		return "", "", err
	}
	if counted, is := router.(Counted); is {
		return counted.Names(ctx, r)
	}
	return "", "", nil
}
