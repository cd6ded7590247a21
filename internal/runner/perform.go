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

// untouchedError is that an action failed before it changed anything.
type untouchedError struct{ error }

func (e untouchedError) Unwrap() error { return e.error }

// perform carries actions out, in order, and stops at the first that fails. Taking
// traffic off the canary needs no lock: a weight of 0 is right whoever works on the
// release.
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

// progress tells what is under way.
func (s *actor) progress(format string, args ...any) {
	e := rollout.Event{Time: s.Now().UTC(), Kind: rollout.EventProgress, Phase: s.state.Phase, Weight: s.state.Weight}
	s.Emit(e.Saying(format, args...))
}

func (s *actor) setWeight(ctx context.Context, a rollout.Action) error {
	if a.Weight > max(s.state.Verified, 0) && s.permitted != nil {
		if err := s.permitted(ctx); err != nil {
			return err
		}
	}
	if s.fresh && s.state.Phase == rollout.Deploying {
		if absent, err := s.routeless(ctx); err != nil || absent {
			return err
		}
	}
	routes := s.plan.Routes
	if !s.confirmed { // then it is a weight of 0, and only for what is certainly the canary's
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

// routeless says whether none of the canary's routes is there yet.
func (s *actor) routeless(ctx context.Context) (bool, error) {
	for _, route := range s.plan.Routes {
		if canary, err := s.Objects.Get(ctx, route.Canary); err != nil || canary != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *actor) verify(ctx context.Context, a rollout.Action) error {
	if s.doubtful {
		s.progress("it is not known what the canary's routes stand beside, so that nobody is asked what they give")
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

// scale makes the canary as large as a share needs, beside as many stable pods
// as there are now.
func (s *actor) scale(ctx context.Context, a rollout.Action) error {
	for _, w := range s.plan.Workloads {
		if w.Canary.Kind == "DaemonSet" { // as many as there are nodes
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
	if err := s.Workloads.Ready(ctx, s.workloads(false), s.ReadyTimeout); err != nil {
		return err
	}
	return s.settle(ctx, a.Weight)
}

// settles is how long nodes and gateways take to learn that the canary's first pods
// are ready: kube-proxy writes its rules once a second, and endpoints are collected
// for half a second before that. Requests until then would find nobody.
const settles = 2 * time.Second

// settle waits before the canary's first share, if its pods are so young.
func (s *actor) settle(ctx context.Context, weight int) error {
	left := settles - s.Now().Sub(s.state.Ready)
	if weight == 0 || left <= 0 {
		return nil
	}
	s.progress("waiting until nodes and gateways know the canary's pods")
	return s.Wait(ctx, min(left, settles))
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
	changes, err := s.Objects.Apply(ctx, objects, how)
	for _, c := range changes {
		if how.Try {
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
	return err
}

// applied is an object in the cluster. What the Secrets are that were applied is known:
// they are not watched, so that reading one costs a request.
func (s *actor) applied(ctx context.Context, id manifest.ID) (map[string]any, error) {
	if secret := s.secrets[id]; secret != nil {
		return secret, nil
	}
	return s.Objects.Get(ctx, id)
}

// applyCanary takes fields of the canary's objects from any other owner: they
// are canarize's own.
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
	if err := s.Workloads.Ready(ctx, s.workloads(false), s.ReadyTimeout); err != nil {
		return err
	}
	var err error
	s.tested, _, err = s.canary(ctx, s.applied)
	return err
}

// applyStable replaces the stable objects by those of the plan. The server
// checks all of them before the first one changes. Routes go last, and those of the
// canary take over at once what changed: in between, one of the two might get every
// request.
func (s *actor) applyStable(ctx context.Context, a rollout.Action) error {
	untouched := func(err error) error {
		if s.touched { // by a process before this one
			return err
		}
		return untouchedError{err}
	}
	if err := s.stillTested(ctx); err != nil {
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

// routes is how many of the plan's routes an object has.
func (s *actor) routes(o map[string]any) (n int) {
	id := object.ID(o)
	for _, r := range s.plan.Routes {
		if r.Stable == id {
			n++
		}
	}
	return n
}

// stillTested looks whether the canary is what was tested, when the process that
// decided to promote it has died, maybe long ago.
func (s *actor) stillTested(ctx context.Context) error {
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

// promotable completes an object of the plan with what is not stored in it: the
// content of a Secret is that of the canary's, and the number of pods is the
// autoscaler's business where there is one.
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

// Unscaled is an object without its number of pods, where an autoscaler sets that.
func Unscaled(plan rollout.Plan, o map[string]any) map[string]any {
	id := object.ID(o)
	for _, w := range plan.Workloads {
		if spec, ok := o["spec"].(map[string]any); ok && w.Stable == id && w.Scaler != (manifest.ID{}) {
			o, spec = maps.Clone(o), maps.Clone(spec)
			delete(spec, "replicas")
			o["spec"] = spec
		}
	}
	return o
}

// preflight has the API server check what a promotion would write, but for Secrets,
// whose content is the canary's then.
func (s *actor) preflight(ctx context.Context, plan *rollout.Plan, unverified bool) error {
	var objects []map[string]any
	for _, o := range plan.Stable {
		if object.ID(o).Kind != "Secret" {
			objects = append(objects, Unscaled(*plan, o))
		}
	}
	if !unverified {
		if err := s.reachable(ctx, plan.Routes); err != nil {
			return err
		}
	}
	if err := s.apply(ctx, objects, Apply{Force: s.Force, Try: true}); err != nil {
		return fmt.Errorf("nothing was begun, because the promotion would be refused: %w", err)
	}
	return nil
}

func (s *actor) waitStable(ctx context.Context, _ rollout.Action) error {
	return s.Workloads.Ready(ctx, s.workloads(true), s.ReadyTimeout)
}

// drain waits as long as a request that the canary took may last.
func (s *actor) drain(ctx context.Context, _ rollout.Action) error {
	longest := 0
	for _, r := range s.plan.Routes {
		longest = max(longest, r.TimeoutMS)
	}
	d := min(time.Duration(longest)*time.Millisecond, mostDrain)
	s.progress("waiting %s for requests on their way", d)
	return s.Wait(ctx, d)
}

// mostDrain bounds the wait for requests on their way: a pod that is deleted
// goes on with its own for as long as its grace period.
const mostDrain = 30 * time.Second

// deleteCanary deletes in the opposite order in which objects were made: routes
// first.
func (s *actor) deleteCanary(ctx context.Context, _ rollout.Action) error {
	if err := s.takeOut(ctx); err != nil {
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
