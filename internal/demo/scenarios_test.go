//go:build scenarios

package demo

import (
	"fmt"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
)

// TestScenarios plays every scenario: each ends as its story says. They take a minute and
// a half side by side; make scenarios runs them.
func TestScenarios(t *testing.T) {
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r, err := play(t.Context(), Options{Scenario: s, Speed: 2, Run: rollout.Run{Holder: "test"}, Emit: func(e rollout.Event) { t.Log(e.Weight, e.Text) }})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Printf("%-11s %-9s in %4.1f s; of %d requests %d met the canary, which failed %d\n",
				s.Name, r.Phase, r.Took, r.Seen.Stable.Requests+r.Seen.Canary.Requests, r.Seen.Canary.Requests, r.Seen.Canary.Failed)
			if r.Problem != "" {
				t.Error(r.Problem)
			}
		})
	}
}
