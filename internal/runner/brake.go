package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
)

// brakeAfter is how long the gateway may take to apply a weight of 0 before the brake
// is used. A healthy gateway takes less.
const brakeAfter = 2 * time.Second

// patience returns how long an action waits for the gateway; 0 means the gateway's
// default.
func (s *actor) patience(a rollout.Action) time.Duration {
	first := s.state.Phase != rollout.Deploying || s.state.Peak > 0 && s.tested == ""
	if a.Kind == rollout.Verify && a.Weight == 0 && !s.state.Braked && first {
		return brakeAfter
	}
	return 0
}

// brake stops the requests to the canary without the gateway. Its Services select the
// stable pods, so new connections go there. Its own pods end, which closes the existing
// connections. The pods of a DaemonSet stay, because it has no number of replicas.
func (s *actor) brake(ctx context.Context, _ rollout.Action) error {
	if len(s.plan.Services) == 0 {
		return errors.New("the plan has no Service of the canary that could select the stable pods")
	}
	for _, pair := range s.plan.Services {
		stable, err := s.Objects.Get(ctx, pair.Stable)
		if err != nil {
			return err
		}
		selector, _ := object.Spec(stable)["selector"].(map[string]any)
		canary := s.planned(pair.Canary)
		if len(selector) == 0 || canary == nil {
			return fmt.Errorf("%s has no selector that %s could use", pair.Stable, pair.Canary)
		}
		if err := s.apply(ctx, []map[string]any{withSelector(canary, selector)}, Apply{Force: true}); err != nil {
			return err
		}
	}
	s.examineLast(ctx)
	for _, w := range s.plan.Workloads {
		if w.Canary.Kind == "DaemonSet" {
			continue
		}
		if err := s.Workloads.SetReplicas(ctx, w.Canary, 0); err != nil {
			return err
		}
		s.progress("%s: 0 pods", w.Canary)
	}
	return nil
}

// withSelector returns a copy of a Service with another selector.
func withSelector(service, selector map[string]any) map[string]any {
	spec := maps.Clone(object.Spec(service))
	spec["selector"] = selector
	return object.WithSpec(service, spec)
}

// untilBrake drops the actions after the brake: there is no time for them, and the
// canary gets no requests.
func untilBrake(actions []rollout.Action) []rollout.Action {
	at := slices.IndexFunc(actions, func(a rollout.Action) bool { return a.Kind == rollout.Brake })
	return actions[:at+1]
}
