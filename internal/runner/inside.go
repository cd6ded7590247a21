package runner

import (
	"context"
	"fmt"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
)

// A canary route may be a part of a stable object. Such an object is never deleted. A
// promotion keeps the canary's part until stable is ready. The object without that part
// is what counts as stable.

// inside returns the plan's routes that are parts of a stable object.
func (s *actor) inside(id manifest.ID) (routes []rollout.Route) {
	for _, r := range s.plan.Routes {
		if r.Inside() && r.Stable == id {
			routes = append(routes, r)
		}
	}
	return routes
}

// withCanary returns a stable object to apply, with the canary's part of its routes as it
// is in the cluster.
func (s *actor) withCanary(ctx context.Context, o map[string]any) (map[string]any, error) {
	id := object.ID(o)
	for _, r := range s.inside(id) {
		live, err := s.Objects.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		if live == nil {
			return o, nil
		}
		if o, _, err = s.Router.Resync(r, o, live); err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
	}
	return o, nil
}

// withoutCanary returns a stable object without the canary's part of its routes.
func (s *actor) withoutCanary(id manifest.ID, object map[string]any) (map[string]any, error) {
	for _, r := range s.inside(id) {
		router, can := s.Router.(route.Inside)
		if !can {
			return nil, fmt.Errorf("%s: its router cannot remove the canary from it", id)
		}
		var err error
		if object, err = router.Without(r, object); err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
	}
	return object, nil
}

// removeInside removes the canary's parts from stable objects.
func (s *actor) removeInside(ctx context.Context) error {
	for _, r := range s.plan.Routes {
		if !r.Inside() {
			continue
		}
		live, err := s.Objects.Fresh(ctx, r.Stable)
		if err != nil || live == nil {
			return err
		}
		alone, err := s.withoutCanary(r.Stable, live)
		if err != nil {
			return err
		}
		if err := s.apply(ctx, []map[string]any{alone}, Apply{Force: true}); err != nil {
			return err
		}
	}
	return nil
}
