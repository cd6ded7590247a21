package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
)

// The record of a release is a memory, not an authority. Whoever may write ConfigMaps can
// change it, and may have fewer rights than this process. So the record is believed only
// as far as it matches objects that need the right to write workloads. See docs/trust.md.

// PlanAnnotation holds the digest of the stored plan, on every workload of the canary.
const PlanAnnotation = "canarize.dev/plan"

// ErrNotConfirmed reports that the objects in the cluster do not match the record.
var ErrNotConfirmed = errors.New("the record of the release does not match what was deployed: somebody changed the record or the canary; nothing is promoted")

// planDigest returns the digest of a plan in its stored form.
func planDigest(packed []byte) string {
	sum := sha256.Sum256(packed)
	return hex.EncodeToString(sum[:])
}

// stamped returns the canary's objects with the digest of the stored plan on its
// workloads.
func (s *actor) stamped() []map[string]any {
	objects := slices.Clone(s.plan.Canary)
	for i, o := range objects {
		if slices.Contains(s.workloads(false), object.ID(o)) {
			objects[i] = object.WithAnnotations(o, map[string]string{PlanAnnotation: planDigest(s.record.Plan)})
		}
	}
	return objects
}

// confirm checks that the canary was deployed with the stored plan. A canary deployed by
// an earlier canarize carries no digest: its pods have to run the images that the plan
// makes stable.
func (s *actor) confirm(ctx context.Context) error {
	if len(s.plan.Workloads) == 0 {
		return fmt.Errorf("release %s: %w", s.release, ErrNotConfirmed)
	}
	for _, w := range s.plan.Workloads {
		live, err := s.Objects.Get(ctx, w.Canary)
		if err != nil {
			return err
		}
		if live == nil {
			return fmt.Errorf("release %s: %w", s.release, &rollout.Refusal{Code: rollout.RefusedGone, Objects: []string{w.Canary.String()}})
		}
		digest, stamped := annotation(live, PlanAnnotation)
		tested := live
		if stamped { // the pods were compared when they became ready, and are again before a promotion
			tested = s.planned(w.Canary)
		}
		if stamped && digest != planDigest(s.record.Plan) || !s.owns(live) || !s.matches(w, tested) {
			return fmt.Errorf("release %s: %s: %w", s.release, w.Canary, ErrNotConfirmed)
		}
	}
	s.confirmed = true
	return nil
}

// planned returns an object of the plan's canary; nil if it has none with that identity.
func (s *actor) planned(id manifest.ID) map[string]any {
	for _, o := range s.plan.Canary {
		if object.ID(o) == id {
			return o
		}
	}
	return nil
}

// owns reports whether an object in the cluster belongs to the canary of this release.
func (s *actor) owns(o map[string]any) bool {
	return object.Labels(o)[rollout.ReleaseLabel] == s.release.Name
}

// matches reports whether the plan gives the stable workload the images that other has.
func (s *actor) matches(w rollout.Workload, other map[string]any) bool {
	at := slices.IndexFunc(s.plan.Stable, func(o map[string]any) bool { return object.ID(o) == w.Stable })
	if at < 0 {
		return false
	}
	return slices.Equal(rollout.ImagesOf(w.Stable, s.plan.Stable[at]), rollout.ImagesOf(w.Stable, other))
}

// promoted reports whether stable runs the images of the plan or of the canary. The
// canary counts, because an admission webhook may have changed both in the same way.
func (s *actor) promoted(ctx context.Context) (bool, error) {
	for _, w := range s.plan.Workloads {
		stable, err := s.Objects.Get(ctx, w.Stable)
		if err != nil {
			return false, err
		}
		canary, err := s.Objects.Get(ctx, w.Canary)
		if err != nil {
			return false, err
		}
		same := canary != nil && slices.Equal(rollout.ImagesOf(w.Stable, stable), rollout.ImagesOf(w.Stable, canary))
		if stable == nil || !same && !s.matches(w, stable) {
			return false, nil
		}
	}
	return len(s.plan.Workloads) > 0, nil
}

// confirmOrFind makes the plan safe for a rejection. If the objects do not confirm the
// record, it finds the canary's routes by label.
func (s *actor) confirmOrFind(ctx context.Context) error {
	if s.confirmed || s.confirm(ctx) == nil {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	routes, err := s.trusted(ctx)
	if err != nil {
		return err
	}
	if s.state.Phase.Active() || len(routes) > 0 { // a release that is over has no canary
		s.progress("the canary does not match the record of the release, so its routes were found by label")
	}
	s.plan.Routes, s.confirmed, s.doubtful = routes, true, true
	return nil
}

// zeroByLabel takes the traffic off a canary that has no record, or an unreadable one.
// unread is the error of reading it.
func (s *actor) zeroByLabel(ctx context.Context, unread error) error {
	routes, err := s.trusted(ctx)
	if err != nil || len(routes) == 0 {
		return errors.Join(unread, err)
	}
	if err := s.Router.SetShare(ctx, routes, 0); err != nil {
		return errors.Join(unread, err)
	}
	names := make([]string, len(routes))
	for i, route := range routes {
		names[i] = route.Canary.String()
	}
	if unread == nil {
		unread = fmt.Errorf("release %s: no record exists for this canary", s.release)
	}
	// The advice about a broken record no longer applies, so unread is not wrapped.
	return fmt.Errorf("%v; the canary gets no traffic: the weight of %s is 0. Remove it with kubectl delete mappings,tcpmappings,deployments,statefulsets,daemonsets,services,configmaps,secrets,horizontalpodautoscalers -n %s -l %s=%s",
		unread, strings.Join(names, ", "), s.release.Namespace, rollout.ReleaseLabel, s.release.Name)
}

// trusted returns the routes that may be set to 0 whatever the record says: those that
// carry the release's label.
func (s *actor) trusted(ctx context.Context) ([]rollout.Route, error) {
	found, err := s.Router.Find(ctx, s.release.Namespace, s.release.Name)
	if err != nil {
		return nil, err
	}
	for i, route := range found {
		at := slices.IndexFunc(s.plan.Routes, func(r rollout.Route) bool { return r.Canary == route.Canary })
		if at >= 0 {
			found[i] = s.plan.Routes[at]
		}
	}
	return found, nil
}

// removable returns the listed objects that may be deleted: those in the release's
// namespace, and those of the confirmed plan. Delete checks that they carry the release's
// label.
func (s *actor) removable(ids []manifest.ID) []manifest.ID {
	planned := s.plan.Objects()
	return slices.DeleteFunc(slices.Clone(ids), func(id manifest.ID) bool {
		if id.Namespace == s.release.Namespace || !s.doubtful && slices.Contains(planned, id) {
			return false
		}
		s.progress("%s skipped: it is not in the namespace of the release", id)
		return true
	})
}

func annotation(o map[string]any, key string) (value string, found bool) {
	value, found = object.Annotations(o)[key].(string)
	return value, found
}
