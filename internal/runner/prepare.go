package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// step does one thing that is asked for, or goes on where another process stopped.
func (s *session) step(ctx context.Context, fact rollout.Fact, plan *rollout.Plan) error {
	var err error
	switch f := fact.(type) {
	case rollout.Asked:
		fact, err = s.prepare(ctx, f, plan)
	case rollout.Resumed:
		fact, err = s.prepareResume(ctx, f)
	}
	if err != nil {
		return err
	}
	return s.drive(ctx, fact)
}

// prepare looks at the cluster for what has to be known before asked is decided,
// and first puts right what somebody else did in the meantime. Of a rejection nothing
// has to be known, but whether stable is the old version still: traffic goes first.
func (s *session) prepare(ctx context.Context, asked rollout.Asked, plan *rollout.Plan) (rollout.Asked, error) {
	var err error
	switch asked.Verb {
	case rollout.Deploy:
		err = s.prepareDeploy(ctx, &asked, plan)
	case rollout.Shift:
		if err = s.confirmOnce(ctx); err == nil {
			err = s.putRight(ctx)
		}
	case rollout.Promote:
		if err = s.confirmOnce(ctx); err == nil {
			err = s.putRight(ctx)
		}
		if err == nil && s.state.Phase == rollout.Standing {
			err = s.preparePromote(ctx, &asked)
		}
	case rollout.Reject:
		if err = s.ledBack(ctx); err == nil {
			asked.Untouched = s.untouched(ctx)
		}
	}
	return asked, err
}

// confirmOnce is confirm, of what a process before this one has stored: once, and only
// while there is a canary. That stable is the new version is believed if it is.
func (s *session) confirmOnce(ctx context.Context) error {
	if s.confirmed || !s.state.Phase.Active() || s.state.Phase == rollout.Deploying {
		return nil
	}
	if s.state.Phase != rollout.Retiring && s.state.Phase != rollout.Rejecting {
		return s.confirm(ctx)
	}
	if is, err := s.promoted(ctx); err != nil || is || s.state.Phase == rollout.Rejecting {
		return err
	}
	return fmt.Errorf("release %s: %w", s.release, ErrNotConfirmed)
}

// prepareResume looks how far the process before this one came.
func (s *session) prepareResume(ctx context.Context, r rollout.Resumed) (rollout.Resumed, error) {
	if err := s.confirmOnce(ctx); err != nil {
		return r, err
	}
	if s.state.Phase == rollout.Promoting {
		r.Untouched = s.untouched(ctx)
		s.touched = !r.Untouched
	}
	shares, _, err := s.sharesNow(ctx)
	if err == nil && len(shares) > 0 {
		r.Found = new(slices.Max(shares))
	}
	return r, err
}

