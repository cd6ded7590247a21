package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
)

// untouched reports whether no stable object was replaced since the release began. An
// object that cannot be read counts as replaced.
func (s *actor) untouched(ctx context.Context) bool {
	switch s.state.Phase {
	case rollout.Promoting:
		changed, err := s.changed(ctx)
		return err == nil && len(changed) == 0
	case rollout.Retiring:
		is, err := s.promoted(ctx)
		return err == nil && !is
	}
	return true
}

// unrivalled checks that nobody else releases the workloads of a release that begins.
func (s *actor) unrivalled(ctx context.Context, plan *rollout.Plan) error {
	if s.Rivals == nil || s.state.Phase.Active() {
		return nil
	}
	ids := make([]manifest.ID, len(plan.Workloads))
	for i, w := range plan.Workloads {
		ids[i] = w.Stable
	}
	refusal, err := s.Rivals.Rival(ctx, s.release, ids)
	if err == nil && refusal != nil {
		err = RefusedError{refusal}
	}
	return err
}

// reachable checks that a gateway can verify the canary's shares.
func (s *actor) reachable(ctx context.Context, routes []rollout.Route) error {
	err := s.Router.Reachable(ctx, routes)
	if err == nil || ctx.Err() != nil || errors.As(err, new(*rollout.Refusal)) {
		return err
	}
	return &rollout.Refusal{Code: rollout.RefusedNoGateway, Err: err}
}

// beside returns the plan with canary routes that match the current stable ones. The
// routes of the new version may differ. That difference comes with the promotion; before,
// it would separate the canary from stable.
func (s *actor) beside(ctx context.Context, plan *rollout.Plan) (*rollout.Plan, error) {
	synced := *plan
	synced.Canary = slices.Clone(plan.Canary)
	for _, route := range plan.Routes {
		stable, err := s.Objects.Get(ctx, route.Stable)
		if err != nil {
			return nil, err
		}
		if stable == nil {
			return nil, fmt.Errorf("%s: it is not in the cluster, and without it the canary's route gets every request at any weight; apply the stable version first", route.Stable)
		}
		if route.Inside() {
			if _, err := s.Router.Beside(route, stable, stable); err != nil {
				return nil, fmt.Errorf("%s: %w", route.Stable, err)
			}
			continue
		}
		for i, o := range synced.Canary {
			if object.ID(o) != route.Canary {
				continue
			}
			if synced.Canary[i], err = s.Router.Beside(route, stable, o); err != nil {
				return nil, fmt.Errorf("%s: %w", route.Stable, err)
			}
		}
	}
	return &synced, nil
}

// adopt makes plan the plan of the session. It keeps routes of an earlier version that
// plan does not have, so that they get weight 0, too.
func (s *actor) adopt(plan rollout.Plan) error {
	if s.state.Phase.Active() {
		for _, old := range s.plan.Routes {
			if !slices.ContainsFunc(plan.Routes, func(r rollout.Route) bool { return r.Canary == old.Canary }) {
				plan.Routes = append(slices.Clip(plan.Routes), old)
			}
		}
	}
	packed, err := plan.Pack()
	if err != nil {
		return fmt.Errorf("release %s: %w", s.release, err)
	}
	s.plan, s.record.Plan, s.confirmed = plan, packed, true
	return nil
}

// fingerprints returns the digests of the stable objects in the cluster, and the images of
// the workloads among them.
func (s *actor) fingerprints(ctx context.Context, plan rollout.Plan) (prints []rollout.Fingerprint, images []rollout.Image, err error) {
	prints = make([]rollout.Fingerprint, len(plan.Stable))
	for i, o := range plan.Stable {
		id := object.ID(o)
		live, err := s.Objects.Get(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		prints[i] = rollout.Fingerprint{ID: id}
		if live == nil {
			continue
		}
		if prints[i].Digest, err = s.contentDigest(id, live); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", id, err)
		}
		if slices.ContainsFunc(plan.Workloads, func(w rollout.Workload) bool { return w.Stable == id }) {
			images = append(images, rollout.ImagesOf(id, live)...)
		}
	}
	return prints, images, nil
}

// contentDigest leaves out what changes by itself: metadata, status, the number of pods,
// which an autoscaler or a person may change at any time, and the canary's part of a
// route.
func (s *actor) contentDigest(id manifest.ID, object map[string]any) (string, error) {
	object, err := s.withoutCanary(id, object)
	if err != nil {
		return "", err
	}
	content := maps.Clone(object)
	delete(content, "metadata")
	delete(content, "status")
	if spec, ok := content["spec"].(map[string]any); ok {
		spec = maps.Clone(spec)
		delete(spec, "replicas")
		content["spec"] = spec
	}
	return rollout.Digest(content)
}

// changed returns the stable objects that changed since the release began.
func (s *actor) changed(ctx context.Context) (changed []string, err error) {
	for _, before := range s.state.Stable {
		live, err := s.Objects.Get(ctx, before.ID)
		if err != nil {
			return nil, err
		}
		digest := ""
		if live != nil {
			if digest, err = s.contentDigest(before.ID, live); err != nil {
				return nil, fmt.Errorf("%s: %w", before.ID, err)
			}
		}
		if digest != before.Digest {
			changed = append(changed, before.ID.String())
		}
	}
	return changed, nil
}

// canary returns the digest of the canary's pods in the cluster together with the
// configuration they read, and that configuration. The digest is "" if a part is missing.
func (s *actor) canary(ctx context.Context, get func(context.Context, manifest.ID) (map[string]any, error)) (digest string, configs map[manifest.ID]map[string]any, err error) {
	var parts []any
	for _, w := range s.plan.Workloads {
		live, err := get(ctx, w.Canary)
		if err != nil || live == nil {
			return "", nil, err
		}
		parts = append(parts, object.Spec(live)["template"])
	}
	configs = map[manifest.ID]map[string]any{}
	for _, c := range s.plan.Configs {
		live, err := get(ctx, c.Canary)
		if err != nil || live == nil {
			return "", nil, err
		}
		configs[c.Canary] = live
		parts = append(parts, live["data"], live["binaryData"])
	}
	digest, err = rollout.Digest(parts...)
	return digest, configs, err
}

// currentShares reads the canary's routes. It returns their shares in percent, and the
// stable routes that changed after the canary's were made. A run reads the routes from
// the API server once a minute, because the cache may lag.
func (s *actor) currentShares(ctx context.Context) (shares []int, edited []string, err error) {
	for _, route := range s.plan.Routes {
		stable, canary, err := s.pair(ctx, route)
		if err != nil {
			return nil, nil, err
		}
		share := 0 // if the route is missing
		if canary != nil {
			share = s.Router.Share(route, canary)
		}
		shares = append(shares, share)
		if stable == nil || canary == nil {
			continue
		}
		_, changed, err := s.Router.Resync(route, stable, canary)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", route.Stable, err)
		}
		if changed {
			edited = append(edited, route.Stable.String())
		}
	}
	return shares, edited, nil
}

func (s *actor) pair(ctx context.Context, route rollout.Route) (stable, canary map[string]any, err error) {
	get := s.Objects.Get
	if s.bypassCache {
		get = s.Objects.Fresh
	}
	if canary, err = get(ctx, route.Canary); err != nil {
		return nil, nil, err
	}
	stable, err = get(ctx, route.Stable)
	return stable, canary, err
}
