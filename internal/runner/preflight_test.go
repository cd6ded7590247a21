package runner

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/canarize/canarize/internal/rollout"
)

// TestRunOfStable: a run of what the cluster has changes nothing, unless it is asked for. One
// different object, even a Secret, makes it a release.
func TestRunOfStable(t *testing.T) {
	for name, tt := range map[string]struct {
		change    func(t *testing.T, w *world, plan *rollout.Plan)
		unchanged bool // the flag
		equal     bool
	}{
		"the same":            {func(*testing.T, *world, *rollout.Plan) {}, false, true},
		"the same, asked for": {func(*testing.T, *world, *rollout.Plan) {}, true, false},
		"another image":       {func(_ *testing.T, _ *world, plan *rollout.Plan) { *plan = *release("shop:2") }, false, false},
		"another Secret":      {func(_ *testing.T, _ *world, plan *rollout.Plan) { plan.Stable[0]["data"] = values{"key": "new"} }, false, false},
		"another Mapping": {func(_ *testing.T, _ *world, plan *rollout.Plan) {
			plan.Stable[3]["spec"] = values{"prefix": "/new", "service": "shop"}
		}, false, false},
		"one more object":      {func(_ *testing.T, w *world, _ *rollout.Plan) { delete(w.objects, id("", "Service", "shop")) }, false, false},
		"fields that it lacks": {func(_ *testing.T, w *world, _ *rollout.Plan) { w.set(stablePods, "5", "metadata", "revision") }, false, true},
		"a canary in progress": {func(t *testing.T, w *world, _ *rollout.Plan) {
			if _, err := w.do(t.Context(), deploy("shop:2")); err != nil {
				t.Error(err)
			}
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				plan := release("shop:1")
				tt.change(t, w, plan)
				how, writes := followed(healthy()), len(w.writes)
				how.Unchanged = tt.unchanged
				s, err := w.runner().Run(t.Context(), shop, rollout.Run{}, plan, how)
				if tt.equal != errors.Is(err, ErrEqual) || !tt.equal && err != nil {
					t.Errorf("%s, %v", s.Phase, err)
				}
				if tt.equal && len(w.writes) > writes {
					t.Errorf("it writes %q", w.writes[writes:])
				}
				if !tt.equal && s.Phase != rollout.Promoted {
					t.Errorf("the release is %s", s.Phase)
				}
			})
		})
	}
}
