package runner

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/canarize/canarize/internal/rollout"
)

// ready waits until the canary's pods are ready. If they do not become ready, it finds out
// why before anything else happens to them.
func (s *actor) ready(ctx context.Context) error {
	err := s.Workloads.Ready(ctx, s.workloads(false), s.ReadyTimeout)
	if errors.As(err, new(NotReadyError)) {
		s.examine(ctx)
	}
	return err
}

// examineLast is called before pods of a canary end. It stores what it finds at once: nobody
// can find it afterwards. It delays an ending by two seconds at most, and no error of it
// matters.
func (s *actor) examineLast(ctx context.Context) {
	ends := s.state.Phase == rollout.Rejecting || s.state.Phase == rollout.Shifting || s.state.Phase == rollout.Standing
	leaving := s.sure == nil // there is no time
	if ends && !leaving && s.examine(ctx) {
		_ = s.store(ctx, s.state)
	}
}

// examine finds out what is wrong with the canary's pods, unless that is known already. It
// reports whether there is news. A record that is not confirmed may name the workloads of
// somebody else, whose logs are none of its readers' business.
func (s *actor) examine(ctx context.Context) (news bool) {
	if s.Examiner == nil || s.doubtful || len(s.state.Troubles) > 0 {
		return false
	}
	labels := map[string]string{rollout.ReleaseLabel: s.release.Name}
	found := s.Examiner.Examine(ctx, s.workloads(false), labels, slices.Collect(maps.Values(s.secrets)))
	if len(found) == 0 {
		return false
	}
	s.state, _ = rollout.Next(rollout.Spec{}, s.state, rollout.Observation{Time: s.Now(), Fact: rollout.Examined{Troubles: found}})
	return len(s.state.Troubles) > 0
}
