package runner

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
)

// untouchedError reports that an action failed before it changed anything.
type untouchedError struct{ error }

func (e untouchedError) Unwrap() error { return e.error }

// perform carries out actions in order and stops at the first that fails. Taking traffic
// off the canary needs no lock: a weight of 0 is right whoever works on the release.
func (s *actor) perform(ctx context.Context, actions []rollout.Action) (rollout.Action, error) {
	does := map[rollout.ActionKind]func(context.Context, rollout.Action) error{
		rollout.SetWeight: s.setWeight, rollout.Verify: s.verify, rollout.Scale: s.scale, rollout.Resync: s.resync,
		rollout.ApplyCanary: s.applyCanary, rollout.WaitCanary: s.waitCanary,
		rollout.ApplyStable: s.applyStable, rollout.WaitStable: s.waitStable,
		rollout.Brake: s.brake, rollout.Drain: s.drain, rollout.DeleteCanary: s.deleteCanary,
	}
	for _, a := range actions {
		if err := ctx.Err(); err != nil {
			return a, err
		}
		if s.sure != nil && (a.Kind != rollout.SetWeight || a.Weight > 0) {
			if err := s.sure(ctx); err != nil {
				return a, err
			}
		}
		if err := does[a.Kind](ctx, a); err != nil {
			return a, err
		}
	}
	return rollout.Action{}, nil
}

// progress emits an event about the action in progress.
func (s *actor) progress(format string, args ...any) {
	e := rollout.Event{Time: s.Now().UTC(), Kind: rollout.EventProgress, Phase: s.state.Phase, Weight: s.state.Weight}
	s.Emit(e.WithText(format, args...))
}

func (s *actor) setWeight(ctx context.Context, a rollout.Action) error {
	if a.Weight > max(s.state.Verified, 0) && s.mayGrow != nil {
		if err := s.mayGrow(ctx); err != nil {
			return err
		}
	}
	if s.fresh && s.state.Phase == rollout.Deploying {
		if absent, err := s.noRoutes(ctx); err != nil || absent {
			return err
		}
	}
	routes := s.plan.Routes
	if !s.confirmed { // then the weight is 0, and only routes with the release's label get it
		var err error
		if routes, err = s.trusted(ctx); err != nil {
			return err
		}
	}
	if err := s.Router.SetShare(ctx, routes, a.Weight); err != nil {
		return err
	}
	s.progress("the canary's weight is %d %%", a.Weight)
	return nil
}