// untouched says whether no stable object was replaced since the release began. What
// cannot be read may have been.
func (s *session) untouched(ctx context.Context) bool {
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

func (s *session) prepareDeploy(ctx context.Context, asked *rollout.Asked, plan *rollout.Plan) error {
	digest, err := rollout.Digest(plan.Stable, plan.Canary)
	if err != nil {
		return err
	}
	if s.state.Plan == digest && s.state.Phase == rollout.Standing { // it stands as it was deployed
		asked.Fresh.Plan = digest
		return s.confirmOnce(ctx)
	}
	if s.course == nil && !asked.Unverified { // a run has looked before it began
		if err := s.reachable(ctx); err != nil {
			return err
		}
	}
	if plan, err = s.beside(ctx, plan); err != nil {
		return err
	}
	asked.Fresh = rollout.Fresh{Plan: digest, Objects: plan.Objects(), Images: plan.Images(), Gates: asked.Fresh.Gates}
	s.fresh = !s.state.Phase.Active()
	if s.state.Plan != digest || s.fresh {
		if asked.Fresh.Stable, err = s.fingerprints(ctx, plan.Stable); err != nil {
			return err
		}
	}
	return s.adopt(*plan)
}

// reachable makes sure that a gateway can be asked for the canary's shares.
func (s *session) reachable(ctx context.Context) error {
	if err := s.Router.Reachable(ctx); err != nil {
		return fmt.Errorf("nothing was begun, because no share could be verified: %w; name the gateway's namespace, or repeat with --unverified", err)
	}
	return nil
}

// beside gives the plan with the canary's routes as they have to be beside the
// stable ones of today. The new version's own may differ from those: such a change
// comes with the promotion, and until then would part the canary from stable.
func (s *session) beside(ctx context.Context, plan *rollout.Plan) (*rollout.Plan, error) {
	synced := *plan
	synced.Canary = slices.Clone(plan.Canary)
	for _, route := range plan.Routes {
		stable, err := s.Objects.Get(ctx, route.Stable)
		if err != nil {
			return nil, err
		}
		if stable == nil {
			return nil, fmt.Errorf("%s: it is not in the cluster, and a canary's route alone gets every request whatever its weight; apply the stable version first", route.Stable)
		}
		for i, o := range synced.Canary {
			if rollout.IDOf(o) != route.Canary {
				continue
			}
			if synced.Canary[i], err = s.Router.Beside(route, stable, o); err != nil {
				return nil, fmt.Errorf("%s: %w", route.Stable, err)
			}
		}
	}
	return &synced, nil
}

// adopt makes plan the one to go by. Routes of a version before that the new one
// does not have stay in it, so that they are brought to weight 0 too.
func (s *session) adopt(plan rollout.Plan) error {
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

// fingerprints are the digests of objects as they are in the cluster.
func (s *session) fingerprints(ctx context.Context, objects []map[string]any) ([]rollout.Fingerprint, error) {
	prints := make([]rollout.Fingerprint, len(objects))
	for i, o := range objects {
		id := rollout.IDOf(o)
		live, err := s.Objects.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		prints[i] = rollout.Fingerprint{ID: id}
		if live == nil {
			continue
		}
		if prints[i].Digest, err = contentDigest(live); err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
	}
	return prints, nil
}

// contentDigest leaves out what changes by itself: metadata, status, and the
// number of pods, which an autoscaler or a person changes at any time.
func contentDigest(object map[string]any) (string, error) {
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

func (s *session) preparePromote(ctx context.Context, asked *rollout.Asked) error {
	var err error
	if asked.Tested, s.configs, err = s.canary(ctx, s.Objects.Fresh); err != nil {
		return err
	}
	asked.Changed, err = s.changed(ctx)
	return err
}

// changed are the stable objects that are no longer as they were when the release began.
func (s *session) changed(ctx context.Context) (changed []string, err error) {
	for _, before := range s.state.Stable {
		live, err := s.Objects.Get(ctx, before.ID)
		if err != nil {
			return nil, err
		}
		digest := ""
		if live != nil {
			if digest, err = contentDigest(live); err != nil {
				return nil, fmt.Errorf("%s: %w", before.ID, err)
			}
		}
		if digest != before.Digest {
			changed = append(changed, before.ID.String())
		}
	}
	return changed, nil
}

// canary is the digest of the pods of the canary as they are in the cluster, with the
// configuration they read, and that configuration. "" means that some of it is not
// there.
func (s *session) canary(ctx context.Context, get func(context.Context, manifest.ID) (map[string]any, error)) (digest string, configs map[manifest.ID]map[string]any, err error) {
	var parts []any
	for _, w := range s.plan.Workloads {
		live, err := get(ctx, w.Canary)
		if err != nil || live == nil {
			return "", nil, err
		}
		spec, _ := live["spec"].(map[string]any)
		parts = append(parts, spec["template"])
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

// putRight compares the routes with what the release made them and undoes what
// would hurt: a weight that somebody else moved, and a canary route that no
// longer has what its stable one has.
func (s *session) putRight(ctx context.Context) error {
	if s.state.Phase != rollout.Standing {
		return nil
	}
	shares, edited, err := s.sharesNow(ctx)
	if err != nil {
		return err
	}
	moved := slices.DeleteFunc(shares, func(share int) bool { return share == s.state.Weight })
	if len(moved) > 0 {
		if err := s.drive(ctx, rollout.Moved{Weight: slices.Max(moved)}); err != nil {
			return err
		}
	}
	if len(edited) > 0 && s.state.Phase == rollout.Standing {
		return s.drive(ctx, rollout.Edited{Routes: edited})
	}
	return nil
}

// sharesNow reads the canary's routes: the shares that their weights ask for now, in
// percent, and the stable routes that have changed since the canary's were made. A run
// reads them anew once a minute: what a watch has seen may be old.
func (s *session) sharesNow(ctx context.Context) (shares []int, edited []string, err error) {
	for _, route := range s.plan.Routes {
		stable, canary, err := s.pair(ctx, route)
		if err != nil {
			return nil, nil, err
		}
		share := 0 // of a route that is gone
		if canary != nil {
			share = s.Router.Share(canary)
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

func (s *session) pair(ctx context.Context, route rollout.Route) (stable, canary map[string]any, err error) {
	get := s.Objects.Get
	if s.course != nil && s.course.reread {
		get = s.Objects.Fresh
	}
	if canary, err = get(ctx, route.Canary); err != nil {
		return nil, nil, err
	}
	stable, err = get(ctx, route.Stable)
	return stable, canary, err
}
