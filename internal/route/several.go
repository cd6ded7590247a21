package route

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Named is a router by its name, which the routes of a plan carry.
type Named struct {
	Name string
	Deriver
}

// Several moves the traffic of releases whose routes belong to several routers, by name.
type Several map[string]Live

// of is the router of a route. Plans of before there were several name none.
func (s Several) of(r rollout.Route) (Live, error) {
	router, known := s[r.Router]
	if r.Router == "" && len(s) > 0 {
		router, known = s[Default], true
	}
	if !known {
		return nil, fmt.Errorf("%s: its router %q is not known; the known ones are %s", r.Stable, r.Router, strings.Join(slices.Sorted(maps.Keys(s)), ", "))
	}
	return router, nil
}

// Default is the router of routes that name none. It stands here because clusters hold
// such routes, in plans that were stored before there were several routers.
const Default = "emissary"

// each calls do with every router that has some of the routes, and with those.
func (s Several) each(routes []rollout.Route, do func(Live, []rollout.Route) error) error {
	var errs []error
	byName := map[string][]rollout.Route{}
	for _, r := range routes {
		if _, err := s.of(r); err != nil {
			errs = append(errs, err)
			continue
		}
		byName[r.Router] = append(byName[r.Router], r)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		router, _ := s.of(byName[name][0])
		errs = append(errs, do(router, byName[name]))
	}
	return errors.Join(errs...)
}

// SetShare implements Live.
func (s Several) SetShare(ctx context.Context, routes []rollout.Route, percent int) error {
	return s.each(routes, func(router Live, own []rollout.Route) error { return router.SetShare(ctx, own, percent) })
}

// Verify implements Live. The proof is that of the router that has the weakest.
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

// Reachable implements Live: every router that has some of the routes must be reachable.
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
	_ = s.each(routes, func(router Live, own []rollout.Route) error { // what has no router gets no share
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
		return nil, fmt.Errorf("%s: its router %s does not know how to take the canary out of it", r.Stable, r.Router)
	}
	return inside.Without(r, stable)
}

// Names implements Counted. The requests of a router that does not count are not counted.
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
