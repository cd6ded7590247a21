package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// brakeAfter is how long the gateway may take to take the traffic off the canary before
// that is done without it. A gateway that is well takes less.
const brakeAfter = 2 * time.Second

// patience is how long an action waits for the gateway; 0 is what is usual for it.
func (s *actor) patience(a rollout.Action) time.Duration {
	first := s.state.Phase != rollout.Deploying || s.state.Peak > 0 && s.tested == ""
	if a.Kind == rollout.Verify && a.Weight == 0 && !s.state.Braked && first {
		return brakeAfter
	}
	return 0
}

// brake takes the requests off the canary without the gateway: its Services lead to the
// stable pods, which new connections reach from then on, and its own pods end, which ends
// the old ones. A DaemonSet has no number of pods, so that its pods stay.
func (s *actor) brake(ctx context.Context, _ rollout.Action) error {
	if len(s.plan.Services) == 0 {
		return errors.New("no Service of the canary is known, so that none can lead to the stable pods")
	}
	for _, pair := range s.plan.Services {
		stable, err := s.Objects.Get(ctx, pair.Stable)
		if err != nil {
			return err
		}
		spec, _ := stable["spec"].(map[string]any)
		selector, _ := spec["selector"].(map[string]any)
		canary := s.planned(pair.Canary)
		if len(selector) == 0 || canary == nil {
			return fmt.Errorf("%s selects no pods to which %s could lead", pair.Stable, pair.Canary)
		}
		if err := s.apply(ctx, []map[string]any{withSelector(canary, selector)}, Apply{Force: true}); err != nil {
			return err
		}
	}
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

// withSelector copies a Service, with another selector.
func withSelector(service, selector map[string]any) map[string]any {
	service = maps.Clone(service)
	spec, _ := service["spec"].(map[string]any)
	spec = maps.Clone(spec)
	spec["selector"] = selector
	service["spec"] = spec
	return service
}

// untilBrake leaves out what there is no time for once the canary gets no request.
func untilBrake(actions []rollout.Action) []rollout.Action {
	at := slices.IndexFunc(actions, func(a rollout.Action) bool { return a.Kind == rollout.Brake })
	return actions[:at+1]
}
