package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
)

// ErrEqual reports that a run has nothing to release: the cluster has every object of the
// new version with the same content. Nothing was changed.
var ErrEqual = errors.New("nothing changes: the cluster has exactly these manifests")

// begin checks what a run needs before it deploys.
func (s *session) begin(ctx context.Context, fact rollout.Fact) error {
	c := s.course
	if request, is := fact.(rollout.Request); !is || request.Verb != rollout.Deploy || c.heard.Begun {
		return nil
	}
	equal, err := s.preflight(ctx, c.plan, c.how.Unverified, s.Force)
	if err != nil || !equal || c.how.Unchanged || s.state.Phase.Active() {
		return err
	}
	if equal, err = s.secretsEqual(ctx, c.plan); err != nil || !equal {
		return err
	}
	return ErrEqual
}

// preflight checks what a deployment needs before it changes anything. force says whether
// the promotion will take over fields of other owners. equal reports that a promotion would
// change nothing, Secrets left aside.
func (s *actor) preflight(ctx context.Context, plan *rollout.Plan, unverified, force bool) (equal bool, err error) {
	if err := s.unrivalled(ctx, plan); err != nil {
		return false, err
	}
	if !unverified {
		if err := s.reachable(ctx, plan.Routes); err != nil {
			return false, err
		}
	}
	return s.promotionAccepted(ctx, plan, force)
}

// promotionAccepted lets the API server validate what a promotion would write. Some objects
// cannot be changed, such as the Job of an earlier version: without this check, only the
// promotion of a tested version would find out. It leaves out Secrets that can be changed:
// their content comes from the canary, and reading one costs a request.
func (s *actor) promotionAccepted(ctx context.Context, plan *rollout.Plan, force bool) (equal bool, err error) {
	var objects []map[string]any
	for _, o := range plan.Stable {
		if !changeableSecret(o) {
			objects = append(objects, Unscaled(*plan, o))
		}
	}
	equal, err = s.applyCompared(ctx, objects, Apply{Force: force, Try: true})
	if err != nil {
		return false, fmt.Errorf("nothing was changed, because the API server would refuse the promotion: %w", err)
	}
	return equal, nil
}

func changeableSecret(o map[string]any) bool {
	return object.ID(o).Kind == "Secret" && o["immutable"] != true
}

// secretsEqual compares the Secrets that promotionAccepted leaves out. What the user may not
// read counts as changed.
func (s *actor) secretsEqual(ctx context.Context, plan *rollout.Plan) (bool, error) {
	for _, o := range plan.Stable {
		if !changeableSecret(o) {
			continue
		}
		equal, err := s.applyCompared(ctx, []map[string]any{o}, Apply{Force: true, Try: true})
		if err != nil || !equal {
			return false, ctx.Err()
		}
	}
	return true, nil
}
