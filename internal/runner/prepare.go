package runner

import (
	"context"
	"fmt"
	"slices"

	"github.com/canarize/canarize/internal/rollout"
)

// step carries out a request, or continues where another process stopped.
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

// prepare completes a request with what rollout.Next needs from the cluster. First it
// undoes what somebody else changed. A rejection needs only whether stable is still the
// old version, because its traffic goes first.
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

// confirmOnce calls confirm once, and only while there is a canary that an earlier
// process deployed. A record that says that stable is the new version is believed if
// stable is.
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

// prepareResume finds out how far the earlier process came.
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
	if s.state.Plan == digest && s.state.Phase == rollout.Standing { // the same plan is already deployed
		request.Fresh.Plan = digest
		return s.confirmOnce(ctx)
	}
	if s.course == nil { // a run has already checked
		// Whoever promotes decides about the fields of other owners.
		if _, err := s.preflight(ctx, plan, request.Unverified, true); err != nil {
			return err
		}
	}
	if plan, err = s.beside(ctx, plan); err != nil {
		return err
	}
	request.Fresh = rollout.Fresh{Plan: digest, Objects: plan.Objects(), Images: plan.Images(), Warnings: plan.Warnings, Gates: request.Fresh.Gates}
	s.fresh = !s.state.Phase.Active()
	if s.state.Plan != digest || s.fresh {
		if request.Fresh.Stable, request.Fresh.Before, err = s.fingerprints(ctx, *plan); err != nil {
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

// correct compares the routes with what the release made them, and undoes harmful
// changes: a weight that somebody else changed, and a canary route that no longer matches
// its stable one.
func (s *session) correct(ctx context.Context) error {
	if s.state.Phase != rollout.Standing {
		return nil
	}
	shares, edited, err := s.currentShares(ctx)
	if err != nil {
		return err
	}
	moved := slices.DeleteFunc(shares, func(share int) bool { return share == s.state.Weight })
	if s.course != nil && len(moved)+len(edited) > 0 {
		s.course.mended = true
	}
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
