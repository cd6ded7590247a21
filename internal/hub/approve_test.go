package hub_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// TestRefusalsHold checks, from Envoy's statistics on, that a version which answers 404 where
// stable answers is held, and is promoted once a person in another process approves that.
func TestRefusalsHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		ended := make(chan rollout.State, 1)
		go func() {
			s, err := w.run(t.Context(), 0, "refuses:2", analysis.Step{Weight: 20, Hold: 10})
			if err != nil {
				t.Error(err)
			}
			ended <- s
		}()
		time.Sleep(10 * time.Minute)
		held := func(s rollout.State) bool { return s.Judged != nil && s.Judged.Metric == analysis.ClientErrors }
		release := runner.Release{Namespace: "shop", Name: nameOf(0)}
		_, err := w.another(t).EditStatements(t.Context(), release, "", func(s rollout.State, said *rollout.Statements) error {
			if !held(s) || s.Judged.Cause != analysis.Differs || !strings.Contains(s.Judged.Reason, "That is more than chance explains") || s.Weight != 20 {
				t.Errorf("weight %d, %+v", s.Weight, s.Judged)
			}
			said.Approve(rollout.Approval{Gate: analysis.ClientErrors, By: "ann", At: time.Now()})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		spoken := time.Now()
		if s := <-ended; s.Phase != rollout.Promoted || time.Since(spoken) > time.Minute {
			t.Errorf("%s after %s", s.Phase, time.Since(spoken))
		}
		w.gateways.Close()
		synctest.Wait()
	})
}