// noRoutes reports whether none of the canary's routes exists yet.
func (s *actor) noRoutes(ctx context.Context) (bool, error) {
	for _, route := range s.plan.Routes {
		if canary, err := s.Objects.Get(ctx, route.Canary); err != nil || canary != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *actor) verify(ctx context.Context, a rollout.Action) error {
	if s.doubtful {
		s.progress("the record is not confirmed, so the share is not verified")
		return nil
	}
	text, proof, err := s.Router.Verify(ctx, s.plan.Routes, a.Weight, s.patience(a))
	if err != nil {
		return err
	}
	s.proof = proof
	s.progress("%s", text)
	return nil
}

// scale gives the canary the pods that a share needs, given the current number of stable
// pods.
func (s *actor) scale(ctx context.Context, a rollout.Action) error {
	for _, w := range s.plan.Workloads {
		if w.Canary.Kind == "DaemonSet" { // one pod per node, whatever the share
			continue
		}
		stable, err := s.Objects.Get(ctx, w.Stable)
		if err != nil {
			return err
		}
		target := w.Canary
		if w.Scaler != (manifest.ID{}) {
			target = w.Scaler
		}
		n := w.Replicas.For(object.Replicas(stable), a.Weight)
		now, err := s.Objects.Get(ctx, target)
		if err != nil {
			return err
		}
		if now != nil && object.Replicas(now) == n {
			continue
		}
		if err := s.Workloads.SetReplicas(ctx, target, n); err != nil {
			return err
		}
		s.progress("%s: %d pods for %d %%", target, n, a.Weight)
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	return s.settle(ctx, a.Weight)
}

// settleTime is how long nodes and gateways take to learn that the canary's first pods
// are ready: kube-proxy writes its rules once a second, and endpoints are collected for
// half a second before that. Earlier requests would find no pod.
const settleTime = 2 * time.Second

// settle waits before the canary's first share if its pods became ready only just now.
func (s *actor) settle(ctx context.Context, weight int) error {
	left := settleTime - s.Now().Sub(s.state.Ready)
	if weight == 0 || left <= 0 {
		return nil
	}
	s.progress("waiting for nodes and gateways to learn about the canary's pods")
	return s.Wait(ctx, min(left, settleTime))
}

func (s *actor) workloads(stable bool) []manifest.ID {
	ids := make([]manifest.ID, len(s.plan.Workloads))
	for i, w := range s.plan.Workloads {
		ids[i] = w.Canary
		if stable {
			ids[i] = w.Stable
		}
	}
	return ids
}

func (s *actor) resync(ctx context.Context, _ rollout.Action) error {
	if s.doubtful {
		return nil
	}
	for _, route := range s.plan.Routes {
		stable, canary, err := s.pair(ctx, route)
		if err != nil {
			return err
		}
		if stable == nil || canary == nil {
			continue
		}
		synced, changed, err := s.Router.Resync(route, stable, canary)
		if err != nil {
			return fmt.Errorf("%s: %w", route.Stable, err)
		}
		if changed {
			if err := s.apply(ctx, []map[string]any{synced}, Apply{Force: true}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *actor) apply(ctx context.Context, objects []map[string]any, how Apply) error {
	_, err := s.applyCompared(ctx, objects, how)
	return err
}

// applyCompared reports whether all objects were there, with the same content.
func (s *actor) applyCompared(ctx context.Context, objects []map[string]any, how Apply) (same bool, err error) {
	changes, err := s.Objects.Apply(ctx, objects, how)
	same = err == nil && len(changes) == len(objects)
	for _, c := range changes {
		if same = same && c.Same; how.Try {
			continue
		}
		s.progress("%s %s", c.ID, c.What)
		if c.ID.Kind == "Secret" {
			if s.secrets == nil {
				s.secrets = map[manifest.ID]map[string]any{}
			}
			s.secrets[c.ID] = c.After
		}
	}
	return same, err
}

// applied returns an object from the cluster. Secrets are not watched, so reading one
// costs a request; the ones this process applied are returned from memory.
func (s *actor) applied(ctx context.Context, id manifest.ID) (map[string]any, error) {
	if secret := s.secrets[id]; secret != nil {
		return secret, nil
	}
	return s.Objects.Get(ctx, id)
}

// applyCanary applies the canary's objects. They belong to canarize, so it takes their
// fields over from any other owner.
func (s *actor) applyCanary(ctx context.Context, _ rollout.Action) error {
	if err := s.apply(ctx, s.stamped(), Apply{Force: true}); err != nil {
		return err
	}
	for _, r := range s.plan.Routes {
		if r.Inside() {
			return s.resync(ctx, rollout.Action{})
		}
	}
	return nil
}

func (s *actor) waitCanary(ctx context.Context, _ rollout.Action) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	var err error
	s.tested, _, err = s.canary(ctx, s.applied)
	return err
}

// applyStable replaces the stable objects with those of the plan. The API server
// validates all of them before the first one changes. Routes go last, and the canary's
// routes follow at once: while the two differ, one of them might get every request.
func (s *actor) applyStable(ctx context.Context, a rollout.Action) error {
	untouched := func(err error) error {
		if s.touched { // by an earlier process
			return err
		}
		return untouchedError{err}
	}
	if err := s.checkTested(ctx); err != nil {
		return untouched(err)
	}
	objects := slices.Clone(s.plan.Stable)
	slices.SortStableFunc(objects, func(a, b map[string]any) int {
		return cmp.Compare(s.routes(a), s.routes(b))
	})
	for i, o := range objects {
		var err error
		if objects[i], err = s.withCanary(ctx, s.promotable(o)); err != nil {
			return untouched(err)
		}
	}
	if err := s.apply(ctx, objects, Apply{Force: s.Force, Try: true}); err != nil {
		return untouched(err)
	}
	s.touched = true
	if err := s.apply(ctx, objects, Apply{Force: s.Force}); err != nil {
		return err
	}
	return s.resync(ctx, a)
}

// routes returns how many of the plan's routes an object holds.
func (s *actor) routes(o map[string]any) (n int) {
	id := object.ID(o)
	for _, r := range s.plan.Routes {
		if r.Stable == id {
			n++
		}
	}
	return n
}

// checkTested checks that the canary still is what was tested. It matters if the process
// that decided to promote has died, perhaps long ago.
func (s *actor) checkTested(ctx context.Context) error {
	if s.configs != nil {
		return nil
	}
	digest, configs, err := s.canary(ctx, s.Objects.Fresh)
	if err == nil && digest != s.state.Tested {
		err = &rollout.Refusal{Code: rollout.RefusedCanaryChanged}
	}
	s.configs = configs
	return err
}

// promotable completes an object of the plan with what is not stored. A Secret gets the
// content of the canary's copy. The number of pods is left out if an autoscaler sets it.
func (s *actor) promotable(o map[string]any) map[string]any {
	id := object.ID(o)
	for _, c := range s.plan.Configs {
		if c.Stable == id && id.Kind == "Secret" {
			o = maps.Clone(o)
			o["data"] = s.configs[c.Canary]["data"]
			return o
		}
	}
	return Unscaled(s.plan, o)
}

// Unscaled returns an object without its number of pods if an autoscaler sets that.
func Unscaled(plan rollout.Plan, o map[string]any) map[string]any {
	id := object.ID(o)
	for _, w := range plan.Workloads {
		if spec := maps.Clone(object.Spec(o)); spec != nil && w.Stable == id && w.Scaler != (manifest.ID{}) {
			delete(spec, "replicas")
			o = object.WithSpec(o, spec)
		}
	}
	return o
}

func (s *actor) waitStable(ctx context.Context, _ rollout.Action) error {
	return s.Workloads.Ready(ctx, s.workloads(true), s.ReadyTimeout)
}

// drain waits as long as a request to the canary may take.
func (s *actor) drain(ctx context.Context, _ rollout.Action) error {
	longest := 0
	for _, r := range s.plan.Routes {
		longest = max(longest, r.TimeoutMS)
	}
	d := min(time.Duration(longest)*time.Millisecond, maxDrain)
	s.progress("waiting %s for requests in flight", d)
	return s.Wait(ctx, d)
}

// maxDrain bounds the wait for requests in flight. A deleted pod still serves its own for
// its grace period.
const maxDrain = 30 * time.Second

// deleteCanary deletes the canary's objects in reverse order: routes first.
func (s *actor) deleteCanary(ctx context.Context, _ rollout.Action) error {
	s.examineLast(ctx)
	if err := s.removeInside(ctx); err != nil {
		return err
	}
	ids := s.removable(s.state.Objects)
	slices.Reverse(ids)
	changes, err := s.Objects.Delete(ctx, ids, map[string]string{rollout.ReleaseLabel: s.release.Name})
	for _, c := range changes {
		if c.Why != "" {
			s.progress("%s %s: %s", c.ID, c.What, c.Why)
			continue
		}
		s.progress("%s %s", c.ID, c.What)
	}
	return err
}
