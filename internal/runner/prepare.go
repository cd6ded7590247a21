package runner

import (
	"context"
	"fmt"
	"slices"

	"github.com/canarize/canarize/internal/rollout"
)

// step does one thing that is asked for, or goes on where another process stopped.
func (s *session) step(ctx context.Context, fact rollout.Fact, plan *rollout.Plan) error {
	var err error
	switch f := fact.(type) {
	case rollout.Request:
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
func (s *session) prepare(ctx context.Context, request rollout.Request, plan *rollout.Plan) (rollout.Request, error) {
	var err error
	switch request.Verb {
	case rollout.Deploy:
		err = s.prepareDeploy(ctx, &request, plan)
	case rollout.Shift:
		if err = s.confirmOnce(ctx); err == nil {
			err = s.correct(ctx)
		}
	case rollout.Promote:
		if err = s.confirmOnce(ctx); err == nil {
			err = s.correct(ctx)
		}
		if err == nil && s.state.Phase == rollout.Standing {
			err = s.preparePromote(ctx, &request)
		}
	case rollout.Reject:
		if err = s.confirmOrFind(ctx); err == nil {
			request.Untouched = s.untouched(ctx)
		}
	}
	return request, err
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
	shares, _, err := s.currentShares(ctx)
	if err == nil && len(shares) > 0 {
		r.Found = new(slices.Max(shares))
	}
	return r, err
}

func (s *session) prepareDeploy(ctx context.Context, request *rollout.Request, plan *rollout.Plan) error {
	digest, err := rollout.Digest(plan.Stable, plan.Canary)
	if err != nil {
		return err
	}
	if s.state.Plan == digest && s.state.Phase == rollout.Standing { // it stands as it was deployed
		request.Fresh.Plan = digest
		return s.confirmOnce(ctx)
	}
	if s.course == nil && !request.Unverified { // a run has looked before it began
		if err := s.reachable(ctx, plan.Routes); err != nil {
			return err
		}
	}
	if plan, err = s.beside(ctx, plan); err != nil {
		return err
	}
	request.Fresh = rollout.Fresh{Plan: digest, Objects: plan.Objects(), Images: plan.Images(), Gates: request.Fresh.Gates}
	s.fresh = !s.state.Phase.Active()
	if s.state.Plan != digest || s.fresh {
		if request.Fresh.Stable, err = s.fingerprints(ctx, plan.Stable); err != nil {
			return err
		}
	}
	return s.adopt(*plan)
}

func (s *session) preparePromote(ctx context.Context, request *rollout.Request) error {
	var err error
	if request.Tested, s.configs, err = s.canary(ctx, s.Objects.Fresh); err != nil {
		return err
	}
	request.Changed, err = s.changed(ctx)
	return err
}

// putRight compares the routes with what the release made them and undoes what
// would hurt: a weight that somebody else moved, and a canary route that no
// longer has what its stable one has.
func (s *session) correct(ctx context.Context) error {
	if s.state.Phase != rollout.Standing {
		return nil
	}
	shares, edited, err := s.currentShares(ctx)
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
